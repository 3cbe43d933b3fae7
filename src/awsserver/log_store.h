// CloudWatch-like logs: groups of streams of events, kept in SQLite.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leat::awsserver {

struct LogEvent {
  int64_t timestamp_ms = 0;  // when it was written
  int64_t ingestion_ms = 0;
  int64_t id = 0;  // grows with each event of a group: order, eventId and paging
  std::string stream;
  std::string message;
};

struct LogStreamInfo {
  std::string name;
  int64_t creation_ms = 0;
  int64_t first_event_ms = 0, last_event_ms = 0, last_ingestion_ms = 0;
  int64_t stored_bytes = 0;
};

// An event to append. `position` orders the source (for pod logs the CRI time stamp in ns, made
// unique by the reader): an event at or before the stream's newest position was seen and is
// skipped, so that a reader may start again anywhere earlier.
struct NewLogEvent {
  int64_t timestamp_ms = 0;
  int64_t position = 0;
  std::string message;
};

struct LogQuery {
  std::string group;
  std::vector<std::string> streams;  // empty = all
  std::string stream_prefix;
  std::optional<int64_t> start_ms, end_ms;
  int64_t after_id = 0;
  size_t limit = 10'000;
  bool newest_first = false;
};

// Thread-safe.
class LogStore {
 public:
  static Result<std::unique_ptr<LogStore>> Open(const std::string& path, Clock& clock);
  virtual ~LogStore() = default;
  // Makes the group and stream when absent. Durable on return (not against power loss).
  virtual Status Append(const std::string& group, const std::string& stream,
                        const std::vector<NewLogEvent>& events) = 0;
  // The newest position of the stream, 0 when it has none.
  virtual int64_t Position(const std::string& group, const std::string& stream) = 0;
  // kNotFound: no such group ("The specified log group does not exist.").
  virtual Result<std::vector<LogEvent>> Query(const LogQuery& query) = 0;
  virtual Result<std::vector<LogStreamInfo>> Streams(const std::string& group,
                                                     const std::string& prefix) = 0;
  virtual Status DeleteStreams(const std::string& group, const std::string& prefix) = 0;
};

}  // namespace leat::awsserver
