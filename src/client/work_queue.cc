#include "client/work_queue.h"

#include <algorithm>

namespace leat::client {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

void WorkQueue::AddLocked(const api::ObjectName& key) {
  if (taken_.contains(key)) {
    again_.insert(key);
  } else if (waiting_.insert(key).second) {
    ready_.push_back(key);
    changed_.NotifyOne();
  }
}

void WorkQueue::Add(const api::ObjectName& key) {
  MutexLock lock(mu_);
  AddLocked(key);
}

void WorkQueue::AddAfter(const api::ObjectName& key, nanoseconds delay) {
  MutexLock lock(mu_);
  if (delay <= nanoseconds::zero()) return AddLocked(key);
  const MonoTime due = clock_.Monotonic() + delay;
  const auto [known, added] = due_.emplace(key, due);
  if (!added) {
    if (known->second <= due) return;
    delayed_.erase({known->second, key});
    known->second = due;
  }
  delayed_.emplace(due, key);
  changed_.NotifyAll();  // a worker may be waiting for a later time
}

void WorkQueue::AddBackingOff(const api::ObjectName& key) {
  nanoseconds delay;
  {
    MutexLock lock(mu_);
    const int failures = failures_[key]++;
    delay = std::min<nanoseconds>(milliseconds(5) * (1LL << std::min(failures, 14)), seconds(60));
  }
  AddAfter(key, delay);
}

void WorkQueue::Forget(const api::ObjectName& key) {
  MutexLock lock(mu_);
  failures_.erase(key);
}

std::optional<MonoTime> WorkQueue::MoveDue() {
  const MonoTime now = clock_.Monotonic();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const auto first = delayed_.begin();
    AddLocked(first->second);
    due_.erase(first->second);
    delayed_.erase(first);
  }
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

std::optional<api::ObjectName> WorkQueue::Take(const std::stop_token& stop) {
  MutexLock lock(mu_);
  while (!stop.stop_requested()) {
    const std::optional<MonoTime> next = MoveDue();
    if (!ready_.empty()) {
      api::ObjectName key = ready_.front();
      ready_.erase(ready_.begin());
      waiting_.erase(key);
      taken_.insert(key);
      return key;
    }
    const auto changed = [&]() NO_THREAD_SAFETY_ANALYSIS {
      return !ready_.empty() || (!delayed_.empty() && delayed_.begin()->first != next);
    };
    // Nobody is woken when a test's clock moves, so it is looked at anew every second.
    const nanoseconds wait =
        next ? std::min<nanoseconds>(*next - clock_.Monotonic(), seconds(1)) : seconds(1);
    changed_.WaitFor(mu_, stop, wait, changed);
  }
  return std::nullopt;
}

void WorkQueue::Done(const api::ObjectName& key) {
  MutexLock lock(mu_);
  taken_.erase(key);
  if (again_.erase(key) > 0) AddLocked(key);
}

}  // namespace leat::client
