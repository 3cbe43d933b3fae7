// The visible state: the newest published version of every object, in memory.
#pragma once

#include <set>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"

namespace leat::store {

// "pods default/web", or "nodes n1" for what has no namespace: for messages.
std::string Describe(const Key& key);

// Thread-safe; no call blocks longer than copying a list takes.
class ObjectIndex {
 public:
  // `entries` in key order; `revision` is at least that of each.
  ObjectIndex(const std::vector<EntryPtr>& entries, Revision revision);

  Revision revision() const;
  EntryPtr Find(const Key& key) const;  // null when absent
  Listing List(const ListOptions& options) const;
  // Makes the changes, which are in revision order, visible in one step.
  void Apply(const std::vector<Change>& changes);

 private:
  struct ByKey {
    using is_transparent = void;
    bool operator()(const EntryPtr& a, const EntryPtr& b) const { return a->key < b->key; }
    bool operator()(const EntryPtr& a, const Key& b) const { return a->key < b; }
    bool operator()(const Key& a, const EntryPtr& b) const { return a < b->key; }
  };

  mutable Mutex mu_;
  std::set<EntryPtr, ByKey> entries_ GUARDED_BY(mu_);
  Revision revision_ GUARDED_BY(mu_);
};

}  // namespace leat::store
