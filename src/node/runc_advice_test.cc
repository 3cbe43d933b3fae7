#include "node/runc_advice.h"

#include <gtest/gtest.h>

namespace leat::node {
namespace {

std::string Output(const std::string& version, const std::string& commit) {
  return "runc version " + version + "\ncommit: " + commit + "\nspec: 1.0.2-dev\ngo: go1.19.8\n";
}

TEST(RuncAdvice, TellsOfReleasesThatAreKnownToLackFixes) {
  for (const auto& [version, commit] :
       {std::pair("1.1.5+ds1", "1.1.5+ds1-1+deb12u1"), std::pair("1.1.5+ds1", "1.1.5+ds1-1+b1"),
        std::pair("1.1.12", "v1.1.12-0-g51d5e946"), std::pair("1.2.7", "v1.2.7-0-gabcdef0"),
        std::pair("1.3.2", "v1.3.2-0-gabcdef0"),
        std::pair("1.4.0-rc.2", "v1.4.0-rc.2-0-gabcdef0")}) {
    const std::string advice = RuncAdvice(Output(version, commit));
    EXPECT_NE(advice.find("update runc"), std::string::npos) << version;
    EXPECT_NE(advice.find(version), std::string::npos) << advice;
  }
}

TEST(RuncAdvice, SaysNothingOfReleasesThatHaveThem) {
  for (const char* version : {"1.2.8", "1.3.3", "1.4.0-rc.3", "1.4.0", "1.5.1", "2.0.0"})
    EXPECT_EQ(RuncAdvice(Output(version, "v" + std::string(version) + "-0-gabcdef0")), "")
        << version;
}

TEST(RuncAdvice, SaysNothingWhereTheNumberDoesNotTell) {
  for (const auto& [version, commit] :
       {std::pair("1.1.5+ds1", "1.1.5+ds1-1+deb12u2"),
        std::pair("1.1.15+ds1", "1.1.15+ds1-2+deb13u1"), std::pair("1.1.12-0ubuntu2~22.04.1", ""),
        std::pair("1.2.5", ""), std::pair("unknown", "")})
    EXPECT_EQ(RuncAdvice(Output(version, commit)), "") << version;
  EXPECT_EQ(RuncAdvice(""), "");
}

}  // namespace
}  // namespace leat::node
