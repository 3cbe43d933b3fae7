#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "json/value.h"

namespace leat::json {
namespace {

using std::string_view_literals::operator""sv;

TEST(Print, EqualValuesPrintTheSameBytes) {
  Value a, b;
  a.Set("x", 1).Set("a", Array({true, nullptr}));
  b.Set("a", Array({true, nullptr})).Set("x", 1.0);
  EXPECT_EQ(Print(a), R"({"a":[true,null],"x":1})");
  EXPECT_EQ(Print(a), Print(b));
}

TEST(Print, EscapesOnlyWhatJsonRequires) {
  EXPECT_EQ(Print(Value("\"\\/\b\f\n\r\t\x01\x1f\0<>&é\x7f"sv)),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000<>&é\x7f\"");
}

TEST(Print, ReplacesInvalidUtf8) {
  EXPECT_EQ(Print(Value("a\xFF"
                        "b\xE2\x82"
                        "c€")),
            "\"a\uFFFD"
            "b\uFFFD\uFFFD"
            "c€\"");
  EXPECT_TRUE(Parse(Print(Value("\xED\xA0\x80"))));
}

TEST(Print, DoublesAreShortestAndWholeOnesHaveNoFraction) {
  EXPECT_EQ(Print(Value(1.0)), "1");
  EXPECT_EQ(Print(Value(0.1)), "0.1");
  EXPECT_EQ(Print(Value(-2.5)), "-2.5");
  EXPECT_EQ(Print(Value(1000000.0)), "1000000");
  EXPECT_EQ(Print(Value(1e300)), "1e+300");
  EXPECT_EQ(Print(Value(-0.0)), "-0.0");
  EXPECT_EQ(Print(Value(std::nan(""))), "null");
  EXPECT_EQ(Print(Value(-std::numeric_limits<double>::infinity())), "null");
}

TEST(Print, DoublesReadBackEqual) {
  for (double d : {1e-7, 1.0 / 3, 9e15, 9.007199254740993e15, 9.2e18, 1e19, 1e22, 5e-324,
                   std::numeric_limits<double>::max(), -123456.789}) {
    const Result<Value> back = Parse(Print(Value(d)));
    ASSERT_TRUE(back) << d;
    EXPECT_EQ(*back, Value(d)) << Print(Value(d));
  }
}

TEST(Print, IntegersKeepEveryDigit) {
  EXPECT_EQ(Print(Value(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(Print(Value(INT64_MAX)), "9223372036854775807");
}

TEST(PrintPretty, IndentsByTwoBlanks) {
  EXPECT_EQ(PrintPretty(Object({{"a", Array({1, Object()})}, {"b", Array()}})),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

}  // namespace
}  // namespace leat::json
