// How long to go on after failures: back-off with jitter, shared by everything that asks a store.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace leat::objectstore {

struct RetryOptions {
  std::chrono::seconds retry_for{60};
  // Gets "GET s3://b/k: connect to ...: Connection refused; trying again", on any thread.
  std::function<void(const std::string& message)> on_retry;
};

// One user; for one operation. Time counts from the first failure without progress.
class Patience {
 public:
  explicit Patience(RetryOptions options) : options_(std::move(options)) {}
  // Waits 0.1 s to 5 s before the next attempt. The error when it is not worth one (only
  // kUnavailable, kTimeout and kCorrupt are) or time is up, kTimeout then as kUnavailable;
  // kCancelled on stop.
  Status AfterFailure(const Error& error, const std::stop_token& stop);
  void Progressed() { since_.reset(); }

 private:
  const RetryOptions options_;
  std::optional<std::chrono::steady_clock::time_point> since_;
  std::chrono::milliseconds pause_{0};
};

}  // namespace leat::objectstore
