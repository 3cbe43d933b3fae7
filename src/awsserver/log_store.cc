#include "awsserver/log_store.h"

#include <algorithm>
#include <stop_token>
#include <thread>

#include "awsserver/log_query.h"
#include "base/log.h"
#include "db/database.h"

namespace leat::awsserver {
namespace {

// A stream whose log_group is null is deleted; its events are still to be removed.
constexpr char kSchema[] = R"(
CREATE TABLE groups (
  name TEXT PRIMARY KEY,
  creation_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE streams (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  log_group TEXT,
  name TEXT NOT NULL,
  creation_ms INTEGER NOT NULL,
  first_ms INTEGER NOT NULL DEFAULT 0,
  last_ms INTEGER NOT NULL DEFAULT 0,
  last_ingestion_ms INTEGER NOT NULL DEFAULT 0,
  stored_bytes INTEGER NOT NULL DEFAULT 0,
  position INTEGER NOT NULL DEFAULT 0,
  UNIQUE (log_group, name)
);
CREATE TABLE events (
  stream INTEGER NOT NULL,
  timestamp_ms INTEGER NOT NULL,
  id INTEGER NOT NULL,
  ingestion_ms INTEGER NOT NULL,
  message BLOB NOT NULL,
  PRIMARY KEY (stream, timestamp_ms, id)
) WITHOUT ROWID;
CREATE TABLE last_event (id INTEGER NOT NULL);
INSERT INTO last_event VALUES (0);
)";

// Groups were once the same in all regions. Whose stream is of a job elsewhere is not told here:
// such a job that still runs is logged again from its pod's first line, one that had ended loses
// its log.
constexpr char kRegions[] = R"(
UPDATE groups SET name = 'us-east-1:' || name;
UPDATE streams SET log_group = 'us-east-1:' || log_group WHERE log_group IS NOT NULL;
)";

// Events removed in one transaction: few enough that appends do not wait long behind it.
constexpr int64_t kRemovedAtOnce = 20'000;

Status MakeGroup(db::Connection& connection, const LogGroup& group, int64_t now_ms) {
  return connection.Prepare("INSERT OR IGNORE INTO groups VALUES (?1, ?2)")
      .Bind(1, GroupKey(group))
      .Bind(2, now_ms)
      .Run();
}

Status MakeStream(db::Connection& connection, const LogGroup& group, const std::string& stream,
                  int64_t now_ms) {
  return connection
      .Prepare("INSERT OR IGNORE INTO streams (log_group, name, creation_ms) VALUES (?1, ?2, ?3)")
      .Bind(1, GroupKey(group))
      .Bind(2, stream)
      .Bind(3, now_ms)
      .Run();
}

Status RequireGroup(db::Connection& connection, const LogGroup& group) {
  const auto found =
      connection.Prepare("SELECT 1 FROM groups WHERE name = ?1").Bind(1, GroupKey(group)).Step();
  if (!found) return found.error();
  if (!*found) return NoSuchGroup();
  return {};
}

// Takes `count` ids that no event had; gives the one before the first.
Result<int64_t> TakeIds(db::Connection& connection, size_t count) {
  db::Statement& read = connection.Prepare("SELECT id FROM last_event");
  const auto found = read.Step();
  if (!found) return found.error();
  const int64_t last = read.Int(0);
  read.Reset();
  auto taken = connection.Prepare("UPDATE last_event SET id = ?1")
                   .Bind(1, last + static_cast<int64_t>(count))
                   .Run();
  if (!taken) return taken.error();
  return last;
}

// Adds the events that were not seen before to a stream that exists.
Status AppendTo(db::Connection& connection, const LogGroup& group, const std::string& stream,
                const std::vector<NewLogEvent>& events, int64_t now_ms) {
  db::Statement& find = connection.Prepare(
      "SELECT id, position, first_ms, last_ms, stored_bytes, last_ingestion_ms FROM streams"
      " WHERE log_group = ?1 AND name = ?2");
  const auto found = find.Bind(1, GroupKey(group)).Bind(2, stream).Step();
  if (!found) return found.error();
  if (!*found) return NoSuchStream();
  const int64_t id = find.Int(0);
  int64_t position = find.Int(1), first_ms = find.Int(2), last_ms = find.Int(3);
  int64_t bytes = find.Int(4);
  bool has_events = find.Int(5) != 0;
  find.Reset();

  auto event_id = TakeIds(connection, events.size());
  if (!event_id) return event_id.error();
  db::Statement& insert = connection.Prepare("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)");
  bool added = false;
  for (const NewLogEvent& event : events) {
    if (event.position != 0 && event.position <= position) continue;
    insert.Bind(1, id).Bind(2, event.timestamp_ms).Bind(3, ++*event_id).Bind(4, now_ms);
    insert.BindBlob(5, event.message);
    if (auto done = insert.Run(); !done) return done;
    position = std::max(position, event.position);
    first_ms = has_events ? std::min(first_ms, event.timestamp_ms) : event.timestamp_ms;
    last_ms = has_events ? std::max(last_ms, event.timestamp_ms) : event.timestamp_ms;
    bytes += static_cast<int64_t>(event.message.size());
    has_events = added = true;
  }
  if (!added) return {};
  return connection
      .Prepare(
          "UPDATE streams SET position = ?2, first_ms = ?3, last_ms = ?4, stored_bytes = ?5,"
          " last_ingestion_ms = ?6 WHERE id = ?1")
      .Bind(1, id)
      .Bind(2, position)
      .Bind(3, first_ms)
      .Bind(4, last_ms)
      .Bind(5, bytes)
      .Bind(6, now_ms)
      .Run();
}

Status Doom(db::Connection& connection, const std::vector<LogStreamRow>& streams) {
  for (const LogStreamRow& stream : streams) {
    db::Statement& doom = connection.Prepare("UPDATE streams SET log_group = NULL WHERE id = ?1");
    if (auto done = doom.Bind(1, stream.id).Run(); !done) return done;
  }
  return {};
}

// Removes a step's worth of one deleted stream; false when there is nothing left to remove.
Result<bool> RemoveSome(db::Connection& connection) {
  db::Statement& find =
      connection.Prepare("SELECT id FROM streams WHERE log_group IS NULL LIMIT 1");
  const auto found = find.Step();
  if (!found) return found.error();
  if (!*found) return false;
  const int64_t stream = find.Int(0);
  find.Reset();
  db::Statement& events = connection.Prepare(
      "DELETE FROM events WHERE stream = ?1 AND (timestamp_ms, id) IN"
      " (SELECT timestamp_ms, id FROM events WHERE stream = ?1 LIMIT ?2)");
  if (auto done = events.Bind(1, stream).Bind(2, kRemovedAtOnce).Run(); !done) return done.error();
  if (connection.Changes() == kRemovedAtOnce) return true;
  auto done = connection.Prepare("DELETE FROM streams WHERE id = ?1").Bind(1, stream).Run();
  if (!done) return done.error();
  return true;
}

class SqliteLogStore : public LogStore {
 public:
  SqliteLogStore(std::unique_ptr<db::Database> db, Clock& clock)
      : db_(std::move(db)),
        clock_(clock),
        checker_([this](const std::stop_token& stop) { CheckPages(stop); }) {}

  Status Append(const LogGroup& group, const std::string& stream,
                const std::vector<NewLogEvent>& events) override {
    const int64_t now_ms = NowMs();
    return db_->Write([&, now_ms](db::Connection& connection) -> Status {
      if (auto made = MakeGroup(connection, group, now_ms); !made) return made;
      if (auto made = MakeStream(connection, group, stream, now_ms); !made) return made;
      return AppendTo(connection, group, stream, events, now_ms);
    });
  }

  int64_t Position(const LogGroup& group, const std::string& stream) override {
    int64_t position = 0;
    auto read = db_->Read([&](db::Connection& connection) -> Status {
      db::Statement& find =
          connection.Prepare("SELECT position FROM streams WHERE log_group = ?1 AND name = ?2");
      const auto found = find.Bind(1, GroupKey(group)).Bind(2, stream).Step();
      if (!found) return found.error();
      if (*found) position = find.Int(0);
      find.Reset();
      return {};
    });
    if (!read) LogError("log position unknown", {{"stream", stream}, {"error", read.error()}});
    return position;
  }

  Result<std::vector<LogEvent>> Query(const LogQuery& query) override {
    std::vector<LogEvent> events;
    auto read = db_->Read([&](db::Connection& connection) -> Status {
      auto found = ReadEvents(connection, query);
      if (!found) return found.error();
      events = std::move(*found);
      return {};
    });
    if (!read) return read.error();
    return events;
  }

  Result<std::vector<LogGroupInfo>> Groups(const std::string& region,
                                           const std::string& prefix) override {
    const std::string keys = GroupKey({region, prefix});
    const size_t before_name = GroupKey({region, ""}).size();
    std::vector<LogGroupInfo> groups;
    auto read = db_->Read([&](db::Connection& connection) -> Status {
      db::Statement& select = connection.Prepare(
          "SELECT name, creation_ms, (SELECT coalesce(sum(stored_bytes), 0) FROM streams"
          " WHERE log_group = groups.name) FROM groups WHERE name >= ?1 ORDER BY name");
      auto row = select.Bind(1, keys).Step();
      for (; row && *row && select.Text(0).starts_with(keys); row = select.Step())
        groups.push_back(
            {std::string(select.Text(0).substr(before_name)), select.Int(1), select.Int(2)});
      if (!row) return row.error();
      select.Reset();
      return {};
    });
    if (!read) return read.error();
    return groups;
  }

  Result<std::vector<LogStreamInfo>> Streams(const LogGroup& group,
                                             const std::string& prefix) override {
    std::vector<LogStreamInfo> streams;
    auto read = db_->Read([&](db::Connection& connection) -> Status {
      auto rows = FindStreams(connection, group, prefix);
      if (!rows) return rows.error();
      for (LogStreamRow& row : *rows) streams.push_back(std::move(row.info));
      return {};
    });
    if (!read) return read.error();
    return streams;
  }

  Status CreateGroup(const LogGroup& group) override {
    return db_->Write([&](db::Connection& connection) -> Status {
      if (auto made = MakeGroup(connection, group, NowMs()); !made) return made;
      if (connection.Changes() > 0) return {};
      return Error{Code::kAlreadyExists, "The specified log group already exists"};
    });
  }

  Status CreateStream(const LogGroup& group, const std::string& stream) override {
    return db_->Write([&](db::Connection& connection) -> Status {
      if (auto there = RequireGroup(connection, group); !there) return there;
      if (auto made = MakeStream(connection, group, stream, NowMs()); !made) return made;
      if (connection.Changes() > 0) return {};
      return Error{Code::kAlreadyExists, "The specified log stream already exists"};
    });
  }

  Status DeleteStreams(const LogGroup& group, const std::string& prefix) override {
    auto doomed = db_->Write(
        [&](db::Connection& connection) -> Status {
          auto streams = FindStreams(connection, group, prefix);
          if (!streams && streams.error().code == Code::kNotFound) return {};
          if (!streams) return streams.error();
          return Doom(connection, *streams);
        },
        db::Space::kReserve);
    if (!doomed) return doomed;
    return RemoveDoomed();
  }

  Status DeleteStream(const LogGroup& group, const std::string& stream) override {
    auto doomed = db_->Write(
        [&](db::Connection& connection) -> Status {
          auto streams = FindStreams(connection, group, stream);
          if (!streams) return streams.error();
          std::erase_if(*streams, [&](const LogStreamRow& row) { return row.info.name != stream; });
          if (streams->empty()) return NoSuchStream();
          return Doom(connection, *streams);
        },
        db::Space::kReserve);
    if (!doomed) return doomed;
    return RemoveDoomed();
  }

  Status DeleteGroup(const LogGroup& group) override {
    auto doomed = db_->Write(
        [&](db::Connection& connection) -> Status {
          auto streams = FindStreams(connection, group, "");
          if (!streams) return streams.error();
          if (auto done = Doom(connection, *streams); !done) return done;
          return connection.Prepare("DELETE FROM groups WHERE name = ?1")
              .Bind(1, GroupKey(group))
              .Run();
        },
        db::Space::kReserve);
    if (!doomed) return doomed;
    return RemoveDoomed();
  }

 private:
  void CheckPages(const std::stop_token& stop) {
    auto whole = db_->CheckPages(stop);
    if (whole || whole.error().code == Code::kCancelled) return;
    LogError(
        "log database is damaged: some logs cannot be read; stop Leat and restore logs.sqlite, "
        "or move it away to begin with an empty one",
        {{"error", whole.error()}});
  }

  int64_t NowMs() {
    using std::chrono::milliseconds;
    return std::chrono::duration_cast<milliseconds>(clock_.Now().time_since_epoch()).count();
  }

  // Also finishes what a crash had interrupted.
  Status RemoveDoomed() {
    bool more = true;
    while (more) {
      auto removed = db_->Write(
          [&](db::Connection& connection) -> Status {
            auto step = RemoveSome(connection);
            if (!step) return step.error();
            more = *step;
            return {};
          },
          db::Space::kReserve);
      if (!removed) return removed;
    }
    return {};
  }

  const std::unique_ptr<db::Database> db_;
  Clock& clock_;
  const std::jthread checker_;  // beside the first requests
};

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::Open(const std::string& path, Clock& clock) {
  auto db =
      db::Database::Open({.path = path, .migrations = {kSchema, kRegions}, .full_sync = false});
  if (!db) return db.error().Within("logs");
  return std::unique_ptr<LogStore>(std::make_unique<SqliteLogStore>(std::move(*db), clock));
}

}  // namespace leat::awsserver
