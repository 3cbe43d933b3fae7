#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace leat {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;
using std::chrono::seconds;

std::tm UtcFields(WallTime time) {
  const std::time_t whole = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm fields{};
  gmtime_r(&whole, &fields);
  return fields;
}

int64_t NanosOfSecond(WallTime time) {
  return duration_cast<nanoseconds>(time - std::chrono::floor<seconds>(time)).count();
}

// Reads exactly `digits` decimal digits at `pos` and moves past them; -1 if they are not there.
int ReadDigits(std::string_view text, size_t& pos, int digits) {
  int value = 0;
  for (int i = 0; i < digits; ++i, ++pos) {
    if (pos >= text.size() || text[pos] < '0' || text[pos] > '9') return -1;
    value = value * 10 + (text[pos] - '0');
  }
  return value;
}

}  // namespace

bool RealClock::SleepFor(nanoseconds duration, const std::stop_token& stop) {
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  never.WaitFor(mu, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

WallTime FakeClock::Now() {
  MutexLock lock(mu_);
  return now_;
}

MonoTime FakeClock::Monotonic() {
  MutexLock lock(mu_);
  return MonoTime(duration_cast<MonoTime::duration>(now_.time_since_epoch()));
}

bool FakeClock::SleepFor(nanoseconds duration, const std::stop_token& stop) {
  MutexLock lock(mu_);
  const WallTime until = now_ + duration_cast<WallTime::duration>(duration);
  ++sleepers_;
  changed_.NotifyAll();
  changed_.Wait(mu_, stop, [&]() NO_THREAD_SAFETY_ANALYSIS { return now_ >= until; });
  --sleepers_;
  return !stop.stop_requested();
}

void FakeClock::Advance(nanoseconds duration) {
  MutexLock lock(mu_);
  now_ += duration_cast<WallTime::duration>(duration);
  changed_.NotifyAll();
}

void FakeClock::AwaitSleepers(int n) {
  MutexLock lock(mu_);
  while (sleepers_ < n) changed_.Wait(mu_);
}

std::string FormatUtc(WallTime time, const char* format) {
  const std::tm fields = UtcFields(time);
  char buffer[128];
  const size_t size = std::strftime(buffer, sizeof buffer, format, &fields);
  return {buffer, size};
}

std::string FormatTime(WallTime time) { return FormatUtc(time, "%Y-%m-%dT%H:%M:%SZ"); }

std::string FormatTimeMicro(WallTime time) {
  return fmt::format("{}.{:06}Z", FormatUtc(time, "%Y-%m-%dT%H:%M:%S"), NanosOfSecond(time) / 1000);
}

std::string FormatTimeNano(WallTime time) {
  return fmt::format("{}.{:09}Z", FormatUtc(time, "%Y-%m-%dT%H:%M:%S"), NanosOfSecond(time));
}

Result<WallTime> ParseTime(std::string_view text) {
  const Error wrong{Code::kInvalid, fmt::format("\"{}\" is not an RFC 3339 time", text)};
  size_t pos = 0;
  std::tm fields{};
  const auto literal = [&](char c) { return pos < text.size() && text[pos++] == c; };
  if ((fields.tm_year = ReadDigits(text, pos, 4)) < 0 || !literal('-') ||
      (fields.tm_mon = ReadDigits(text, pos, 2)) < 1 || fields.tm_mon > 12 || !literal('-') ||
      (fields.tm_mday = ReadDigits(text, pos, 2)) < 1 || fields.tm_mday > 31 || !literal('T') ||
      (fields.tm_hour = ReadDigits(text, pos, 2)) < 0 || fields.tm_hour > 23 || !literal(':') ||
      (fields.tm_min = ReadDigits(text, pos, 2)) < 0 || fields.tm_min > 59 || !literal(':') ||
      (fields.tm_sec = ReadDigits(text, pos, 2)) < 0 || fields.tm_sec > 60)
    return wrong;
  fields.tm_year -= 1900;
  fields.tm_mon -= 1;
  int64_t nanos = 0;
  if (pos < text.size() && text[pos] == '.') {
    int64_t unit = 100'000'000;
    for (++pos; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, unit /= 10)
      nanos += unit * (text[pos] - '0');
  }
  int offset_minutes = 0;
  if (pos < text.size() && (text[pos] == '+' || text[pos] == '-')) {
    const int sign = text[pos++] == '-' ? -1 : 1;
    const int hours = ReadDigits(text, pos, 2);
    if (hours < 0 || !literal(':')) return wrong;
    const int minutes = ReadDigits(text, pos, 2);
    if (minutes < 0) return wrong;
    offset_minutes = sign * (hours * 60 + minutes);
  } else if (!literal('Z')) {
    return wrong;
  }
  if (pos != text.size()) return wrong;
  constexpr int64_t kMost = 9'200'000'000;  // seconds that nanoseconds in 64 bits can hold
  const int64_t whole = std::clamp<int64_t>(timegm(&fields) - offset_minutes * 60, -kMost, kMost);
  return WallTime(duration_cast<WallTime::duration>(seconds(whole) + nanoseconds(nanos)));
}

std::string HumanDuration(nanoseconds duration) {
  const int64_t s = duration_cast<seconds>(duration).count();
  const int64_t m = s / 60, h = s / 3600, d = h / 24;
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  if (s < 60 * 2) return fmt::format("{}s", s);
  if (m < 10) return s % 60 == 0 ? fmt::format("{}m", m) : fmt::format("{}m{}s", m, s % 60);
  if (m < 60 * 3) return fmt::format("{}m", m);
  if (h < 8) return m % 60 == 0 ? fmt::format("{}h", h) : fmt::format("{}h{}m", h, m % 60);
  if (h < 48) return fmt::format("{}h", h);
  if (h < 24 * 8) return h % 24 == 0 ? fmt::format("{}d", d) : fmt::format("{}d{}h", d, h % 24);
  if (h < 24 * 365 * 2) return fmt::format("{}d", d);
  const int64_t y = d / 365;
  if (y < 8) return d % 365 == 0 ? fmt::format("{}y", y) : fmt::format("{}y{}d", y, d % 365);
  return fmt::format("{}y", y);
}

}  // namespace leat
