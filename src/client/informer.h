// Informer: one type (and selection) of a cluster, kept fresh in memory by list and watch.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace leat::client {

using ObjectPtr = std::shared_ptr<const json::Value>;

// Runs its own thread from Start to destruction. A watch that ends is taken up where it ended, an
// expired one by listing again. Any other error, and a watch that ends within a second with nothing
// new, lead to a new list after a back-off (0.1 s to 30 s, from 0.1 s again once a watch lasted).
// Readers keep the last known state.
class Informer {
 public:
  // Called on the informer's thread for each difference, in order; `before` or `after` is null for
  // an added or deleted object. It must not block for long.
  using Handler = std::function<void(const ObjectPtr& before, const ObjectPtr& after)>;

  Informer(api::ObjectClient& client, Clock& clock, api::Gvr type, api::ListOptions selection = {});
  ~Informer();  // stops and joins

  void AddHandler(Handler handler);  // before Start only
  void Start();
  // True once the first list is in the cache and its handlers ran; false on stop.
  bool WaitSynced(const std::stop_token& stop);

  // Thread-safe snapshots.
  ObjectPtr Get(const api::ObjectName& name) const;  // null when absent
  std::vector<ObjectPtr> List() const;

 private:
  void Run(const std::stop_token& stop);
  // Lists, replaces the cache, then watches. Success means stopped, or expired after a while.
  Status ListAndFollow(const std::stop_token& stop);
  // Hands one watch's events on, `revision` with them, until its end and returns that.
  Error Follow(api::ObjectWatch& watch, std::string* revision, const std::stop_token& stop);
  void Replace(std::vector<json::Value> items);
  void Apply(const api::ObjectName& name, ObjectPtr after);

  api::ObjectClient& client_;
  Clock& clock_;
  const api::Gvr type_;
  const api::ListOptions selection_;
  std::vector<Handler> handlers_;
  std::chrono::nanoseconds back_off_{};  // Run's thread

  mutable Mutex mu_;
  mutable CondVar changed_;
  std::map<api::ObjectName, ObjectPtr> objects_ GUARDED_BY(mu_);
  bool synced_ GUARDED_BY(mu_) = false;

  std::jthread thread_;
};

}  // namespace leat::client
