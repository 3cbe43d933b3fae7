// How long to go on after failures: back-off with jitter, shared by everything that asks a store.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace leat::objectstore {

struct RetryOptions {
  std::chrono::seconds retry_for{60};
  // Gets "GET s3://b/k: connect to ...: Connection refused; trying again", on any thread.
  std::function<void(const std::string& message)> on_retry;
  std::shared_ptr<Clock> clock = std::make_shared<RealClock>();
};

// What counts as progress of one operation: less than this is a store that does not answer, however
// long it takes. So little because many operations may share a slow link: it goes on while each
// gets 4 KiB in a stall timeout of 20 s, 16 of them 3.3 KB/s together.
inline constexpr uint64_t kProgress = 4 << 10;  // bytes

// One user; for one operation. Time counts from the first failure, anew after each kProgress bytes.
class Patience {
 public:
  explicit Patience(RetryOptions options) : options_(std::move(options)) {}
  // Waits 0.1 s to 5 s before the next attempt. The error when it is not worth one (only
  // kUnavailable, kTimeout and kCorrupt are) or time is up, kTimeout then as kUnavailable;
  // kCancelled on stop.
  Status AfterFailure(const Error& error, const std::stop_token& stop);
  void Progressed(uint64_t bytes);
  Clock& clock() { return *options_.clock; }

 private:
  const RetryOptions options_;
  std::optional<MonoTime> since_;
  uint64_t bytes_ = 0;  // since then
  std::chrono::milliseconds pause_{0};
};

}  // namespace leat::objectstore
