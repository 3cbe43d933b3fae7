// The store: every object of an embedded cluster, with one revision counter for all of them.
//
// Invariants. (1) A revision is given to one write only and never again, also across crashes.
// (2) A write is visible to readers and watchers after it is durable, in revision order. (3) A
// watcher sees every change of its scope after its start revision, once, in order, or is ended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "json/value.h"

namespace leat::store {

using Revision = int64_t;

// Where an object lives: its storage type ("pods", "trainingjobs.sagemaker.aws.amazon.com"),
// namespace ("" for cluster-scoped) and name.
struct Key {
  std::string type;
  std::string ns;
  std::string name;
  friend auto operator<=>(const Key&, const Key&) = default;
};

// One version of an object; immutable and shared. The value carries its revision in
// metadata.resourceVersion.
struct Entry {
  Key key;
  Revision revision = 0;
  json::Value value;
  // Print(value), made once when first asked for and shared by all who send it. Thread-safe.
  const std::string& Json() const;

 private:
  mutable std::once_flag printed_;
  mutable std::string json_;
};
using EntryPtr = std::shared_ptr<const Entry>;
// A copy that carries another revision: what a deletion shows as the last value.
EntryPtr Restamped(const Entry& entry, Revision revision);

enum class ChangeType { kAdded, kModified, kDeleted };
struct Change {
  ChangeType type;
  EntryPtr entry;     // for kDeleted: its last value, with the revision of the deletion
  EntryPtr previous;  // the version before; null for kAdded
};

// Gets changes in revision order, on the store's publishing thread, under its lock: it must not
// block, do I/O, or call the store. Returning false ends the subscription.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual bool OnChange(const Change& change) = 0;
  // The store has seen everything up to `revision` (at least once a minute): for bookmarks.
  virtual bool OnProgress(Revision revision) = 0;
};

// Ends the subscription when destroyed; afterwards no call is running or will come.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

struct Listing {
  std::vector<EntryPtr> entries;  // in key order
  Revision revision = 0;          // of the store when it was read
  bool more = false;              // entries were left out by the limit
  int64_t remaining = 0;          // how many
};

struct ListOptions {
  std::string type;
  std::optional<std::string> ns;  // nullopt = all namespaces
  size_t limit = 0;               // 0 = all
  Key after;                      // only keys after this one, when its type is set
};

struct Options {
  std::string path;  // the database file
  // Kept for watchers that resume, also across a restart: the newest changes, so many and so many
  // bytes of JSON at most.
  size_t history_changes = 10'000;
  size_t history_bytes = 64u << 20;
  // Types whose writes return before they are durable: visible at once and in order, on disk with
  // the next write of another type or within a second. A crash loses what was not yet there; their
  // watchers of before the crash then get kExpired.
  std::vector<std::string> relaxed_types;
  // Types of which an update is relaxed when it changes nothing but spec.renewTime: a lease that is
  // renewed may go back by a second, one that was taken may not be free again.
  std::vector<std::string> relaxed_renewals;
  std::string begin_anew;  // as db::Options
};

// Thread-safe. Calls must have returned before it is destroyed; subscriptions may outlive it. A
// new store is at revision 1, so that its first list is not at "0", which means "any" to clients.
class Store {
 public:
  // kCorrupt, kInvalid (newer schema), kForbidden, kExhausted: the file is left as it is. The store
  // has one thread asleep on the clock.
  static Result<std::unique_ptr<Store>> Open(Options options, Clock& clock);
  virtual ~Store() = default;

  virtual Revision CurrentRevision() const = 0;
  // kNotFound.
  virtual Result<EntryPtr> Get(const Key& key) const = 0;
  virtual Listing List(const ListOptions& options) const = 0;
  // The list as it was at `revision`, from the kept history. kExpired when that no longer reaches
  // back so far; kInvalid when `revision` is in the future.
  virtual Result<Listing> ListAt(const ListOptions& options, Revision revision) = 0;

  // Writes one object and returns once it is durable. `expected`: 0 = must not exist
  // (kAlreadyExists); otherwise the revision it must have now (kConflict; kNotFound when gone).
  // The store sets metadata.resourceVersion. kExhausted when the disk is full: nothing changed. An
  // object that is being deleted, or a job that is told to stop (spec.stop), can be written on a
  // full disk too.
  // While another write of the same key is under way, it waits for its outcome.
  virtual Result<EntryPtr> Put(const Key& key, Revision expected, json::Value value) = 0;
  // Deletes it at that revision, on a full disk too; returns its last value with the deletion's
  // revision.
  virtual Result<EntryPtr> Delete(const Key& key, Revision expected) = 0;
  // Read, change, write, again while others interfere (100 times, then kConflict). `update` may run
  // several times; it returns the new value, nullopt for "leave it" (the current entry is
  // returned), or an error that ends it.
  Result<EntryPtr> Update(
      const Key& key,
      const std::function<Result<std::optional<json::Value>>(const Entry& current)>& update);

  // Every change of the type (and namespace, when given) after revision `since`: first the kept
  // history, then live, with no gap. kExpired when history no longer reaches back that far;
  // kInvalid when `since` is in the future.
  virtual Result<std::unique_ptr<Subscription>> Watch(const std::string& type,
                                                      std::optional<std::string> ns, Revision since,
                                                      std::shared_ptr<Watcher> watcher) = 0;
  // Lists and subscribes at one revision, atomically: the watcher gets what comes after.
  virtual Listing ListAndWatch(const ListOptions& options, std::shared_ptr<Watcher> watcher,
                               std::unique_ptr<Subscription>* subscription) = 0;
};

}  // namespace leat::store
