// The store's tables and every SQL statement over them.
//
// `objects` holds the current version of each object. `changes` is the history, kept like an undo
// log: a row says what the object was *before* that change, so each version is stored once, either
// as current or as the predecessor of another. History is rebuilt from the newest change backwards.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "db/database.h"
#include "store/feed.h"
#include "store/store.h"

namespace leat::store {

std::vector<std::string> Migrations();

// The numbers that live beside the objects.
struct Ledger {
  Revision reserved = 1;       // no revision above it was ever given to anyone
  Revision history_floor = 0;  // `changes` holds every change after this one
  Revision relaxed_floor = 1;  // changes of relaxed types up to here may be lost
  int64_t stored_changes = 0;  // rows of `changes`
  int64_t stored_bytes = 0;    // of the versions in them, as JSON
};

// How much history is kept.
struct HistoryLimits {
  size_t changes;
  size_t bytes;
};

struct Loaded {
  std::vector<EntryPtr> entries;  // in key order
  Ledger ledger;
  Revision revision = 1;  // at least as high as any ever given away
  bool clean = true;      // the store was closed in good order
};

// kCorrupt when an object cannot be read.
Result<Loaded> Load(db::Connection& connection);

// Marks the store as open and reserves revisions, so that a crash is noticed and repeats none.
Status MarkOpen(db::Connection& connection, const Ledger& ledger);
// Marks it as closed at this revision, the highest ever given away.
Status MarkClosed(db::Connection& connection, Revision revision, const Ledger& ledger);

// Writes the changes (in revision order), reserves revisions when they run low, and prunes history
// beyond `keep`. `ledger` is brought up to date; drop it when the transaction fails.
Status WriteChanges(db::Connection& connection, const std::vector<Change>& changes,
                    const HistoryLimits& keep, Ledger& ledger);

// The changes of the scope after `since` up to `until`, oldest first. `until` must be on disk.
// kExpired when they are no longer all there or more than 16 MiB, which is more than a new list;
// kCorrupt when they do not fit together.
Result<std::vector<Change>> ReadChanges(db::Connection& connection, const Scope& scope,
                                        Revision since, Revision until);

}  // namespace leat::store
