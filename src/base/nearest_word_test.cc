#include "base/nearest_word.h"

#include <gtest/gtest.h>

#include <vector>

namespace leat {
namespace {

TEST(NearestWord, IsTheOneOfTheFewestSlips) {
  const std::vector<std::string> words = {"up", "cp", "mount", "--data-dir", "--aws-tls"};
  EXPECT_EQ(NearestWord("pu", words), "up");  // swapped
  EXPECT_EQ(NearestWord("upp", words), "up");
  EXPECT_EQ(NearestWord("moutn", words), "mount");
  EXPECT_EQ(NearestWord("--datadir", words), "--data-dir");
  EXPECT_EQ(NearestWord("--data_dri", words), "--data-dir");
}

TEST(NearestWord, IsNoneWhenNoneIsNear) {
  const std::vector<std::string> words = {"up", "cp", "--data-dir"};
  EXPECT_EQ(NearestWord("frobnicate", words), "");
  EXPECT_EQ(NearestWord("xy", words), "");
  EXPECT_EQ(NearestWord("", words), "");
  EXPECT_EQ(NearestWord(std::string(100'000, 'u'), words), "");
  EXPECT_EQ(NearestWord("up", {}), "");
}

}  // namespace
}  // namespace leat
