#include "aws/amz_time.h"

#include <fmt/format.h>
#include <time.h>

#include "base/strings.h"

namespace leat::aws {
namespace {

constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

tm BrokenDown(WallTime time) {
  const time_t seconds = std::chrono::system_clock::to_time_t(time);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int Number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// The caller has checked that every field is digits; ranges are checked here. WallTime counts
// nanoseconds and ends in the year 2262.
Result<WallTime> Compose(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1900 || year > 2261 || hour > 23 || minute > 59 || second > 60) {
    return Error{Code::kInvalid, "no such moment"};
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

}  // namespace

std::string FormatAmzDate(WallTime time) { return FormatUtc(time, "%Y%m%dT%H%M%SZ"); }

Result<WallTime> ParseAmzDate(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z' || !AllDigits(text.substr(0, 8)) ||
      !AllDigits(text.substr(9, 6))) {
    return Error{Code::kInvalid, fmt::format("\"{}\" is not of the form YYYYMMDDTHHMMSSZ", text)};
  }
  return Compose(Number(text.substr(0, 4)), Number(text.substr(4, 2)), Number(text.substr(6, 2)),
                 Number(text.substr(9, 2)), Number(text.substr(11, 2)), Number(text.substr(13, 2)));
}

std::string FormatHttpDate(WallTime time) {
  const tm t = BrokenDown(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday,
                     kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

Result<WallTime> ParseHttpDate(std::string_view text) {
  const Error bad{Code::kInvalid, fmt::format("\"{}\" is not an HTTP date", text)};
  const auto after_day = Cut(text, ", ");
  const std::vector<std::string_view> words = Split(after_day ? after_day->second : text, ' ');
  if (words.size() != 5) return bad;
  const std::vector<std::string_view> clock = Split(words[3], ':');
  if (!AllDigits(words[0]) || words[0].size() > 2 || !AllDigits(words[2]) || words[2].size() != 4 ||
      clock.size() != 3) {
    return bad;
  }
  for (const std::string_view part : clock) {
    if (part.size() != 2 || !AllDigits(part)) return bad;
  }
  int month = 0;
  for (int i = 0; i < 12; ++i) {
    if (words[1] == kMonths[i]) month = i + 1;
  }
  const bool utc = words[4] == "GMT" || words[4] == "UTC" || words[4] == "+0000";
  if (month == 0 || !utc) return bad;
  return Compose(Number(words[2]), month, Number(words[0]), Number(clock[0]), Number(clock[1]),
                 Number(clock[2]));
}

std::string FormatXmlTime(int64_t unix_ms) {
  const WallTime time{std::chrono::milliseconds(unix_ms)};
  return fmt::format("{}.{:03}Z", FormatUtc(time, "%Y-%m-%dT%H:%M:%S"), unix_ms % 1000);
}

}  // namespace leat::aws
