// The events of a query are those of several streams, merged by cursor. Each stream is read in
// chunks by its key (stream, timestamp, id), so the work is in proportion to the answer: a
// client that asks for the newest lines twice a second pays for those lines only.
#include "awsserver/log_query.h"

#include <algorithm>
#include <deque>
#include <queue>

namespace leat::awsserver {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr size_t kSmallestChunk = 16;

struct Bounds {
  LogCursor after, before;
};

// Ids are at least 1, so {t, 0} is just before all events of the millisecond t.
Bounds BoundsOf(const LogQuery& query) {
  Bounds bounds{.after = {-1, 0}, .before = {kMax, kMax}};
  if (query.start_ms) bounds.after = std::max(bounds.after, {*query.start_ms, 0});
  if (query.after) bounds.after = std::max(bounds.after, *query.after);
  if (query.end_ms) bounds.before = std::min(bounds.before, {*query.end_ms, 0});
  if (query.before) bounds.before = std::min(bounds.before, *query.before);
  return bounds;
}

// One stream's part of the merge.
class StreamCursor {
 public:
  StreamCursor(const LogStreamRow& stream, const Bounds& bounds, bool newest_first, size_t chunk)
      : stream_(stream), bounds_(bounds), newest_first_(newest_first), chunk_(chunk) {}

  // Makes Front() there, unless the stream is at its end: then false.
  Result<bool> Ready(db::Connection& connection) {
    if (!events_.empty()) return true;
    if (ended_) return false;
    if (auto read = Fill(connection); !read) return read.error();
    return !events_.empty();
  }
  const LogEvent& Front() const { return events_.front(); }
  LogEvent Take() {
    LogEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  // True if the other one's front comes first.
  bool Behind(const StreamCursor& other) const {
    return newest_first_ ? CursorOf(Front()) < CursorOf(other.Front())
                         : CursorOf(other.Front()) < CursorOf(Front());
  }

 private:
  Status Fill(db::Connection& connection) {
    db::Statement& select = connection.Prepare(
        newest_first_
            ? "SELECT timestamp_ms, id, ingestion_ms, message FROM events WHERE stream = ?1"
              " AND (timestamp_ms, id) > (?2, ?3) AND (timestamp_ms, id) < (?4, ?5)"
              " ORDER BY timestamp_ms DESC, id DESC LIMIT ?6"
            : "SELECT timestamp_ms, id, ingestion_ms, message FROM events WHERE stream = ?1"
              " AND (timestamp_ms, id) > (?2, ?3) AND (timestamp_ms, id) < (?4, ?5)"
              " ORDER BY timestamp_ms, id LIMIT ?6");
    select.Bind(1, stream_.id).Bind(2, bounds_.after.timestamp_ms).Bind(3, bounds_.after.id);
    select.Bind(4, bounds_.before.timestamp_ms).Bind(5, bounds_.before.id);
    select.Bind(6, static_cast<int64_t>(chunk_));
    auto row = select.Step();
    for (; row && *row; row = select.Step()) {
      events_.push_back({.timestamp_ms = select.Int(0),
                         .ingestion_ms = select.Int(2),
                         .id = select.Int(1),
                         .stream = stream_.info.name,
                         .message = std::string(select.Blob(3))});
    }
    if (!row) return row.error();
    ended_ = events_.size() < chunk_;
    if (events_.empty()) return {};
    (newest_first_ ? bounds_.before : bounds_.after) = CursorOf(events_.back());
    return {};
  }

  const LogStreamRow& stream_;
  Bounds bounds_;  // of what was not read yet
  const bool newest_first_;
  const size_t chunk_;
  bool ended_ = false;
  std::deque<LogEvent> events_;
};

bool MayHoldEvents(const LogStreamRow& stream, const LogQuery& query, const Bounds& bounds) {
  if (stream.info.last_ingestion_ms == 0) return false;
  if (stream.info.last_event_ms < bounds.after.timestamp_ms) return false;
  if (stream.info.first_event_ms > bounds.before.timestamp_ms) return false;
  const auto& wanted = query.streams;
  return wanted.empty() ||
         std::find(wanted.begin(), wanted.end(), stream.info.name) != wanted.end();
}

}  // namespace

Error NoSuchGroup() { return {Code::kNotFound, "The specified log group does not exist."}; }
Error NoSuchStream() { return {Code::kNotFound, "The specified log stream does not exist."}; }

std::string GroupKey(const LogGroup& group) { return group.region + ":" + group.name; }

Result<std::vector<LogStreamRow>> FindStreams(db::Connection& connection, const LogGroup& group,
                                              std::string_view prefix) {
  db::Statement& find = connection.Prepare("SELECT 1 FROM groups WHERE name = ?1");
  const std::string key = GroupKey(group);
  const auto found = find.Bind(1, key).Step();
  if (!found) return found.error();
  if (!*found) return NoSuchGroup();
  db::Statement& select = connection.Prepare(
      "SELECT name, id, creation_ms, first_ms, last_ms, last_ingestion_ms, stored_bytes"
      " FROM streams WHERE log_group = ?1 AND name >= ?2 ORDER BY name");
  select.Bind(1, key).Bind(2, prefix);
  std::vector<LogStreamRow> streams;
  auto row = select.Step();
  for (; row && *row && select.Text(0).starts_with(prefix); row = select.Step()) {
    streams.push_back({.id = select.Int(1),
                       .info = {.name = std::string(select.Text(0)),
                                .creation_ms = select.Int(2),
                                .first_event_ms = select.Int(3),
                                .last_event_ms = select.Int(4),
                                .last_ingestion_ms = select.Int(5),
                                .stored_bytes = select.Int(6)}});
  }
  if (!row) return row.error();
  select.Reset();
  return streams;
}

Result<std::vector<LogEvent>> ReadEvents(db::Connection& connection, const LogQuery& query) {
  auto streams = FindStreams(connection, query.group, query.stream_prefix);
  if (!streams) return streams.error();
  const Bounds bounds = BoundsOf(query);
  std::erase_if(*streams,
                [&](const LogStreamRow& stream) { return !MayHoldEvents(stream, query, bounds); });
  std::vector<LogEvent> events;
  if (streams->empty()) return events;

  const size_t chunk = std::max(kSmallestChunk, query.limit / streams->size() + 1);
  std::deque<StreamCursor> cursors;
  const auto behind = [](const StreamCursor* a, const StreamCursor* b) { return a->Behind(*b); };
  std::priority_queue<StreamCursor*, std::vector<StreamCursor*>, decltype(behind)> next(behind);
  for (const LogStreamRow& stream : *streams) {
    StreamCursor& cursor = cursors.emplace_back(stream, bounds, query.newest_first, chunk);
    auto ready = cursor.Ready(connection);
    if (!ready) return ready.error();
    if (*ready) next.push(&cursor);
  }
  size_t bytes = 0;
  while (!next.empty() && events.size() < query.limit) {
    StreamCursor* cursor = next.top();
    bytes += cursor->Front().message.size();
    if (bytes > query.max_bytes && !events.empty()) break;
    next.pop();
    events.push_back(cursor->Take());
    auto ready = cursor->Ready(connection);
    if (!ready) return ready.error();
    if (*ready) next.push(cursor);
  }
  return events;
}

}  // namespace leat::awsserver
