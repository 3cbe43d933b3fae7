// Time as a dependency, so that tests decide when it passes.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace leat {

using WallTime = std::chrono::system_clock::time_point;
using MonoTime = std::chrono::steady_clock::time_point;

// Thread-safe. One instance per process, made in bin/, passed by reference.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() = 0;        // what a calendar shows; may jump
  virtual MonoTime Monotonic() = 0;  // for durations and deadlines; never goes back
  // Blocks for the duration; false if stop was requested first.
  virtual bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) = 0;
};

class RealClock : public Clock {
 public:
  WallTime Now() override { return std::chrono::system_clock::now(); }
  MonoTime Monotonic() override { return std::chrono::steady_clock::now(); }
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) override;
};

// Stands still until Advance is called, which wakes the sleepers whose time has come.
class FakeClock : public Clock {
 public:
  explicit FakeClock(WallTime start = WallTime(std::chrono::seconds(1'600'000'000)))
      : now_(start) {}
  WallTime Now() override;
  MonoTime Monotonic() override;
  bool SleepFor(std::chrono::nanoseconds duration, const std::stop_token& stop) override;
  void Advance(std::chrono::nanoseconds duration);
  // Blocks until n threads are inside SleepFor.
  void AwaitSleepers(int n);

 private:
  Mutex mu_;
  CondVar changed_;
  WallTime now_ GUARDED_BY(mu_);
  int sleepers_ GUARDED_BY(mu_) = 0;
};

// "2026-11-22T04:10:24Z" (RFC 3339 with whole seconds, UTC): Kubernetes' metav1.Time.
std::string FormatTime(WallTime time);
// "2026-11-22T04:10:24.123456Z": Kubernetes' metav1.MicroTime.
std::string FormatTimeMicro(WallTime time);
// "2026-11-22T04:10:24.123456789Z": the time stamps of CRI logs.
std::string FormatTimeNano(WallTime time);
// Reads all of these, with any fraction digits and offset, and clamps to 1678..2261; else kInvalid.
Result<WallTime> ParseTime(std::string_view text);
// strftime for UTC, e.g. "%Y%m%dT%H%M%SZ".
std::string FormatUtc(WallTime time, const char* format);
// "42s", "3m12s", "7d3h": how kubectl writes an age (apimachinery's HumanDuration).
std::string HumanDuration(std::chrono::nanoseconds duration);

}  // namespace leat
