// CloudWatch-like logs: groups of streams of events, kept in SQLite.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leat::awsserver {

// Each region has groups of its own: one name in two regions is two groups.
struct LogGroup {
  std::string region;
  std::string name;
  friend auto operator<=>(const LogGroup&, const LogGroup&) = default;
};

struct LogEvent {
  int64_t timestamp_ms = 0;  // when it was written
  int64_t ingestion_ms = 0;
  int64_t id = 0;  // at least 1; grows with each event that is appended
  std::string stream;
  std::string message;
};

// A place in the order of events: by time, and by arrival within a millisecond.
struct LogCursor {
  int64_t timestamp_ms = 0;
  int64_t id = 0;
  friend auto operator<=>(const LogCursor&, const LogCursor&) = default;
};
inline LogCursor CursorOf(const LogEvent& event) { return {event.timestamp_ms, event.id}; }

struct LogGroupInfo {
  std::string name;
  int64_t creation_ms = 0;
  int64_t stored_bytes = 0;
};

struct LogStreamInfo {
  std::string name;
  int64_t creation_ms = 0;
  int64_t first_event_ms = 0, last_event_ms = 0, last_ingestion_ms = 0;  // 0: no events
  int64_t stored_bytes = 0;
};

// An event to append. `position` orders the source (for pod logs the CRI time stamp in ns, made
// unique by the reader): an event at or before the stream's newest position was seen and is
// skipped, so that a reader may start again anywhere earlier. 0: the source has no positions, and
// the event is always appended.
struct NewLogEvent {
  int64_t timestamp_ms = 0;
  int64_t position = 0;
  std::string message;
};

// Every condition given must hold.
struct LogQuery {
  LogGroup group;
  std::vector<std::string> streams;  // empty = all; those that do not exist have no events
  std::string stream_prefix;
  std::optional<int64_t> start_ms, end_ms;  // start_ms <= time < end_ms
  std::optional<LogCursor> after, before;   // both exclusive
  size_t limit = 10'000;
  size_t max_bytes = std::numeric_limits<size_t>::max();  // of messages; one event always fits
  bool newest_first = false;
};

// Thread-safe. Groups that do not exist are kNotFound ("The specified log group does not exist."),
// streams likewise; kExhausted when the disk is full.
class LogStore {
 public:
  static Result<std::unique_ptr<LogStore>> Open(const std::string& path, Clock& clock);
  virtual ~LogStore() = default;
  // Makes the group and stream when absent. Durable on return (not against power loss).
  virtual Status Append(const LogGroup& group, const std::string& stream,
                        const std::vector<NewLogEvent>& events) = 0;
  // The newest position of the stream, 0 when it has none.
  virtual int64_t Position(const LogGroup& group, const std::string& stream) = 0;
  // The first events in cursor order, or in its reverse with newest_first. Its cost depends on the
  // answer and on the number of streams asked, not on how much was logged before.
  virtual Result<std::vector<LogEvent>> Query(const LogQuery& query) = 0;
  // Both sorted by name.
  virtual Result<std::vector<LogGroupInfo>> Groups(const std::string& region,
                                                   const std::string& prefix) = 0;
  virtual Result<std::vector<LogStreamInfo>> Streams(const LogGroup& group,
                                                     const std::string& prefix) = 0;
  // kAlreadyExists.
  virtual Status CreateGroup(const LogGroup& group) = 0;
  virtual Status CreateStream(const LogGroup& group, const std::string& stream) = 0;
  // Streams are gone from view at once; their events then leave in small steps. A group or stream
  // that does not exist is fine for the first.
  virtual Status DeleteStreams(const LogGroup& group, const std::string& prefix) = 0;
  virtual Status DeleteStream(const LogGroup& group, const std::string& stream) = 0;
  virtual Status DeleteGroup(const LogGroup& group) = 0;
};

}  // namespace leat::awsserver
