#include "net/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "io/file.h"

namespace leat::net {

Result<std::shared_ptr<EventLoop>> EventLoop::Make() {
  io::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  io::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll.ok() || !wake.ok()) return io::ErrnoError(errno, "set up the event loop");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return io::ErrnoError(errno, "set up the event loop");
  return std::shared_ptr<EventLoop>(new EventLoop(std::move(epoll), std::move(wake)));
}

void EventLoop::Post(std::function<void()> task) {
  {
    MutexLock lock(mu_);
    if (stopped_) return;
    tasks_.push_back(std::move(task));
    if (std::exchange(wake_sent_, true)) return;
  }
  ::eventfd_write(wake_.get(), 1);
}

void EventLoop::Stop() {
  MutexLock lock(mu_);
  stopped_ = true;
  ::eventfd_write(wake_.get(), 1);
}

void EventLoop::Run() {
  std::array<epoll_event, 128> events;
  do {
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                               MillisecondsToNextDeadline());
    for (int i = 0; i < n; ++i)
      if (auto* watcher = static_cast<Watcher*>(events[static_cast<size_t>(i)].data.ptr))
        watcher->OnEvents(events[static_cast<size_t>(i)].events);
    RunDeadlines();
  } while (RunTasks());
}

// False after Stop.
bool EventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  bool stopped;
  {
    MutexLock lock(mu_);
    tasks.swap(tasks_);
    stopped = stopped_;
    if (std::exchange(wake_sent_, false)) {
      eventfd_t ignored;
      ::eventfd_read(wake_.get(), &ignored);
    }
  }
  for (const auto& task : tasks) task();
  return !stopped;
}

Status EventLoop::Add(int fd, uint32_t epoll_events, Watcher* watcher) {
  epoll_event event{.events = epoll_events, .data = {.ptr = watcher}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return io::ErrnoError(errno, "watch a socket");
  return {};
}

void EventLoop::Modify(int fd, uint32_t epoll_events, Watcher* watcher) {
  epoll_event event{.events = epoll_events, .data = {.ptr = watcher}};
  const int modified = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
  LEAT_CHECK(modified == 0, "a watched socket must have been added");
}

void EventLoop::Remove(int fd, Watcher* watcher) {
  ClearDeadline(watcher);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::SetDeadline(Watcher* watcher, std::chrono::milliseconds from_now) {
  ClearDeadline(watcher);
  watcher->deadline_ = std::chrono::steady_clock::now() + from_now;
  deadlines_.emplace(watcher->deadline_, watcher);
}

void EventLoop::ClearDeadline(Watcher* watcher) {
  if (watcher->deadline_ == MonoTime::max()) return;
  deadlines_.erase({watcher->deadline_, watcher});
  watcher->deadline_ = MonoTime::max();
}

void EventLoop::RunDeadlines() {
  if (deadlines_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Watcher* watcher = deadlines_.begin()->second;
    ClearDeadline(watcher);
    watcher->OnDeadline();
  }
}

int EventLoop::MillisecondsToNextDeadline() const {
  if (deadlines_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first -
                                                                 std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
}

}  // namespace leat::net
