// Removes events that nobody has touched for a while.
#pragma once

#include <chrono>
#include <deque>
#include <thread>

#include "apiserver/verbs.h"

namespace leat::apiserver {

// Events live for the ttl after their last write. One thread, asleep until the oldest is due.
class EventExpiry : public WriteObserver {
 public:
  EventExpiry(Verbs& verbs, std::chrono::seconds ttl);
  ~EventExpiry() { Stop(); }

  // Takes up the stored events.
  void Start();
  void Stop();

  void OnWritten(const store::Entry& entry) override EXCLUDES(mu_);
  void OnRemoved(const store::Entry&) override {}

 private:
  struct Due {
    WallTime at;
    store::Key key;
    store::Revision revision;  // a later write has a Due of its own
  };
  void Run(const std::stop_token& stop) EXCLUDES(mu_);
  void RemoveExpired(WallTime now) EXCLUDES(mu_);

  Verbs& verbs_;
  const std::chrono::seconds ttl_;
  Mutex mu_;
  std::deque<Due> due_ GUARDED_BY(mu_);  // oldest first; one for each write within the ttl
  std::jthread thread_;
};

}  // namespace leat::apiserver
