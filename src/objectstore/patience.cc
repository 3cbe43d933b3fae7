#include "objectstore/patience.h"

#include <algorithm>
#include <random>

namespace leat::objectstore {
namespace {

constexpr std::chrono::milliseconds kFirstPause{200}, kLongestPause{5000};

bool WorthRetrying(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kTimeout ||
         error.code == Code::kCorrupt;
}

// Half to all of the pause, so that many readers do not come back as one.
std::chrono::milliseconds Jittered(std::chrono::milliseconds pause) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int64_t> pick(pause.count() / 2, pause.count());
  return std::chrono::milliseconds(pick(random));
}

}  // namespace

Status Patience::AfterFailure(const Error& error, const std::stop_token& stop) {
  if (stop.stop_requested()) return Error{Code::kCancelled, error.message};
  if (!WorthRetrying(error)) return error;
  const MonoTime now = clock().Monotonic();
  if (!since_) {
    since_ = now;
    bytes_ = 0;
    pause_ = kFirstPause;
  }
  if (now - *since_ + pause_ > options_.retry_for) {
    return Error{error.code == Code::kTimeout ? Code::kUnavailable : error.code, error.message};
  }
  if (options_.on_retry) options_.on_retry(error.message + "; trying again");
  if (!clock().SleepFor(Jittered(pause_), stop)) return Error{Code::kCancelled, error.message};
  pause_ = std::min(pause_ * 2, kLongestPause);
  return {};
}

void Patience::Progressed(uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ >= kProgress) since_.reset();
}

}  // namespace leat::objectstore
