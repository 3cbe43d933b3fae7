// Deletes what is owned by objects that are gone.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "apiserver/verbs.h"
#include "apiserver/worker.h"

namespace leat::apiserver {

// Thread-safe. Knows from the writes who names whom as an owner; see the .cc for the rules.
class GarbageCollector : public WriteObserver {
 public:
  explicit GarbageCollector(Verbs& verbs);

  // Learns all stored objects' owners. Before anything deletes: what an owner that goes has for
  // dependents must be known by then.
  void Index() EXCLUDES(mu_);
  // After Index: checks all objects with owners, for what was left undone when the server ended.
  void Start();
  void Stop() { worker_.Stop(); }

  // Collects, before it returns, what was owned by objects of that kind that are gone: for a kind
  // that ends. An object that something else holds is marked for deletion.
  Status CollectDependentsOf(const api::Type& kind) EXCLUDES(mu_);

  void OnWritten(const store::Entry& entry) override EXCLUDES(mu_);
  void OnRemoved(const store::Entry& last) override EXCLUDES(mu_);

 private:
  void Remember(const store::Entry& entry) EXCLUDES(mu_);
  Status Collect(const store::Key& key);
  Status CollectDependent(const api::Type& type, const store::Entry& entry);
  Status OrphanDependents(const api::Type& type, const store::Entry& owner);
  Status DeleteDependents(const api::Type& type, const store::Entry& owner);
  std::vector<store::Key> DependentsOf(const std::string& uid) EXCLUDES(mu_);
  void RememberGone(const std::string& uid) REQUIRES(mu_);
  // Whether an owner that is not itself on its way out, but for the one with this uid, has it.
  bool HasOtherOwner(const json::Value& object, const std::string& ns, const std::string& but)
      EXCLUDES(mu_);
  bool OwnerExists(const json::Value& reference, const std::string& ns) EXCLUDES(mu_);
  Status DeleteObject(const store::Entry& entry, Propagation propagation);

  Verbs& verbs_;
  Mutex mu_;
  // owner uid -> objects that name it. A superset: every use reads the object again.
  std::map<std::string, std::set<store::Key>, std::less<>> dependents_ GUARDED_BY(mu_);
  // The objects of custom kinds that were removed last; beyond kMaxGone the oldest is forgotten.
  static constexpr size_t kMaxGone = 10'000;
  std::set<std::string, std::less<>> gone_ GUARDED_BY(mu_);
  std::deque<std::string> gone_order_ GUARDED_BY(mu_);
  Worker worker_;  // last: stops first
};

}  // namespace leat::apiserver
