#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "awsserver/logs_filter_pattern.h"
#include "awsserver/logs_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxEvents = 10'000;
constexpr size_t kMaxBytes = 1 << 20;
// Events looked at by one FilterLogEvents: a rare pattern in a large log is answered with empty
// pages and tokens, not with a call that lasts for minutes.
constexpr size_t kMaxScanned = 100'000;
constexpr size_t kEventOverhead = 26;  // bytes that CloudWatch counts for each event of a batch
constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr int64_t kOldestMs = 14 * kDayMs;
constexpr int64_t kNewestMs = 2 * 3600 * 1000;

// A place in a stream and the way to read from there. "f/1600000000000/42": after that event.
struct Token {
  bool forward = true;
  LogCursor cursor;
  std::string ToString() const {
    return fmt::format("{}/{}/{}", forward ? 'f' : 'b', cursor.timestamp_ms, cursor.id);
  }
};

Answer<Token> ReadToken(std::string_view text) {
  const auto parts = Split(text, '/');
  if (parts.size() == 3 && (parts[0] == "f" || parts[0] == "b")) {
    const auto timestamp = ParseInt(parts[1]);
    const auto id = ParseInt(parts[2]);
    if (timestamp && id) return Token{parts[0] == "f", {*timestamp, *id}};
  }
  return InvalidParameter("The specified nextToken is invalid.");
}

std::optional<int64_t> OptionalInt(const json::Value& value) {
  if (value.IsNull()) return std::nullopt;
  return value.AsInt();
}

size_t LimitOf(const json::Value& input) {
  return static_cast<size_t>(input["limit"].AsInt(kMaxEvents));
}

Answer<void> CheckTimes(const json::Value& input) {
  if (input["startTime"].IsNull() || input["endTime"].IsNull()) return {};
  if (input["startTime"].AsInt() <= input["endTime"].AsInt()) return {};
  return InvalidParameter("startTime must not be after endTime");
}

Answer<void> RequireStreams(const LogsCall& call, const LogGroup& group,
                            const std::vector<std::string>& wanted) {
  auto streams = call.logs.Streams(group, wanted.size() == 1 ? wanted[0] : "");
  if (!streams) return ToLogsError(streams.error());
  for (const std::string& name : wanted) {
    if (std::none_of(streams->begin(), streams->end(),
                     [&](const LogStreamInfo& stream) { return stream.name == name; }))
      return AwsError{"ResourceNotFoundException", "The specified log stream does not exist."};
  }
  return {};
}

// The tokens on both sides of a page. At an end of the stream the token that led there comes back.
std::pair<Token, Token> TokensAround(const std::vector<LogEvent>& events,
                                     const std::optional<Token>& from) {
  if (!events.empty()) return {{false, CursorOf(events.front())}, {true, CursorOf(events.back())}};
  if (!from) return {{false, {0, 0}}, {true, {0, 0}}};
  // Reading back again starts with the event that the token is about.
  if (from->forward) return {{false, {from->cursor.timestamp_ms, from->cursor.id + 1}}, *from};
  return {*from, {true, {from->cursor.timestamp_ms, from->cursor.id - 1}}};
}

json::Value EventEntry(const LogEvent& event) {
  return json::Object({{"timestamp", event.timestamp_ms},
                       {"message", event.message},
                       {"ingestionTime", event.ingestion_ms}});
}

// One FilterLogEvents: pages of the store until the answer is full or there are no more events.
struct Search {
  std::vector<LogEvent> events;
  std::optional<LogCursor> more_after;  // where the next page starts
};

Result<Search> Find(const LogsCall& call, LogQuery query, const FilterPattern& pattern) {
  const size_t limit = LimitOf(call.input);
  Search search;
  size_t bytes = 0, scanned = 0;
  while (true) {
    query.limit = pattern.MatchesAll() ? limit - search.events.size() : kMaxEvents;
    query.max_bytes = kMaxBytes;
    auto page = call.logs.Query(query);
    if (!page) return page.error();
    if (page->empty()) return search;
    for (LogEvent& event : *page) {
      const LogCursor cursor = CursorOf(event);
      if (pattern.Matches(event.message)) {
        bytes += event.message.size();
        if (bytes > kMaxBytes && !search.events.empty()) {
          search.more_after = query.after;
          return search;
        }
        search.events.push_back(std::move(event));
      }
      query.after = cursor;
      if (search.events.size() == limit) break;
    }
    scanned += page->size();
    if (search.events.size() == limit || scanned >= kMaxScanned ||
        call.context.stop.stop_requested())
      break;
  }
  query.limit = 1;
  auto rest = call.logs.Query(query);
  if (!rest) return rest.error();
  if (!rest->empty()) search.more_after = query.after;
  return search;
}

Answer<LogQuery> FilterQuery(const LogsCall& call) {
  const json::Value& input = call.input;
  auto group = GroupOf(call);
  if (!group) return group.error();
  if (auto right = CheckTimes(input); !right) return right.error();
  LogQuery query{.group = *group, .stream_prefix = input["logStreamNamePrefix"].Str()};
  for (const json::Value& name : input["logStreamNames"].Items())
    query.streams.push_back(name.Str());
  if (!query.streams.empty() && !query.stream_prefix.empty())
    return InvalidParameter(
        "Either logStreamNames or logStreamNamePrefix can be specified, not both");
  if (!query.streams.empty()) {
    if (auto there = RequireStreams(call, *group, query.streams); !there) return there.error();
  }
  query.start_ms = OptionalInt(input["startTime"]);
  query.end_ms = OptionalInt(input["endTime"]);
  // Here, unlike in GetLogEvents, AWS includes events of the endTime itself.
  if (query.end_ms && *query.end_ms < std::numeric_limits<int64_t>::max()) ++*query.end_ms;
  if (const json::Value& text = input["nextToken"]; text.IsString()) {
    auto token = ReadToken(text.AsString());
    if (!token) return token.error();
    query.after = token->cursor;
  }
  return query;
}

// The batch as the store takes it, without events that CloudWatch would reject; `rejected` says
// which, and stays empty when all are fine.
Answer<std::vector<NewLogEvent>> CheckBatch(const json::ArrayItems& events, int64_t now_ms,
                                            json::Value& rejected) {
  std::vector<NewLogEvent> batch;
  size_t bytes = 0;
  int64_t before = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const int64_t time = events[i]["timestamp"].AsInt();
    bytes += events[i]["message"].AsString().size() + kEventOverhead;
    if (time < before)
      return InvalidParameter(
          "Log events in a single PutLogEvents request must be in chronological order.");
    before = time;
    if (time < now_ms - kOldestMs) {
      rejected.Set("tooOldLogEventEndIndex", i + 1);
    } else if (time > now_ms + kNewestMs) {
      if (!rejected.Has("tooNewLogEventStartIndex")) rejected.Set("tooNewLogEventStartIndex", i);
    } else {
      batch.push_back({.timestamp_ms = time, .message = events[i]["message"].Str()});
    }
  }
  if (!events.empty() && before - events.front()["timestamp"].AsInt() > kDayMs)
    return InvalidParameter(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  if (bytes > kMaxBytes)
    return InvalidParameter(
        fmt::format("Upload too large: {} bytes exceeds limit of {}", bytes, kMaxBytes));
  return batch;
}

}  // namespace

Answer<json::Value> GetLogEvents(const LogsCall& call) {
  const json::Value& input = call.input;
  auto group = GroupOf(call);
  if (!group) return group.error();
  const std::string stream = input["logStreamName"].Str();
  if (auto right = CheckTimes(input); !right) return right.error();
  if (auto there = RequireStreams(call, *group, {stream}); !there) return there.error();

  std::optional<Token> from;
  if (const json::Value& text = input["nextToken"]; text.IsString()) {
    auto token = ReadToken(text.AsString());
    if (!token) return token.error();
    from = *token;
  }
  LogQuery query{.group = *group,
                 .streams = {stream},
                 .stream_prefix = stream,
                 .start_ms = OptionalInt(input["startTime"]),
                 .end_ms = OptionalInt(input["endTime"]),
                 .limit = LimitOf(input),
                 .max_bytes = kMaxBytes,
                 .newest_first = from ? !from->forward : !input["startFromHead"].AsBool()};
  if (from) (from->forward ? query.after : query.before) = from->cursor;
  auto events = call.logs.Query(query);
  if (!events) return ToLogsError(events.error());
  if (query.newest_first) std::reverse(events->begin(), events->end());

  const auto [backward, forward] = TokensAround(*events, from);
  json::Value entries = json::Array();
  for (const LogEvent& event : *events) entries.Push(EventEntry(event));
  return json::Object({{"events", std::move(entries)},
                       {"nextForwardToken", forward.ToString()},
                       {"nextBackwardToken", backward.ToString()}});
}

Answer<json::Value> FilterLogEvents(const LogsCall& call) {
  auto query = FilterQuery(call);
  if (!query) return query.error();
  const auto pattern = FilterPattern::Parse(call.input["filterPattern"].AsString());
  if (!pattern) return InvalidParameter(pattern.error().message);
  auto search = Find(call, *query, *pattern);
  if (!search) return ToLogsError(search.error());

  json::Value entries = json::Array();
  for (const LogEvent& event : search->events) {
    json::Value entry = EventEntry(event);
    entry.Set("logStreamName", event.stream);
    entry.Set("eventId", fmt::format("{:020}{:020}", event.timestamp_ms, event.id));
    entries.Push(std::move(entry));
  }
  json::Value answer =
      json::Object({{"events", std::move(entries)}, {"searchedLogStreams", json::Array()}});
  if (search->more_after) answer.Set("nextToken", Token{true, *search->more_after}.ToString());
  return answer;
}

Answer<json::Value> PutLogEvents(const LogsCall& call) {
  const LogGroup group = NamedGroup(call);
  const std::string stream = call.input["logStreamName"].Str();
  if (auto there = RequireStreams(call, group, {stream}); !there) return there.error();
  const int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(call.clock.Now().time_since_epoch())
          .count();
  json::Value rejected;
  auto batch = CheckBatch(call.input["logEvents"].Items(), now_ms, rejected);
  if (!batch) return batch.error();
  if (auto done = call.logs.Append(group, stream, *batch); !done) return ToLogsError(done.error());
  // Sequence tokens are history at AWS too: any is taken, and one is given to those who keep it.
  json::Value answer = json::Object({{"nextSequenceToken", fmt::format("{:056}", now_ms)}});
  if (!rejected.IsNull()) answer.Set("rejectedLogEventsInfo", std::move(rejected));
  return answer;
}

}  // namespace leat::awsserver
