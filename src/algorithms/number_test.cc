#include "algorithms/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace leat::algorithms {
namespace {

TEST(Number, ReadsAllDecimalForms) {
  EXPECT_EQ(ParseNumber("0").value, 0.0f);
  EXPECT_EQ(ParseNumber("-1.5").value, -1.5f);
  EXPECT_EQ(ParseNumber("+2").value, 2.0f);
  EXPECT_EQ(ParseNumber(".5").value, 0.5f);
  EXPECT_EQ(ParseNumber("5.").value, 5.0f);
  EXPECT_EQ(ParseNumber("1e3").value, 1000.0f);
  EXPECT_EQ(ParseNumber("1E+3").value, 1000.0f);
  EXPECT_EQ(ParseNumber("9.960937500000000000e-01").value, 0.99609375f);
  EXPECT_EQ(ParseNumber(" \t7 ").value, 7.0f);
}

TEST(Number, EmptyAndNanAreMissing) {
  for (const char* text : {"", " ", "nan", "NaN", "-nan"}) {
    EXPECT_EQ(ParseNumber(text).kind, NumberKind::kMissing) << text;
    EXPECT_TRUE(std::isnan(ParseNumber(text).value)) << text;
  }
}

TEST(Number, BeyondFloatIsTooLargeAndBelowItIsZero) {
  for (const char* text : {"inf", "-Infinity", "1e39", "-1e400", "1e99999"})
    EXPECT_EQ(ParseNumber(text).kind, NumberKind::kTooLarge) << text;
  for (const char* text : {"1e-60", "-1e-400", "0e99999"}) {
    EXPECT_EQ(ParseNumber(text).kind, NumberKind::kNumber) << text;
    EXPECT_EQ(ParseNumber(text).value, 0.0f) << text;
  }
}

TEST(Number, AnythingElseIsNotANumber) {
  for (const char* text : {"x", "1x", "0x10", "1 2", "--1", "+-1", "1e", "e5", ".", "\"1\"", "1,2"})
    EXPECT_EQ(ParseNumber(text).kind, NumberKind::kNotANumber) << text;
}

TEST(Number, ReadsWhatStrtodReadsRoundedToFloat) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t bits = static_cast<uint32_t>(random());
    float wanted = 0;
    std::memcpy(&wanted, &bits, sizeof wanted);
    if (!std::isfinite(wanted)) continue;
    char text[64];
    const char* formats[] = {"%.18e", "%.9g", "%.3e", "%.17g"};
    std::snprintf(text, sizeof text, formats[i % 4], static_cast<double>(wanted));
    const auto expected = static_cast<float>(std::strtod(text, nullptr));
    if (!std::isfinite(expected)) continue;
    float read = -1;
    const char* end = text + std::strlen(text);
    ASSERT_EQ(ReadNumber(text, end, read), end) << text;
    ASSERT_EQ(std::memcmp(&read, &expected, sizeof read), 0) << text;
  }
}

TEST(Number, PrintsLikePython) {
  EXPECT_EQ(PrintNumber(8.0f), "8.0");
  EXPECT_EQ(PrintNumber(0.1f), "0.1");
  EXPECT_EQ(PrintNumber(0.1558), "0.1558");
}

}  // namespace
}  // namespace leat::algorithms
