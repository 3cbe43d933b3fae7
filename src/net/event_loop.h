// One thread that waits for many sockets and deadlines: epoll, a queue of posted tasks, and one
// deadline per watcher.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::net {

class EventLoop {
 public:
  // What happens to a socket. Called on the loop's thread.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnEvents(uint32_t epoll_events) = 0;
    virtual void OnDeadline() = 0;

   private:
    friend class EventLoop;
    MonoTime deadline_ = MonoTime::max();
  };

  static Result<std::shared_ptr<EventLoop>> Make();

  // From any thread. Tasks run in order on the loop's thread, never inside Post; after Stop they
  // are dropped. The queue is bounded by its users: each posts at most a few tasks per connection.
  void Post(std::function<void()> task);
  // Ends Run after the tasks posted so far.
  void Stop();

  // On the loop's thread (or before Run). Run returns after Stop.
  void Run();
  Status Add(int fd, uint32_t epoll_events, Watcher* watcher);
  void Modify(int fd, uint32_t epoll_events, Watcher* watcher);
  // After Remove an event of the same turn may still arrive: destroy a watcher by posting a task.
  void Remove(int fd, Watcher* watcher);
  void SetDeadline(Watcher* watcher, std::chrono::milliseconds from_now);
  void ClearDeadline(Watcher* watcher);
  static bool HasDeadline(const Watcher* watcher) { return watcher->deadline_ != MonoTime::max(); }

 private:
  EventLoop(io::UniqueFd epoll, io::UniqueFd wake)
      : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  bool RunTasks();
  void RunDeadlines();
  int MillisecondsToNextDeadline() const;

  const io::UniqueFd epoll_;
  const io::UniqueFd wake_;  // an eventfd
  std::set<std::pair<MonoTime, Watcher*>> deadlines_;
  Mutex mu_;
  std::vector<std::function<void()>> tasks_ GUARDED_BY(mu_);
  bool wake_sent_ GUARDED_BY(mu_) = false;
  bool stopped_ GUARDED_BY(mu_) = false;
};

}  // namespace leat::net
