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

// As apimachinery's Quantity prints them: by itself, and in a list of resources, where it rounds to
// thousandths.
TEST(Quantity, HasOneTextForEachValue) {
  struct Case {
    const char* written;
    const char* canonical;
    const char* of_resource;
  };
  const Case cases[] = {
      {"0", "0", "0"},
      {"-0", "0", "0"},
      {"+0", "0", "0"},
      {"00", "0", "0"},
      {"0m", "0", "0"},
      {"0Ki", "0", "0"},
      {"0.0", "0", "0"},
      {"0e5", "0", "0"},
      {"2", "2", "2"},
      {"+2", "2", "2"},
      {"-2", "-2", "-2"},
      {"007", "7", "7"},
      {"1000m", "1", "1"},
      {"100m", "100m", "100m"},
      {"0.1", "100m", "100m"},
      {"0.5", "500m", "500m"},
      {".5", "500m", "500m"},
      {"1.", "1", "1"},
      {"1.5", "1500m", "1500m"},
      {"1500m", "1500m", "1500m"},
      {"1.0", "1", "1"},
      {"1.50", "1500m", "1500m"},
      {"1e3", "1e3", "1e3"},
      {"1E3", "1e3", "1e3"},
      {"1.5e3", "1500", "1500"},
      {"1e-3", "1e-3", "1e-3"},
      {"1e-1", "100e-3", "100e-3"},
      {"12e-1", "1200e-3", "1200e-3"},
      {"1e2", "100", "100"},
      {"1e4", "10e3", "10e3"},
      {"1e0", "1", "1"},
      {"1e1", "10", "10"},
      {"1000", "1k", "1k"},
      {"10000", "10k", "10k"},
      {"1000000", "1M", "1M"},
      {"1k", "1k", "1k"},
      {"1000k", "1M", "1M"},
      {"1024k", "1024k", "1024k"},
      {"1500k", "1500k", "1500k"},
      {"0.5k", "500", "500"},
      {"1.5k", "1500", "1500"},
      {"1M", "1M", "1M"},
      {"1000M", "1G", "1G"},
      {"1G", "1G", "1G"},
      {"1T", "1T", "1T"},
      {"1P", "1P", "1P"},
      {"1E", "1E", "1E"},
      {"1000E", "1e21", "1e21"},
      {"10E", "10E", "10E"},
      {"1024", "1024", "1024"},
      {"1Ki", "1Ki", "1Ki"},
      {"1024Ki", "1Mi", "1Mi"},
      {"1024Mi", "1Gi", "1Gi"},
      {"1025Ki", "1025Ki", "1025Ki"},
      {"1536Mi", "1536Mi", "1536Mi"},
      {"1.5Gi", "1536Mi", "1536Mi"},
      {"0.5Gi", "512Mi", "512Mi"},
      {"0.5Ki", "512", "512"},
      {"0.5Mi", "512Ki", "512Ki"},
      {"0.0001Ki", "102400u", "103m"},
      {"1.1Ki", "1126400m", "1126400m"},
      {"1000Ki", "1000Ki", "1000Ki"},
      {"1Ti", "1Ti", "1Ti"},
      {"1024Ti", "1Pi", "1Pi"},
      {"1Pi", "1Pi", "1Pi"},
      {"1Ei", "1Ei", "1Ei"},
      {"8Ei", "9223372036854775807", "9223372036854775807"},
      {"7Ei", "7Ei", "7Ei"},
      {"16Ei", "9223372036854775807", "9223372036854775807"},
      {"-1Ki", "-1Ki", "-1Ki"},
      {"-1024Mi", "-1Gi", "-1Gi"},
      {"-0.5Mi", "-512Ki", "-512Ki"},
      {"100u", "100u", "1m"},
      {"1n", "1n", "1m"},
      {"1u", "1u", "1m"},
      {"0.5n", "1n", "1m"},
      {"0.1n", "1n", "1m"},
      {"-0.5n", "-1n", "-1m"},
      {"1.5n", "2n", "1m"},
      {"1.2345678901", "1234567891n", "1235m"},
      {"1.23456789", "1234567890n", "1235m"},
      {"123456789.123456789", "123456789123456789n", "123456789124m"},
      {"0.0005", "500u", "1m"},
      {"0.0015", "1500u", "2m"},
      {"999999999999999999", "999999999999999999", "999999999999999999"},
      {"9999999999999999999", "9999999999999999999", "9999999999999999999"},
      {"99999999999999999999", "99999999999999999999", "99999999999999999999"},
      {"9223372036854775807", "9223372036854775807", "9223372036854775807"},
      {"9223372036854775808", "9223372036854775808", "9223372036854775808"},
      {"-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
      {"1e9", "1e9", "1e9"},
      {"1e18", "1e18", "1e18"},
      {"1e19", "10e18", "10e18"},
      {"1e30", "1e30", "1e30"},
      {"1e-9", "1e-9", "1e-3"},
      {"1e-10", "1e-9", "1e-3"},
      {"1e-30", "1e-9", "1e-3"},
      {"123e-7", "12300e-9", "1e-3"},
      {"1.5e-3", "1500e-6", "2e-3"},
      {"0.00001", "10u", "1m"},
      {"100k", "100k", "100k"},
      {"1.25Ki", "1280", "1280"},
      {"0.001Ki", "1024m", "1024m"},
      {"512", "512", "512"},
      {"512Mi", "512Mi", "512Mi"},
      {"2048Mi", "2Gi", "2Gi"},
      {"3145728Ki", "3Gi", "3Gi"},
      {"3.", "3", "3"},
      {"3.Gi", "3Gi", "3Gi"},
      {"0.1Ei", "115292150460684697600m", "115292150460684697600m"},
      {"1.5Ei", "1536Pi", "1536Pi"},
      {"9Ei", "9223372036854775807", "9223372036854775807"},
      {"9000Pi", "9223372036854775807", "9223372036854775807"},
      {"1e1000", "10e999", "10e999"},
      {" 1 ", "1", "1"},
      {"1e+3", "1e3", "1e3"},
      {"1E+3", "1e3", "1e3"},
      {"1E", "1E", "1E"},
      {"-.5", "-500m", "-500m"},
      {"0.m", "0", "0"},
      {"12345678901234567890m", "12345678901234567890m", "12345678901234567890m"},
      {"1234567890123456789012m", "1234567890123456789012m", "1234567890123456789012m"},
      {"5000m", "5", "5"},
      {"1001m", "1001m", "1001m"},
      {"0.0000000001k", "100n", "1m"},
      {"1000000Ki", "1000000Ki", "1000000Ki"},
      {"1E2", "100", "100"},
      {"1e03", "1e3", "1e3"},
      {"1e00", "1", "1"},
      {"100000000000000000000n", "100G", "100G"},
      {"0.3Gi", "322122547200m", "322122547200m"},
      {"0.33Ki", "337920m", "337920m"},
      {"1.001Ki", "1025024m", "1025024m"},
      {"1023Ki", "1023Ki", "1023Ki"},
      {"62.5Ki", "64k", "64k"},
      {"2147483648", "2147483648", "2147483648"},
      {"1e6", "1e6", "1e6"},
      {"12e6", "12e6", "12e6"},
      {"1.2e6", "1200e3", "1200e3"},
      {"1e5", "100e3", "100e3"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(CanonicalQuantity(one.written).value_or("refused"), one.canonical) << one.written;
    EXPECT_EQ(CanonicalQuantity(one.written, kMilli).value_or("refused"), one.of_resource)
        << one.written;
    EXPECT_EQ(CanonicalQuantity(one.canonical).value_or("refused"), one.canonical);
    EXPECT_EQ(CanonicalQuantity(one.of_resource, kMilli).value_or("refused"), one.of_resource);
  }
}

TEST(Quantity, TooFarAwayToBeKeptIsRefused) {
  for (const char* text : {"1e10000", "5000000e9999", "0.0001e10005", "-1e4000900000"})
    EXPECT_FALSE(CanonicalQuantity(json::Value(text))) << text;
  EXPECT_EQ(CanonicalQuantity(json::Value("0e10000")).value_or(""), "0");
  const std::string most = CanonicalQuantity(json::Value("123e9996")).value_or("");
  EXPECT_EQ(most, "123e9996");
  EXPECT_EQ(CanonicalQuantity(json::Value(most)).value_or(""), most);
}

TEST(Quantity, MakesTextsOfNumbers) {
  const std::pair<json::Value, const char*> cases[] = {
      {2, "2"},       {0, "0"},       {-1, "-1"},       {1000, "1k"}, {0.1, "100m"},
      {1.5, "1500m"}, {1e21, "1e21"}, {1e-7, "100e-9"}, {2.0, "2"}};
  for (const auto& [number, text] : cases)
    EXPECT_EQ(CanonicalQuantity(number).value_or("refused"), text) << json::Print(number);
  for (const json::Value& other : {json::Value(true), json::Value(), json::Array({}),
                                   json::Value("1e3Ki"), json::Value(""), json::Value("1 Gi")})
    EXPECT_FALSE(CanonicalQuantity(other)) << json::Print(other);
}

}  // namespace
}  // namespace leat::api
