#include "io/wait.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <vector>

#include "io/fd.h"
#include "io/file.h"

namespace leat::io {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWithoutWaking{100};

Result<int> PollOnce(std::span<pollfd> fds, std::optional<MonoTime> deadline) {
  using std::chrono::nanoseconds;
  while (true) {
    timespec left{};
    if (deadline) {
      const nanoseconds rest =
          std::max<nanoseconds>(nanoseconds(0), *deadline - steady_clock::now());
      left.tv_sec = static_cast<time_t>(rest / std::chrono::seconds(1));
      left.tv_nsec = static_cast<long>((rest % std::chrono::seconds(1)).count());
    }
    const int ready = ppoll(fds.data(), fds.size(), deadline ? &left : nullptr, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR) return ErrnoError(errno, "poll");
  }
}

}  // namespace

Result<int> Poll(std::span<pollfd> fds, std::optional<MonoTime> deadline,
                 const std::stop_token& stop) {
  if (!stop.stop_possible()) return PollOnce(fds, deadline);
  const UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback on_stop(stop, [fd = wake.get()] { (void)eventfd_write(fd, 1); });
  std::vector<pollfd> all(fds.begin(), fds.end());
  all.push_back({wake.get(), POLLIN, 0});  // poll ignores -1
  while (true) {
    std::optional<MonoTime> until = deadline;
    if (!wake.ok()) {
      const MonoTime step = steady_clock::now() + kWithoutWaking;
      until = std::min(deadline.value_or(step), step);
    }
    const Result<int> ready = PollOnce(all, until);
    if (!ready) return ready;
    for (size_t i = 0; i < fds.size(); ++i) fds[i].revents = all[i].revents;
    const int ours = *ready - (all.back().revents != 0 ? 1 : 0);
    if (ours > 0) return ours;
    if (stop.stop_requested()) return Error{Code::kCancelled, "a stop was requested"};
    if (deadline && steady_clock::now() >= *deadline) return 0;
  }
}

}  // namespace leat::io
