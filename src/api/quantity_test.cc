#include "api/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace leat::api {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

TEST(Quantity, ReadsEverySuffixInThousandths) {
  const std::pair<const char*, int64_t> cases[] = {
      {"0", 0},
      {"2", 2000},
      {"+2", 2000},
      {"-2", -2000},
      {"500m", 500},
      {"0.5", 500},
      {".5", 500},
      {"1.", 1000},
      {"1k", 1'000'000},
      {"1Ki", 1'024'000},
      {"1.5Gi", 1'610'612'736'000},
      {"1e3", 1'000'000},
      {"1E3", 1'000'000},
      {"12e-1", 1200},
      {"1M", 1'000'000'000},
      {"3T", 3'000'000'000'000'000},
      {"2Pi", 2'251'799'813'685'248'000},
      {"100u", 1},  // rounded away from zero
      {"1n", 1},
      {"-1n", -1},
      {"0.0005", 1},
      {"1.0000000000000000000000000000001", 1001},
      {"0.000000000000000000000000000000", 0},
      {"1234567890123456.789", 1'234'567'890'123'456'789},
  };
  for (const auto& [text, milli] : cases) {
    const Result<int64_t> read = ParseQuantityMilli(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_EQ(*read, milli) << text;
  }
}

TEST(Quantity, SaturatesBeyondWhatFits) {
  for (const char* text : {"1E", "16Ei", "9999999999999999999", "1e9999", "1e999999999999"})
    EXPECT_EQ(ParseQuantityMilli(text).value_or(0), kMost) << text;
  EXPECT_EQ(ParseQuantityMilli("-9Ei").value_or(0), -kMost);
  EXPECT_EQ(ParseQuantityMilli("1e-9999").value_or(0), 1);
  EXPECT_EQ(ParseQuantityMilli("0e9999").value_or(1), 0);
}

TEST(Quantity, RefusesWhatIsNoQuantity) {
  for (const char* text : {"", "m", ".", "1.2.3", "1 Gi", "1gi", "Gi", "1e", "1ee3", "--1", "0x10",
                           "1KiB", "1,5", "+", "1e1.5", "\xff"}) {
    const Result<int64_t> read = ParseQuantityMilli(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, Code::kInvalid);
    EXPECT_EQ(read.error().message,
              "quantities must match the regular expression "
              "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  EXPECT_FALSE(ParseQuantityMilli(std::string(100'000, '9')).has_value());
}

TEST(Quantity, TakesJsonNumbersStringsAndNothing) {
  EXPECT_EQ(QuantityMilli(2).value_or(-1), 2000);
  EXPECT_EQ(QuantityMilli(0.5).value_or(-1), 500);
  EXPECT_EQ(QuantityMilli("3").value_or(-1), 3000);
  EXPECT_EQ(QuantityMilli(nullptr).value_or(-1), 0);
  EXPECT_FALSE(QuantityMilli(true).has_value());
  EXPECT_EQ(QuantityUnits("1Gi").value_or(-1), 1 << 30);
  EXPECT_EQ(QuantityUnits("1500m").value_or(-1), 2);
}

TEST(Quantity, PrintsCanonicalText) {
  EXPECT_EQ(FormatMilli(500), "500m");
  EXPECT_EQ(FormatMilli(2000), "2");
  EXPECT_EQ(FormatMilli(-1500), "-1500m");
  EXPECT_EQ(FormatMilli(0), "0");
  EXPECT_EQ(FormatBytes(int64_t{1} << 30), "1Gi");
  EXPECT_EQ(FormatBytes(int64_t{1536} << 20), "1536Mi");
  EXPECT_EQ(FormatBytes(1000), "1000");
  EXPECT_EQ(FormatBytes(0), "0");
}

}  // namespace
}  // namespace leat::api
