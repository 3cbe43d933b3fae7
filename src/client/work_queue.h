// The queue between watches and reconcilers: each key at most once, never on two workers at once.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace leat::client {

// Thread-safe. Bounded by the number of distinct keys.
class WorkQueue {
 public:
  explicit WorkQueue(Clock& clock) : clock_(clock) {}

  // A key added while a worker has it is handed out again after Done.
  void Add(const api::ObjectName& key);
  // Of several times for one key the earliest counts, so that timers do not pile up.
  void AddAfter(const api::ObjectName& key, std::chrono::nanoseconds delay);
  // After a failure: 5 ms, doubling at each failure of the key, at most 60 s.
  void AddBackingOff(const api::ObjectName& key);
  // Forgets the key's failures.
  void Forget(const api::ObjectName& key);

  // Blocks for the next key; nullopt on stop. The worker calls Done(key) when it has finished.
  std::optional<api::ObjectName> Take(const std::stop_token& stop);
  void Done(const api::ObjectName& key);

 private:
  void AddLocked(const api::ObjectName& key) REQUIRES(mu_);
  // Moves the delayed keys whose time has come; returns when the next one's comes.
  std::optional<MonoTime> MoveDue() REQUIRES(mu_);

  Clock& clock_;
  Mutex mu_;
  CondVar changed_;
  std::vector<api::ObjectName> ready_ GUARDED_BY(mu_);  // in order of arrival
  std::set<api::ObjectName> waiting_ GUARDED_BY(mu_);   // what is in ready_
  std::set<api::ObjectName> taken_ GUARDED_BY(mu_);
  std::set<api::ObjectName> again_ GUARDED_BY(mu_);  // added while taken
  std::set<std::pair<MonoTime, api::ObjectName>> delayed_ GUARDED_BY(mu_);
  std::map<api::ObjectName, MonoTime> due_ GUARDED_BY(mu_);  // when, for each key in delayed_
  std::map<api::ObjectName, int> failures_ GUARDED_BY(mu_);
};

}  // namespace leat::client
