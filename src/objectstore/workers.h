// A few threads that do jobs side by side; the first failure stops the rest.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace leat::objectstore {

// Used by one thread. Destruction stops the jobs and waits for them.
class Workers {
 public:
  using Job = std::function<Status(const std::stop_token&)>;

  // `stop` ends running jobs too.
  Workers(int threads, const std::stop_token& stop);
  ~Workers();

  // Blocks until a thread is free to take it. False once a job has failed or stop was requested:
  // the job is dropped and there is no point in more.
  bool Submit(Job job);
  // Waits for all jobs; the first failure, or kCancelled when stop was requested.
  Status Finish();

 private:
  void Work();

  const int threads_;
  const std::stop_token outer_stop_;
  std::stop_source stop_;  // of the jobs
  Mutex mu_;
  CondVar changed_;
  std::optional<Job> next_ GUARDED_BY(mu_);
  int idle_ GUARDED_BY(mu_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mu_);
  std::stop_callback<std::function<void()>> on_outer_stop_;
  std::vector<std::jthread> pool_;
};

}  // namespace leat::objectstore
