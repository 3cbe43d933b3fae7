#include "objectstore/workers.h"

namespace leat::objectstore {

Workers::Workers(int threads, const std::stop_token& stop)
    : threads_(threads), outer_stop_(stop), on_outer_stop_(stop, [this] { stop_.request_stop(); }) {
  for (int i = 0; i < threads_; ++i) pool_.emplace_back([this] { Work(); });
}

Workers::~Workers() { stop_.request_stop(); }

bool Workers::Submit(Job job) {
  MutexLock lock(mu_);
  // A job waits in next_ only until an idle thread picks it up.
  const bool free = changed_.Wait(
      mu_, stop_.get_token(), [this]() REQUIRES(mu_) { return !next_.has_value() && idle_ > 0; });
  if (!free || stop_.stop_requested()) return false;
  next_ = std::move(job);
  changed_.NotifyAll();
  return true;
}

Status Workers::Finish() {
  MutexLock lock(mu_);
  changed_.Wait(mu_, stop_.get_token(),
                [this]() REQUIRES(mu_) { return !next_.has_value() && idle_ == threads_; });
  if (failure_) return *failure_;
  if (outer_stop_.stop_requested()) return Error{Code::kCancelled, "stopped"};
  return {};
}

void Workers::Work() {
  const std::stop_token stop = stop_.get_token();
  while (true) {
    Job job;
    {
      MutexLock lock(mu_);
      ++idle_;
      changed_.NotifyAll();
      const bool given =
          changed_.Wait(mu_, stop, [this]() REQUIRES(mu_) { return next_.has_value(); });
      --idle_;
      if (!given || stop.stop_requested()) return;
      job = std::move(*next_);
      next_.reset();
      changed_.NotifyAll();
    }
    if (auto done = job(stop); !done) {
      MutexLock lock(mu_);
      if (!failure_ && !stop.stop_requested()) failure_ = done.error();
      stop_.request_stop();
      return;
    }
  }
}

}  // namespace leat::objectstore
