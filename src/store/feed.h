// Who watches what, and the newest changes for those who come back.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/object_index.h"
#include "store/store.h"

namespace leat::store {

// What a watcher asked for.
struct Scope {
  std::string type;
  std::optional<std::string> ns;  // nullopt = all
  bool Covers(const Key& key) const { return key.type == type && (!ns || key.ns == *ns); }
};

// Changes read from disk for a watcher that comes back from further away than memory reaches:
// those of its scope after its revision, complete up to and including `until`, oldest first.
struct Older {
  std::vector<Change> changes;
  Revision until = 0;
};

// About the memory that remembering the change takes: its new version.
size_t MemoryOf(const Change& change);

// Publishes changes: makes them visible in the index and tells the watchers, in one step for
// whoever subscribes. Thread-safe; Watcher calls happen under its lock, whose order is: Feed, then
// ObjectIndex. Always held by shared_ptr, so that a subscription may outlive the store.
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  // Remembers the newest changes: at most `capacity`, in about `max_bytes` of memory.
  Feed(ObjectIndex& objects, size_t capacity, size_t max_bytes);

  // The changes follow all published so far, in revision order.
  void Publish(const std::vector<Change>& changes) EXCLUDES(mu_);
  // Tells every watcher how far the store has come.
  void Progress() EXCLUDES(mu_);

  // Tells the changes of the scope after `since`: `older`, then those in memory, then live.
  // kInvalid when `since` is in the future, kExpired when a change may lie between `older` and
  // memory.
  Result<std::unique_ptr<Subscription>> Subscribe(Scope scope, Revision since, const Older& older,
                                                  std::shared_ptr<Watcher> watcher) EXCLUDES(mu_);
  // The list at `revision`: the one of now with the changes of the scope after it, `older` and
  // those in memory, undone. Errors as above.
  Result<Listing> ListAt(const ListOptions& options, Revision revision, const Older& older)
      EXCLUDES(mu_);
  Listing ListAndSubscribe(const ListOptions& options, std::shared_ptr<Watcher> watcher,
                           std::unique_ptr<Subscription>* subscription) EXCLUDES(mu_);

 private:
  class Handle;
  struct Listener {
    uint64_t id;
    std::optional<std::string> ns;
    std::shared_ptr<Watcher> watcher;
  };
  // Watchers that ended. Declared before the lock at each use: the last reference to a watcher may
  // own its subscription, whose destructor takes the lock.
  using Ended = std::vector<std::shared_ptr<Watcher>>;

  // Is every change of the scope after `since` in `older` or in memory?
  Status CheckReach(const Scope& scope, Revision since, const Older& older) const REQUIRES(mu_);
  // Those changes in revision order, until `see` returns false; then false.
  bool EachSince(const Scope& scope, Revision since, const Older& older,
                 const std::function<bool(const Change&)>& see) const REQUIRES(mu_);
  std::unique_ptr<Subscription> Add(Scope scope, std::shared_ptr<Watcher> watcher) REQUIRES(mu_);
  void Remove(const std::string& type, uint64_t id) EXCLUDES(mu_);
  void Tell(const Change& change, Ended& ended) REQUIRES(mu_);

  ObjectIndex& objects_;
  const size_t capacity_;
  const size_t max_bytes_;
  Mutex mu_;
  std::map<std::string, std::vector<Listener>> listeners_ GUARDED_BY(mu_);  // by type
  std::deque<Change> recent_ GUARDED_BY(mu_);
  size_t recent_bytes_ GUARDED_BY(mu_) = 0;  // MemoryOf all of them
  Revision floor_ GUARDED_BY(mu_);           // recent_ holds every change after this one
  uint64_t last_id_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::store
