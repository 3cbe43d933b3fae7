#include "apiserver/worker.h"

#include "base/log.h"

namespace leat::apiserver {

Worker::Worker(std::string name, Clock& clock, Work work)
    : name_(std::move(name)), clock_(clock), work_(std::move(work)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Worker::Add(store::Key key) {
  MutexLock lock(mu_);
  if (!waiting_.insert(key).second) return;
  queue_.push_back(std::move(key));
  changed_.NotifyOne();
}

void Worker::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Worker::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    store::Key key;
    {
      MutexLock lock(mu_);
      if (!changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return !queue_.empty(); })) return;
      key = std::move(queue_.front());
      queue_.pop_front();
      waiting_.erase(key);
    }
    auto done = work_(key);
    if (done) continue;
    LogWarning("API server controller will try again",
               {{"controller", name_},
                {"type", key.type},
                {"object", key.ns.empty() ? key.name : key.ns + "/" + key.name},
                {"error", done.error()}});
    // All wait: what fails here (a full disk) fails for every key.
    if (!clock_.SleepFor(std::chrono::seconds(1), stop)) return;
    Add(std::move(key));
  }
}

}  // namespace leat::apiserver
