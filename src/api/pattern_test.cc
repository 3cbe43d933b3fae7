#include "api/pattern.h"

#include <gtest/gtest.h>

namespace leat::api {
namespace {

std::shared_ptr<const Pattern> Compiled(std::string_view expression) {
  auto pattern = Pattern::Compile(expression);
  EXPECT_TRUE(pattern) << pattern.error().message;
  return *pattern;
}

TEST(Pattern, MatchesAnywhere) {
  EXPECT_TRUE(Compiled("b+")->Matches("abbc"));
  EXPECT_FALSE(Compiled("^b")->Matches("abbc"));
}

TEST(Pattern, CapturesTheFirstGroupOfTheFirstMatch) {
  const std::string text = "loss=0.5 loss=0.25";
  const auto captured = Compiled(R"(loss=(\S+))")->Capture(text);
  ASSERT_TRUE(captured);
  EXPECT_EQ(*captured, "0.5");
  EXPECT_EQ(captured->data(), text.data() + 5);  // a part of the text, not a copy
  EXPECT_EQ(Compiled("(a)(b)")->Capture("xab"), "a");
  EXPECT_EQ(Compiled("a(.*)$")->Capture("a"), "");
}

TEST(Pattern, CapturesNothingWithoutAMatchOrAGroup) {
  EXPECT_FALSE(Compiled(R"(loss=(\S+))")->Capture("accuracy=1"));
  EXPECT_FALSE(Compiled("loss")->Capture("loss=1"));
  EXPECT_FALSE(Compiled("a|(b)")->Capture("a"));
}

TEST(Pattern, WhatIsWrongWithAnExpressionIsSaid) {
  const auto pattern = Pattern::Compile("loss=(?=x)");
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().code, Code::kInvalid);
  EXPECT_NE(pattern.error().message.find("\"loss=(?=x)\" is not a regular expression: "),
            std::string::npos);
}

}  // namespace
}  // namespace leat::api
