#include "algorithms/ubjson.h"

#include <gtest/gtest.h>

#include <string>

namespace leat::algorithms {
namespace {

using std::string_literals::operator""s;

// {"a": 1, "b": [float32 x 2], "c": "x", "d": {}, "e": [true, null]}
const std::string kObject = "{i\1ai\1i\1b[$d#i\2\0\0\0\0\1\1\1\1i\1cSi\1xi\1d{}i\1e[TZ]}"s;

TEST(Ubjson, AWholeObjectIsTakenAndNothingShorter) {
  EXPECT_TRUE(IsWholeUbjson(kObject));
  for (size_t n = 0; n < kObject.size(); ++n)
    EXPECT_FALSE(IsWholeUbjson(std::string_view(kObject).substr(0, n))) << n;
  EXPECT_FALSE(IsWholeUbjson(kObject + "x"));
}

TEST(Ubjson, CountsThatGoBeyondTheBytesAreRefused) {
  EXPECT_FALSE(
      IsWholeUbjson("{L\x7f\xff\xff\xff\xff\xff\xff\xff"
                    "ai\1}"s));
  EXPECT_FALSE(IsWholeUbjson("{i\1a[$D#L\x20\0\0\0\0\0\0\0}"s));
  EXPECT_FALSE(
      IsWholeUbjson("{i\xff"
                    "ai\1}"s));
  EXPECT_FALSE(IsWholeUbjson("{i\1a[#L\x7f\xff\xff\xff\xff\xff\xff\xff}"s));
}

TEST(Ubjson, DeepNestingIsRefusedNotFollowed) {
  std::string deep = "{i\1a"s + std::string(100000, '[');
  EXPECT_FALSE(IsWholeUbjson(deep));
}

}  // namespace
}  // namespace leat::algorithms
