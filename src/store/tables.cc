#include "store/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

namespace leat::store {
namespace {

// Revisions reserved ahead: a crash skips at most this many, and one row is written for each half.
constexpr Revision kBlock = 10'000;

// Of history that is read at once: parsed it takes some ten times as much memory.
constexpr size_t kMaxRead = 16u << 20;

constexpr char kReserved[] = "reserved";
constexpr char kClosedAt[] = "closed_at";        // there only while the store is closed
constexpr char kClosedBytes[] = "closed_bytes";  // Ledger::stored_bytes, there with kClosedAt
constexpr char kHistoryFloor[] = "history_floor";
constexpr char kRelaxedFloor[] = "relaxed_floor";

Result<EntryPtr> MakeEntry(Key key, Revision revision, std::string_view text) {
  // Whatever was written must be readable: how large an object may be is not decided here.
  auto value = json::Parse(text, std::numeric_limits<size_t>::max());
  if (!value)
    return Error{Code::kCorrupt, fmt::format("stored {} at revision {}: {}", Describe(key),
                                             revision, value.error().message)};
  auto entry = std::make_shared<Entry>();
  entry->key = std::move(key);
  entry->revision = revision;
  entry->value = std::move(*value);
  return EntryPtr(std::move(entry));
}

Status SetMeta(db::Connection& connection, std::string_view key, int64_t value) {
  return connection.Prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)")
      .Bind(1, key)
      .Bind(2, value)
      .Run();
}

// `fallback` when there is no such row.
Result<int64_t> GetMeta(db::Connection& connection, std::string_view key, int64_t fallback) {
  db::Statement& select = connection.Prepare("SELECT value FROM meta WHERE key = ?1");
  const auto row = select.Bind(1, key).Step();
  if (!row) return row.error();
  const int64_t value = *row ? select.Int(0) : fallback;
  select.Reset();
  return value;
}

Result<int64_t> SelectInt(db::Connection& connection, std::string_view sql) {
  db::Statement& select = connection.Prepare(sql);
  const auto row = select.Step();
  if (!row) return row.error();
  const int64_t value = *row ? select.Int(0) : 0;
  select.Reset();
  return value;
}

// Waits until there is a tenth more than is kept, so that most writes prune nothing.
Status Prune(db::Connection& connection, const HistoryLimits& keep, Ledger& ledger) {
  const int64_t changes = static_cast<int64_t>(keep.changes);
  const int64_t bytes = static_cast<int64_t>(keep.bytes);
  if (ledger.stored_changes <= changes + changes / 10 && ledger.stored_bytes <= bytes + bytes / 10)
    return {};
  db::Statement& oldest = connection.Prepare(
      "SELECT revision, length(CAST(previous AS BLOB)) FROM changes ORDER BY revision");
  Revision last = ledger.history_floor;
  while (ledger.stored_changes > changes || ledger.stored_bytes > bytes) {
    const auto row = oldest.Step();
    if (!row) return row.error();
    LEAT_CHECK(*row, "the ledger counts more changes than there are");
    last = oldest.Int(0);
    ledger.stored_changes -= 1;
    ledger.stored_bytes -= oldest.Int(1);
  }
  oldest.Reset();
  auto deleted = connection.Prepare("DELETE FROM changes WHERE revision <= ?1").Bind(1, last).Run();
  if (!deleted) return deleted;
  ledger.history_floor = last;
  return SetMeta(connection, kHistoryFloor, last);
}

Status WriteObject(db::Connection& connection, const Change& change) {
  const Entry& entry = *change.entry;
  if (change.type == ChangeType::kDeleted)
    return connection.Prepare("DELETE FROM objects WHERE type = ?1 AND ns = ?2 AND name = ?3")
        .Bind(1, entry.key.type)
        .Bind(2, entry.key.ns)
        .Bind(3, entry.key.name)
        .Run();
  return connection
      .Prepare(
          "INSERT OR REPLACE INTO objects(type, ns, name, revision, value) "
          "VALUES(?1, ?2, ?3, ?4, ?5)")
      .Bind(1, entry.key.type)
      .Bind(2, entry.key.ns)
      .Bind(3, entry.key.name)
      .Bind(4, entry.revision)
      .Bind(5, entry.Json())
      .Run();
}

Status WriteHistory(db::Connection& connection, const Change& change) {
  const Entry& entry = *change.entry;
  db::Statement& insert = connection.Prepare(
      "INSERT INTO changes(revision, type, ns, name, deleted, previous_revision, previous) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  insert.Bind(1, entry.revision)
      .Bind(2, entry.key.type)
      .Bind(3, entry.key.ns)
      .Bind(4, entry.key.name)
      .Bind(5, static_cast<int64_t>(change.type == ChangeType::kDeleted));
  if (change.previous)
    insert.Bind(6, change.previous->revision).Bind(7, change.previous->Json());
  else
    insert.BindNull(6).BindNull(7);
  return insert.Run();
}

Result<EntryPtr> ReadObject(db::Connection& connection, const Key& key) {
  db::Statement& select = connection.Prepare(
      "SELECT revision, value FROM objects WHERE type = ?1 AND ns = ?2 AND name = ?3");
  const auto row = select.Bind(1, key.type).Bind(2, key.ns).Bind(3, key.name).Step();
  if (!row) return row.error();
  if (!*row) return EntryPtr();
  auto entry = MakeEntry(key, select.Int(0), select.Text(1));
  select.Reset();
  return entry;
}

// The change in the statement's current row. `after` is what the object was after it, and becomes
// what it was before.
Result<Change> ReadChange(const db::Statement& row, const Key& key, EntryPtr& after) {
  const Revision revision = row.Int(0);
  Change change{ChangeType::kAdded, after, nullptr};
  if (!row.IsNull(5)) {
    auto previous = MakeEntry(key, row.Int(4), row.Text(5));
    if (!previous) return previous.error();
    change.type = ChangeType::kModified;
    change.previous = std::move(*previous);
  }
  if (row.Int(3) != 0 && change.previous) {
    change.type = ChangeType::kDeleted;
    change.entry = Restamped(*change.previous, revision);
  }
  if (!change.entry || change.entry->revision != revision)
    return Error{Code::kCorrupt,
                 fmt::format("history of {} has a gap after revision {}", Describe(key), revision)};
  after = change.previous;
  return change;
}

}  // namespace

std::vector<std::string> Migrations() {
  return {
      "CREATE TABLE objects(type TEXT, ns TEXT, name TEXT, revision INTEGER NOT NULL,"
      "  value TEXT NOT NULL, PRIMARY KEY(type, ns, name)) WITHOUT ROWID;"
      "CREATE TABLE changes(revision INTEGER PRIMARY KEY, type TEXT NOT NULL, ns TEXT NOT NULL,"
      "  name TEXT NOT NULL, deleted INTEGER NOT NULL, previous_revision INTEGER, previous TEXT);"
      "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"};
}

Result<Loaded> Load(db::Connection& connection) {
  Loaded loaded;
  Ledger& ledger = loaded.ledger;
  db::Statement& objects = connection.Prepare(
      "SELECT type, ns, name, revision, value FROM objects ORDER BY type, ns, name");
  for (;;) {
    const auto row = objects.Step();
    if (!row) return row.error();
    if (!*row) break;
    Key key{std::string(objects.Text(0)), std::string(objects.Text(1)),
            std::string(objects.Text(2))};
    auto entry = MakeEntry(std::move(key), objects.Int(3), objects.Text(4));
    if (!entry) return entry.error();
    loaded.revision = std::max(loaded.revision, (*entry)->revision);
    loaded.entries.push_back(std::move(*entry));
  }
  const auto newest = SelectInt(connection, "SELECT max(revision) FROM changes");
  const auto count = SelectInt(connection, "SELECT count(*) FROM changes");
  const auto bytes = GetMeta(connection, kClosedBytes, -1);
  const auto reserved = GetMeta(connection, kReserved, 1);
  const auto closed_at = GetMeta(connection, kClosedAt, 0);
  const auto history_floor = GetMeta(connection, kHistoryFloor, 0);
  const auto relaxed_floor = GetMeta(connection, kRelaxedFloor, 1);
  for (const auto* number :
       {&newest, &count, &bytes, &reserved, &closed_at, &history_floor, &relaxed_floor})
    if (!*number) return number->error();
  ledger.stored_changes = *count;
  ledger.history_floor = *history_floor;
  ledger.relaxed_floor = *relaxed_floor;
  ledger.stored_bytes = *bytes;
  if (*bytes < 0) {  // counting reads all of the history
    const auto counted =
        SelectInt(connection, "SELECT sum(length(CAST(previous AS BLOB))) FROM changes");
    if (!counted) return counted.error();
    ledger.stored_bytes = *counted;
  }
  loaded.clean = *closed_at != 0 || *reserved == 1;
  loaded.revision = std::max({loaded.revision, *newest, loaded.clean ? *closed_at : *reserved});
  ledger.reserved = loaded.revision + kBlock;
  if (!loaded.clean) ledger.relaxed_floor = loaded.revision;
  return loaded;
}

Status MarkOpen(db::Connection& connection, const Ledger& ledger) {
  auto marked = SetMeta(connection, kReserved, ledger.reserved);
  if (marked) marked = SetMeta(connection, kRelaxedFloor, ledger.relaxed_floor);
  if (!marked) return marked;
  return connection.Prepare("DELETE FROM meta WHERE key IN (?1, ?2)")
      .Bind(1, kClosedAt)
      .Bind(2, kClosedBytes)
      .Run();
}

Status MarkClosed(db::Connection& connection, Revision revision, const Ledger& ledger) {
  auto marked = SetMeta(connection, kClosedAt, revision);
  if (marked) marked = SetMeta(connection, kClosedBytes, ledger.stored_bytes);
  return marked;
}

Status WriteChanges(db::Connection& connection, const std::vector<Change>& changes,
                    const HistoryLimits& keep, Ledger& ledger) {
  for (const Change& change : changes) {
    auto written = WriteObject(connection, change);
    if (written) written = WriteHistory(connection, change);
    if (!written) return written;
    if (change.previous)
      ledger.stored_bytes += static_cast<int64_t>(change.previous->Json().size());
  }
  ledger.stored_changes += static_cast<int64_t>(changes.size());
  if (const Revision last = changes.back().entry->revision; last + kBlock / 2 > ledger.reserved) {
    ledger.reserved = last + kBlock;
    auto reserved = SetMeta(connection, kReserved, ledger.reserved);
    if (!reserved) return reserved;
  }
  return Prune(connection, keep, ledger);
}

Result<std::vector<Change>> ReadChanges(db::Connection& connection, const Scope& scope,
                                        Revision since, Revision until) {
  const auto floor = GetMeta(connection, kHistoryFloor, 0);
  if (!floor) return floor.error();
  if (since < *floor)
    return Error{Code::kExpired,
                 fmt::format("the changes of {} since revision {} are no longer kept (history "
                             "reaches back to {}); list again",
                             scope.type, since, *floor)};
  db::Statement& rows = connection.Prepare(
      "SELECT revision, ns, name, deleted, previous_revision, previous FROM changes "
      "WHERE revision > ?1 AND type = ?2 AND (?3 IS NULL OR ns = ?3) ORDER BY revision DESC");
  rows.Bind(1, since).Bind(2, scope.type);
  scope.ns ? rows.Bind(3, *scope.ns) : rows.BindNull(3);
  std::vector<Change> changes;
  std::map<Key, EntryPtr> after;
  size_t bytes = 0;
  for (;;) {
    const auto row = rows.Step();
    if (!row) return row.error();
    if (!*row) break;
    bytes += rows.Text(5).size();
    if (bytes > kMaxRead) {
      rows.Reset();
      return Error{
          Code::kExpired,
          fmt::format("the changes of {} since revision {} are more than {} MiB; list again",
                      scope.type, since, kMaxRead >> 20)};
    }
    const Key key{scope.type, std::string(rows.Text(1)), std::string(rows.Text(2))};
    const auto [at, is_newest] = after.try_emplace(key);
    if (is_newest) {
      auto current = ReadObject(connection, key);
      if (!current) return current.error();
      at->second = std::move(*current);
    }
    auto change = ReadChange(rows, key, at->second);
    if (!change) return change.error();
    if (change->entry->revision <= until) changes.push_back(std::move(*change));
  }
  std::reverse(changes.begin(), changes.end());
  return changes;
}

}  // namespace leat::store
