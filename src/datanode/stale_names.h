// Names that the kernel shall look up again, so that it forgets nodes which nobody uses any more.
//
// Telling the kernel of a name drops the kept listing of its directory too, and waits for whoever
// looks something up in there. So a thread of its own does that, in batches: a directory with many
// such files is listed anew ten times a second at most, not once for each file.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace leat::datanode {

// Thread-safe. Begins with the first name.
class StaleNames {
 public:
  // More than these that wait are left out: the next close of such a file names it again.
  static constexpr size_t kMost = 65'536;

  // `tell` gets each path, from the thread. The first one at once; those that come within `pause`
  // after a batch are the next.
  explicit StaleNames(std::function<void(const std::string& path)> tell,
                      std::chrono::milliseconds pause = std::chrono::milliseconds(100))
      : tell_(std::move(tell)), pause_(pause) {}
  ~StaleNames() { Stop(); }

  void Add(const std::string& path) {
    MutexLock lock(mu_);
    if (stopped_ || paths_.size() >= kMost || !paths_.insert(path).second) return;
    if (!thread_.joinable())
      thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
    changed_.NotifyOne();
  }
  // Nothing is told afterwards.
  void Stop() {
    std::jthread thread;  // ends outside the lock
    MutexLock lock(mu_);
    stopped_ = true;
    thread = std::move(thread_);
  }

 private:
  void Work(const std::stop_token& stop) {
    while (true) {
      std::set<std::string> batch;
      {
        MutexLock lock(mu_);
        if (!changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return !paths_.empty(); })) return;
        batch.swap(paths_);
      }
      for (const std::string& path : batch) {
        if (stop.stop_requested()) return;
        tell_(path);
      }
      MutexLock lock(mu_);
      changed_.WaitFor(mu_, stop, pause_, [] { return false; });
    }
  }

  const std::function<void(const std::string&)> tell_;
  const std::chrono::milliseconds pause_;
  Mutex mu_;
  CondVar changed_;
  std::set<std::string> paths_ GUARDED_BY(mu_);
  bool stopped_ GUARDED_BY(mu_) = false;
  std::jthread thread_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
