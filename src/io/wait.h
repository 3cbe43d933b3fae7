// Waits on descriptors that a deadline or a stop request always ends.
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::io {

// A descriptor that is readable once stop is requested, for poll sets. get() is -1, which poll
// ignores, when the token can never stop. Owned by one thread; the stop may come from any.
class StopFd {
 public:
  explicit StopFd(const std::stop_token& stop);
  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

// poll(2), restarted after signals. The number of ready descriptors; 0 when the deadline passed
// (nullopt: none).
Result<int> Poll(std::span<pollfd> fds, std::optional<MonoTime> deadline);

}  // namespace leat::io
