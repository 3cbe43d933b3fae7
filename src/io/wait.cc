#include "io/wait.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>

#include "io/file.h"

namespace leat::io {

StopFd::StopFd(const std::stop_token& stop) {
  if (!stop.stop_possible()) return;
  fd_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  LEAT_CHECK(fd_.ok(), "eventfd failed: out of descriptors or memory");
  on_stop_.emplace(stop, [fd = fd_.get()] { (void)eventfd_write(fd, 1); });
}

Result<int> Poll(std::span<pollfd> fds, std::optional<MonoTime> deadline) {
  using std::chrono::nanoseconds;
  while (true) {
    timespec left{};
    if (deadline) {
      const nanoseconds rest =
          std::max<nanoseconds>(nanoseconds(0), *deadline - std::chrono::steady_clock::now());
      left.tv_sec = static_cast<time_t>(rest / std::chrono::seconds(1));
      left.tv_nsec = static_cast<long>((rest % std::chrono::seconds(1)).count());
    }
    const int ready = ppoll(fds.data(), fds.size(), deadline ? &left : nullptr, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR) return ErrnoError(errno, "poll");
  }
}

}  // namespace leat::io
