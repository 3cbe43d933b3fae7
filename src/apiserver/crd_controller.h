// Keeps the type table in step with the stored CustomResourceDefinitions, and ends deleted ones.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/garbage_collector.h"
#include "apiserver/verbs.h"
#include "apiserver/worker.h"

namespace leat::apiserver {

// A definition serves its type from the moment its write returns: the table changes on the writer's
// thread. A deleted one stays, Terminating, by its finalizer, until all its objects are gone and
// what those owned is collected: afterwards nobody could tell that they are gone. So a server that
// dies in between goes on where it was. A definition that lacks a name gets it as soon as it is
// free. Thread-safe.
class CrdController : public WriteObserver {
 public:
  // All must outlive this.
  CrdController(Verbs& verbs, api::TypeTable& types, GarbageCollector& garbage);

  // Serves all stored definitions. One that the table refuses is logged and left out.
  void Load() EXCLUDES(mu_);
  // After Load: goes on with the deletions that were under way when the server ended, and looks
  // once whether names have become free.
  void Start();
  void Stop() { worker_.Stop(); }

  void OnWritten(const store::Entry& entry) override EXCLUDES(mu_);
  void OnRemoved(const store::Entry& last) override EXCLUDES(mu_);

 private:
  void Serve(const store::Entry& definition) EXCLUDES(mu_);
  void Unserve(const store::Entry& definition) EXCLUDES(mu_);
  Status Reconcile(const store::Key& key);
  Status Delete(const store::Key& key, const store::Entry& definition);
  Status AcceptNames(const store::Key& key);
  Result<std::optional<json::Value>> WithNames(const store::Entry& definition) EXCLUDES(mu_);
  void AddThoseWithoutNames(std::string_view group);
  std::vector<store::EntryPtr> Definitions() const;

  Verbs& verbs_;
  api::TypeTable& types_;
  GarbageCollector& garbage_;
  // Also orders the table's changes: two writers may come here in the wrong order, and the newer
  // revision must win.
  Mutex mu_;
  std::map<std::string, store::Revision, std::less<>> applied_ GUARDED_BY(mu_);
  Worker worker_;
};

}  // namespace leat::apiserver
