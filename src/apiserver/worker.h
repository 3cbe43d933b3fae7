// One thread that works through keys: how the server's own controllers run.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/store.h"

namespace leat::apiserver {

class Worker {
 public:
  // Makes one thing right, from the state of the store; called again a second after a failure.
  using Work = std::function<Status(const store::Key& key)>;

  // `name` is for the log. `clock` must outlive this.
  Worker(std::string name, Clock& clock, Work work);
  ~Worker() { Stop(); }

  // Thread-safe, never blocks. A key that waits already is not added again, so the queue holds at
  // most one item for each object.
  void Add(store::Key key) EXCLUDES(mu_);
  // Waits for the work that runs; the rest is dropped. Idempotent.
  void Stop();

 private:
  void Run(const std::stop_token& stop) EXCLUDES(mu_);

  const std::string name_;
  Clock& clock_;
  const Work work_;
  Mutex mu_;
  CondVar changed_;
  std::deque<store::Key> queue_ GUARDED_BY(mu_);
  std::set<store::Key> waiting_ GUARDED_BY(mu_);
  std::jthread thread_;
};

}  // namespace leat::apiserver
