// How a write becomes true.
//
//   caller      waits until no write of the same key is in flight, checks `expected` against the
//               visible version, takes the next revision, queues the write, waits for its outcome
//   committer   takes all queued writes -> one transaction -> publishes them in order -> wakes
//               their callers; meanwhile the next writes queue up (group commit)
//
// Invariant: the queue is in revision order and each key is in it, or in the batch being committed,
// at most once. So every write is based on a visible, durable version; a batch that fails to
// commit is simply forgotten, since nothing was shown and nothing builds on it; its revisions are
// not used again. A lone writer pays one fsync, many writers share one. The price: two writes of
// one key never share an fsync; the second would need the first one's revision anyway.
//
// Relaxed writes (events, renewals of leases) take the same way, but a batch that holds nothing
// else is published without a commit and waits in `unflushed_` for the next commit or the next
// tick. It is bounded; beyond that such a batch is committed like any other.
//
// On a full disk the batch fails as a whole, and is tried again without those that only fill the
// disk further: deleting may use what the database holds back for it (db::Space).
//
// Revisions are reserved ahead on disk, within the transactions that write objects. After a crash
// the store goes on behind the reserved ones, so those of lost and of failed writes never return.
#include "store/durable_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace leat::store {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxUnflushed = 512;
constexpr size_t kMaxUnflushedBytes = 8u << 20;
// Changes kept in memory for watchers; older ones are read from disk. More than can be unflushed,
// so that what leaves memory is on disk.
constexpr size_t kRecent = 1'024;
constexpr size_t kRecentBytes = 32u << 20;
static_assert(kRecent > kMaxUnflushed && kRecentBytes > kMaxUnflushedBytes);
// A little less than the promised minute, for a clock that is advanced by minutes.
constexpr auto kProgressPeriod = 50s;
constexpr auto kFlushPeriod = 1s;
constexpr int kHistoryTries = 3;

Status CheckExpected(const Key& key, Revision expected, const EntryPtr& current) {
  if (!current && expected == 0) return {};
  if (!current) return Error{Code::kNotFound, Describe(key) + " does not exist"};
  if (expected == current->revision) return {};
  if (expected == 0) return Error{Code::kAlreadyExists, Describe(key) + " already exists"};
  return Error{Code::kConflict,
               fmt::format("{} is at revision {}, no longer at {}: read it again and retry",
                           Describe(key), current->revision, expected)};
}

// What is written of an object that is being deleted brings it nearer to its end: the mark itself,
// the last status, a finalizer that is taken off. So it is with a job that is told to stop.
bool IsEnding(const json::Value& value) {
  return !value["metadata"]["deletionTimestamp"].IsNull() || value["spec"]["stop"].AsBool();
}

bool Contains(const std::vector<std::string>& types, const std::string& type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

json::Value WithoutRenewal(json::Value lease) {
  lease.Mut("metadata").Erase("resourceVersion");
  lease.Mut("spec").Erase("renewTime");
  return lease;
}

}  // namespace

Result<std::unique_ptr<DurableStore>> DurableStore::Open(Options options, Clock& clock) {
  auto database = db::Database::Open(
      {.path = options.path, .migrations = Migrations(), .begin_anew = options.begin_anew});
  if (!database) return database.error();
  Loaded loaded;
  auto opened = (*database)->Read([&](db::Connection& connection) -> Status {
    auto read = Load(connection);
    if (!read) return read.error();
    loaded = std::move(*read);
    return {};
  });
  if (opened)
    opened = (*database)->Write(
        [&](db::Connection& connection) { return MarkOpen(connection, loaded.ledger); },
        db::Space::kReserve);
  if (!opened) return opened.error().Within("open store " + options.path);
  return std::unique_ptr<DurableStore>(
      new DurableStore(std::move(options), clock, std::move(*database), loaded));
}

DurableStore::DurableStore(Options options, Clock& clock, std::unique_ptr<db::Database> database,
                           const Loaded& loaded)
    : options_(std::move(options)),
      clock_(clock),
      relaxed_floor_(loaded.ledger.relaxed_floor),
      database_(std::move(database)),
      objects_(loaded.entries, loaded.revision),
      feed_(std::make_shared<Feed>(objects_, kRecent, kRecentBytes)),
      last_revision_(loaded.revision),
      durable_revision_(loaded.revision),
      ledger_(loaded.ledger),
      committer_([this](const std::stop_token& stop) { CommitUntil(stop); }),
      ticker_([this](const std::stop_token& stop) { Tick(stop); }) {}

DurableStore::~DurableStore() = default;

Revision DurableStore::CurrentRevision() const { return objects_.revision(); }

Result<EntryPtr> DurableStore::Get(const Key& key) const {
  EntryPtr entry = objects_.Find(key);
  if (!entry) return Error{Code::kNotFound, Describe(key) + " does not exist"};
  return entry;
}

Listing DurableStore::List(const ListOptions& options) const { return objects_.List(options); }

Result<EntryPtr> DurableStore::Put(const Key& key, Revision expected, json::Value value) {
  auto entry = std::make_shared<Entry>();
  entry->key = key;
  entry->value = std::move(value);
  Write write;
  MutexLock lock(mu_);
  while (in_flight_.contains(key)) turn_.Wait(mu_);
  EntryPtr current = objects_.Find(key);
  if (auto checked = CheckExpected(key, expected, current); !checked) return checked.error();
  entry->revision = ++last_revision_;
  entry->value.Mut("metadata").Set("resourceVersion", std::to_string(entry->revision));
  write.change.type = current ? ChangeType::kModified : ChangeType::kAdded;
  write.ends_something = current && IsEnding(entry->value);
  write.change.entry = std::move(entry);
  write.change.previous = std::move(current);
  return AwaitOutcome(write);
}

Result<EntryPtr> DurableStore::Delete(const Key& key, Revision expected) {
  Write write;
  MutexLock lock(mu_);
  while (in_flight_.contains(key)) turn_.Wait(mu_);
  EntryPtr current = objects_.Find(key);
  if (!current) return Error{Code::kNotFound, Describe(key) + " does not exist"};
  if (auto checked = CheckExpected(key, expected, current); !checked) return checked.error();
  write.change.type = ChangeType::kDeleted;
  write.change.entry = Restamped(*current, ++last_revision_);
  write.change.previous = std::move(current);
  write.ends_something = true;
  return AwaitOutcome(write);
}

Result<EntryPtr> DurableStore::AwaitOutcome(Write& write) {
  in_flight_.insert(write.change.entry->key);
  pending_.push_back(&write);
  work_.NotifyOne();
  while (!write.outcome) write.settled.Wait(mu_);
  if (!*write.outcome)
    return write.outcome->error().Within(
        fmt::format("nothing was changed: write {} to the disk that holds {}",
                    Describe(write.change.entry->key), options_.path));
  return write.change.entry;
}

Result<std::unique_ptr<Subscription>> DurableStore::Watch(const std::string& type,
                                                          std::optional<std::string> ns,
                                                          Revision since,
                                                          std::shared_ptr<Watcher> watcher) {
  const Scope scope{type, std::move(ns)};
  return WithHistory<std::unique_ptr<Subscription>>(scope, since, [&](const Older& older) {
    return feed_->Subscribe(scope, since, older, watcher);
  });
}

Result<Listing> DurableStore::ListAt(const ListOptions& options, Revision revision) {
  return WithHistory<Listing>({options.type, options.ns}, revision, [&](const Older& older) {
    return feed_->ListAt(options, revision, older);
  });
}

template <class T>
Result<T> DurableStore::WithHistory(const Scope& scope, Revision since,
                                    const std::function<Result<T>(const Older&)>& read) {
  if (IsRelaxed(scope.type) && since < relaxed_floor_)
    return Error{Code::kExpired, fmt::format("changes of {} before revision {} may have been lost "
                                             "in a crash; list again",
                                             scope.type, relaxed_floor_)};
  Older older{.until = since};
  for (int i = 0;; ++i) {
    Result<T> done = read(older);
    if (done || done.error().code != Code::kExpired || i == kHistoryTries) return done;
    // Writers may have moved on while we read; the next round then has less to read.
    if (const auto more = ReadOlder(scope, older); !more) return more.error();
  }
}

Status DurableStore::ReadOlder(const Scope& scope, Older& older) {
  const Revision until = [this] {
    MutexLock lock(mu_);
    return durable_revision_;
  }();
  // The snapshot is taken after `until` became durable, so it holds all up to there.
  return database_->Read([&](db::Connection& connection) -> Status {
    auto changes = ReadChanges(connection, scope, older.until, until);
    if (!changes) return changes.error();
    std::move(changes->begin(), changes->end(), std::back_inserter(older.changes));
    older.until = until;
    return {};
  });
}

Listing DurableStore::ListAndWatch(const ListOptions& options, std::shared_ptr<Watcher> watcher,
                                   std::unique_ptr<Subscription>* subscription) {
  return feed_->ListAndSubscribe(options, std::move(watcher), subscription);
}

bool DurableStore::IsRelaxed(const std::string& type) const {
  return Contains(options_.relaxed_types, type) || Contains(options_.relaxed_renewals, type);
}

bool DurableStore::MayWait(const Change& change) const {
  const std::string& type = change.entry->key.type;
  return Contains(options_.relaxed_types, type) ||
         (Contains(options_.relaxed_renewals, type) && change.type == ChangeType::kModified &&
          WithoutRenewal(change.entry->value) == WithoutRenewal(change.previous->value));
}

void DurableStore::CommitUntil(const std::stop_token& stop) {
  for (;;) {
    const Work work = NextWork(stop);
    if (!work.batch.empty()) {
      CommitBatch(work.batch);
    } else if (!work.flush) {
      break;
    }
    if (work.flush) FlushRelaxed(db::Space::kOrdinary);
  }
  Close();
}

void DurableStore::CommitBatch(const std::vector<Write*>& batch) {
  const auto outcome = Commit(batch, db::Space::kOrdinary);
  if (outcome || outcome.error().code != Code::kExhausted) return Settle(batch, outcome);
  // The disk is full. What ends something may use the reserve; the others must not.
  std::vector<Write*> ending;
  std::vector<Write*> others;
  for (Write* write : batch) (write->ends_something ? ending : others).push_back(write);
  Settle(others, outcome);
  if (!ending.empty()) Settle(ending, Commit(ending, db::Space::kReserve));
}

DurableStore::Work DurableStore::NextWork(const std::stop_token& stop) {
  MutexLock lock(mu_);
  work_.Wait(mu_, stop,
             [this]() NO_THREAD_SAFETY_ANALYSIS { return !pending_.empty() || flush_wanted_; });
  return {.batch = std::exchange(pending_, {}), .flush = std::exchange(flush_wanted_, false)};
}

Status DurableStore::Commit(const std::vector<Write*>& batch, db::Space space) {
  std::vector<Change> changes;
  size_t bytes = unflushed_bytes_;
  for (const Write* write : batch) {
    changes.push_back(write->change);
    bytes += MemoryOf(write->change);
  }
  const bool may_wait = unflushed_.size() + changes.size() <= kMaxUnflushed &&
                        bytes <= kMaxUnflushedBytes &&
                        changes.back().entry->revision <= ledger_.reserved &&
                        std::all_of(changes.begin(), changes.end(),
                                    [this](const Change& change) { return MayWait(change); });
  if (may_wait) {
    unflushed_.insert(unflushed_.end(), changes.begin(), changes.end());
    unflushed_bytes_ = bytes;
  } else if (auto flushed = Flush(changes, space); !flushed) {
    return flushed;
  }
  feed_->Publish(changes);
  return {};
}

Status DurableStore::Flush(const std::vector<Change>& changes, db::Space space) {
  std::vector<Change> all = unflushed_;
  all.insert(all.end(), changes.begin(), changes.end());
  if (all.empty()) return {};
  Ledger ledger = ledger_;
  auto written = database_->Write(
      [&](db::Connection& connection) {
        ledger = ledger_;
        return WriteChanges(connection, all, {options_.history_changes, options_.history_bytes},
                            ledger);
      },
      space);
  if (!written) return written;
  ledger_ = ledger;
  unflushed_.clear();
  unflushed_bytes_ = 0;
  MutexLock lock(mu_);
  durable_revision_ = all.back().entry->revision;
  return {};
}

void DurableStore::FlushRelaxed(db::Space space) {
  const auto flushed = Flush({}, space);
  if (!flushed && !flush_failed_)
    LogWarning("relaxed writes wait in memory; free disk space",
               {{"store", options_.path}, {"error", flushed.error()}});
  flush_failed_ = !flushed;
}

void DurableStore::Settle(const std::vector<Write*>& batch, const Status& outcome) {
  MutexLock lock(mu_);
  for (Write* write : batch) {
    in_flight_.erase(write->change.entry->key);
    write->outcome = outcome;
    write->settled.NotifyOne();
  }
  turn_.NotifyAll();
}

void DurableStore::Close() {
  FlushRelaxed(db::Space::kReserve);
  if (flush_failed_) return;  // the next start must take it for a crash
  const Revision last = [this] {
    MutexLock lock(mu_);
    return last_revision_;
  }();
  const auto marked = database_->Write(
      [&](db::Connection& connection) { return MarkClosed(connection, last, ledger_); },
      db::Space::kReserve);
  if (!marked)
    LogWarning("store not marked as closed; the next start skips revisions",
               {{"store", options_.path}, {"error", marked.error()}});
}

void DurableStore::Tick(const std::stop_token& stop) {
  const auto period = options_.relaxed_types.empty() && options_.relaxed_renewals.empty()
                          ? kProgressPeriod
                          : kFlushPeriod;
  MonoTime told = clock_.Monotonic();
  while (clock_.SleepFor(period, stop)) {
    {
      MutexLock lock(mu_);
      flush_wanted_ = true;
      work_.NotifyOne();
    }
    if (clock_.Monotonic() - told < kProgressPeriod) continue;
    told = clock_.Monotonic();
    feed_->Progress();
  }
}

}  // namespace leat::store
