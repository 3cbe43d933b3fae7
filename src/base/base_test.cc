#include <gtest/gtest.h>

#include <thread>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/strings.h"

namespace leat {
namespace {

using namespace std::chrono_literals;

Result<int> Half(int n) {
  if (n % 2 != 0) return Error{Code::kInvalid, "odd"};
  return n / 2;
}

TEST(Result, CarriesEitherTheValueOrTheError) {
  EXPECT_EQ(*Half(4), 2);
  EXPECT_EQ(Half(3).error().code, Code::kInvalid);
  EXPECT_EQ(Half(3).error().Within("halving 3").message, "halving 3: odd");
}

TEST(Time, RoundTripsThroughItsTextForms) {
  const auto time = ParseTime("2026-11-22T04:10:24.123456789Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(FormatTime(*time), "2026-11-22T04:10:24Z");
  EXPECT_EQ(FormatTimeMicro(*time), "2026-11-22T04:10:24.123456Z");
  EXPECT_EQ(FormatTimeNano(*time), "2026-11-22T04:10:24.123456789Z");
  EXPECT_EQ(FormatTime(*ParseTime("2026-11-22T04:10:24+02:00")), "2026-11-22T02:10:24Z");
}

TEST(Time, RefusesWhatIsNotRfc3339) {
  for (const char* bad : {"", "2026", "2026-13-01T00:00:00Z", "2026-11-22 04:10:24Z",
                          "2026-11-22T04:10:24", "2026-11-22T04:10:24Zx"})
    EXPECT_FALSE(ParseTime(bad)) << bad;
}

TEST(Time, YearsBeyondReachReadAsTheNearestThatCanBeHeld) {
  EXPECT_GT(*ParseTime("9999-12-31T23:59:59Z"), *ParseTime("2260-01-01T00:00:00Z"));
  EXPECT_LT(*ParseTime("0001-01-01T00:00:00Z"), *ParseTime("1680-01-01T00:00:00Z"));
}

TEST(Time, AgesReadAsKubectlWritesThem) {
  EXPECT_EQ(HumanDuration(42s), "42s");
  EXPECT_EQ(HumanDuration(192s), "3m12s");
  EXPECT_EQ(HumanDuration(2h), "120m");
  EXPECT_EQ(HumanDuration(5h), "5h");
  EXPECT_EQ(HumanDuration(24h * 7 + 3h), "7d3h");
}

TEST(FakeClock, WakesASleeperWhenItsTimeHasCome) {
  FakeClock clock;
  bool slept = false;
  std::jthread sleeper([&](const std::stop_token& stop) { slept = clock.SleepFor(10s, stop); });
  clock.AwaitSleepers(1);
  clock.Advance(10s);
  sleeper.join();
  EXPECT_TRUE(slept);
}

TEST(RealClock, AStopRequestEndsASleep) {
  RealClock clock;
  bool slept = true;
  std::jthread sleeper([&](const std::stop_token& stop) { slept = clock.SleepFor(1h, stop); });
  sleeper.request_stop();
  sleeper.join();
  EXPECT_FALSE(slept);
}

TEST(Strings, SplitKeepsEmptyParts) {
  EXPECT_EQ(Split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Strings, NumbersAreReadWhole) {
  EXPECT_EQ(*ParseInt("-12"), -12);
  EXPECT_EQ(*ParseInt("+12"), 12);
  for (const char* bad : {"", "1x", " 1", "++1", "+-1", "99999999999999999999"})
    EXPECT_FALSE(ParseInt(bad)) << bad;
  EXPECT_DOUBLE_EQ(*ParseDouble("1e-3"), 0.001);
  EXPECT_FALSE(ParseDouble("0.2.3"));
}

TEST(Strings, EncodingsRoundTrip) {
  for (size_t n = 0; n < 40; ++n) {
    const std::string bytes = RandomBytes(n);
    EXPECT_EQ(*Base64Decode(Base64Encode(bytes)), bytes);
    EXPECT_EQ(*HexDecode(HexEncode(bytes)), bytes);
    EXPECT_EQ(PercentDecode(PercentEncode(bytes)), bytes);
  }
  EXPECT_EQ(Base64Encode("leat"), "bGVhdA==");
  EXPECT_FALSE(Base64Decode("bGVh=A=="));
  EXPECT_FALSE(Base64Decode("bGV"));
  EXPECT_EQ(PercentEncode("a/b c~"), "a%2Fb%20c~");
  EXPECT_EQ(PercentDecode("100%"), "100%");
}

TEST(Strings, Utf8IsChecked) {
  EXPECT_TRUE(IsUtf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\x80"})
    EXPECT_FALSE(IsUtf8(bad));
  EXPECT_EQ(Utf8Floor("a\xE2\x82\xAC", 3), 1u);
}

TEST(Ids, UuidsAreVersion4) {
  const std::string id = NewUuid();
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(id, NewUuid());
}

TEST(Bytes, ReadWell) {
  EXPECT_EQ(HumanBytes(512), "512 B");
  EXPECT_EQ(HumanBytes(981250000), "935.8 MiB");
}

}  // namespace
}  // namespace leat
