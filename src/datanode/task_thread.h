// One thread that does jobs in the order they came.
#pragma once

#include <deque>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/mutex.h"

namespace leat::datanode {

// Thread-safe. Destruction stops the running job and drops the rest.
class TaskThread {
 public:
  using Task = std::function<void(const std::stop_token&)>;

  TaskThread() : thread_([this](const std::stop_token& stop) { Work(stop); }) {}

  // False, and nothing done, when 1,024 jobs are waiting already.
  bool Post(Task task) {
    {
      MutexLock lock(mu_);
      if (tasks_.size() >= 1024) return false;
      tasks_.push_back(std::move(task));
    }
    changed_.NotifyOne();
    return true;
  }

 private:
  void Work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Task task;
      {
        MutexLock lock(mu_);
        if (!changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return !tasks_.empty(); })) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task(stop);
    }
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<Task> tasks_ GUARDED_BY(mu_);
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace leat::datanode
