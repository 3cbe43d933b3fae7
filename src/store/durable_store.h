// The Store over one SQLite file. See the essay in the .cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "db/database.h"
#include "store/feed.h"
#include "store/object_index.h"
#include "store/store.h"
#include "store/tables.h"

namespace leat::store {

class DurableStore : public Store {
 public:
  static Result<std::unique_ptr<DurableStore>> Open(Options options, Clock& clock);
  // Writes what is left and marks the store as closed in good order.
  ~DurableStore() override;

  Revision CurrentRevision() const override;
  Result<EntryPtr> Get(const Key& key) const override;
  Listing List(const ListOptions& options) const override;
  Result<Listing> ListAt(const ListOptions& options, Revision revision) override;
  Result<EntryPtr> Put(const Key& key, Revision expected, json::Value value) override;
  Result<EntryPtr> Delete(const Key& key, Revision expected) override;
  Result<std::unique_ptr<Subscription>> Watch(const std::string& type,
                                              std::optional<std::string> ns, Revision since,
                                              std::shared_ptr<Watcher> watcher) override;
  Listing ListAndWatch(const ListOptions& options, std::shared_ptr<Watcher> watcher,
                       std::unique_ptr<Subscription>* subscription) override;

 private:
  // A write on its way; lives on the stack of the caller that waits for its outcome.
  struct Write {
    Change change;
    bool ends_something = false;  // a deletion, or a step towards one
    std::optional<Status> outcome;
    CondVar settled;
  };
  // What the committing thread has to do next; all empty = stop.
  struct Work {
    std::vector<Write*> batch;
    bool flush = false;
  };

  DurableStore(Options options, Clock& clock, std::unique_ptr<db::Database> database,
               const Loaded& loaded);

  bool IsRelaxed(const std::string& type) const;  // are some of its writes?
  bool MayWait(const Change& change) const;       // is this one?
  // Calls `read` with what it needs from disk to see every change of the scope after `since`.
  template <class T>
  Result<T> WithHistory(const Scope& scope, Revision since,
                        const std::function<Result<T>(const Older&)>& read) EXCLUDES(mu_);
  // Extends `older` by what has become durable since.
  Status ReadOlder(const Scope& scope, Older& older) EXCLUDES(mu_);
  // Queues the write and waits until it is settled.
  Result<EntryPtr> AwaitOutcome(Write& write) REQUIRES(mu_);

  // The committing thread.
  void CommitUntil(const std::stop_token& stop);
  Work NextWork(const std::stop_token& stop) EXCLUDES(mu_);
  void CommitBatch(const std::vector<Write*>& batch);                 // and settle
  Status Commit(const std::vector<Write*>& batch, db::Space space);   // and publish
  Status Flush(const std::vector<Change>& changes, db::Space space);  // after those in unflushed_
  void FlushRelaxed(db::Space space);
  void Settle(const std::vector<Write*>& batch, const Status& outcome) EXCLUDES(mu_);
  void Close();
  void Tick(const std::stop_token& stop);

  const Options options_;
  Clock& clock_;
  const Revision relaxed_floor_;
  const std::unique_ptr<db::Database> database_;
  ObjectIndex objects_;
  const std::shared_ptr<Feed> feed_;

  Mutex mu_;  // taken before ObjectIndex's, never together with Feed's
  CondVar work_;
  CondVar turn_;                                 // a key is no longer in flight
  std::vector<Write*> pending_ GUARDED_BY(mu_);  // in revision order; at most one for each caller
  std::set<Key> in_flight_ GUARDED_BY(mu_);      // keys with a write that is not settled
  Revision last_revision_ GUARDED_BY(mu_);
  Revision durable_revision_ GUARDED_BY(mu_);  // every visible change up to here is on disk
  bool flush_wanted_ GUARDED_BY(mu_) = false;

  // Of the committing thread only.
  Ledger ledger_;
  std::vector<Change> unflushed_;  // of relaxed types: visible, not on disk
  size_t unflushed_bytes_ = 0;
  bool flush_failed_ = false;

  std::jthread committer_;
  std::jthread ticker_;
};

}  // namespace leat::store
