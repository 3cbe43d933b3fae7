// Waits on descriptors that a deadline or a stop request always ends.
#pragma once

#include <poll.h>

#include <optional>
#include <span>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"

namespace leat::io {

// poll(2), restarted after signals. The number of ready descriptors; 0 when the deadline passed
// (nullopt: none); kCancelled when none is ready and a stop is requested. Without a descriptor to
// wake it up it looks for the stop every 100 ms.
Result<int> Poll(std::span<pollfd> fds, std::optional<MonoTime> deadline,
                 const std::stop_token& stop = {});

}  // namespace leat::io
