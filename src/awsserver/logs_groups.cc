#include <fmt/format.h>

#include <algorithm>

#include "awsserver/awsserver.h"
#include "awsserver/logs_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr int64_t kDefaultLimit = 50;

std::string GroupArn(const LogsCall& call, std::string_view group) {
  return fmt::format("arn:aws:logs:{}:{}:log-group:{}", call.context.region, kAccountId, group);
}

Answer<json::Value> Done(const Status& status) {
  if (!status) return ToLogsError(status.error());
  return json::Object();
}

json::Value GroupEntry(const LogsCall& call, const LogGroupInfo& group) {
  const std::string arn = GroupArn(call, group.name);
  return json::Object({{"logGroupName", group.name},
                       {"creationTime", group.creation_ms},
                       {"metricFilterCount", 0},
                       {"arn", arn + ":*"},
                       {"logGroupArn", arn},
                       {"logGroupClass", "STANDARD"},
                       {"storedBytes", group.stored_bytes}});
}

json::Value StreamEntry(const LogsCall& call, std::string_view group, const LogStreamInfo& stream) {
  json::Value entry =
      json::Object({{"logStreamName", stream.name},
                    {"creationTime", stream.creation_ms},
                    {"arn", fmt::format("{}:log-stream:{}", GroupArn(call, group), stream.name)},
                    {"storedBytes", stream.stored_bytes}});
  if (stream.last_ingestion_ms > 0) {
    entry.Set("firstEventTimestamp", stream.first_event_ms);
    entry.Set("lastEventTimestamp", stream.last_event_ms);
    entry.Set("lastIngestionTime", stream.last_ingestion_ms);
  }
  return entry;
}

// The items after the one whose name the token carries, at most input.limit of them; `next` gets
// the token of the page behind, or "".
template <class Item>
Answer<std::vector<Item>> Page(const LogsCall& call, std::vector<Item> items, std::string& next) {
  size_t first = 0;
  if (const json::Value& token = call.input["nextToken"]; token.IsString()) {
    const auto name = Base64Decode(token.AsString());
    const auto last = std::find_if(items.begin(), items.end(),
                                   [&](const Item& item) { return name && item.name == *name; });
    if (last == items.end()) return InvalidParameter("The specified nextToken is invalid.");
    first = static_cast<size_t>(last - items.begin()) + 1;
  }
  const size_t limit = static_cast<size_t>(call.input["limit"].AsInt(kDefaultLimit));
  const size_t end = std::min(items.size(), first + limit);
  if (end < items.size()) next = Base64Encode(items[end - 1].name);
  return std::vector<Item>(std::make_move_iterator(items.begin() + static_cast<int64_t>(first)),
                           std::make_move_iterator(items.begin() + static_cast<int64_t>(end)));
}

void SortByLastEvent(std::vector<LogStreamInfo>& streams) {
  std::stable_sort(streams.begin(), streams.end(),
                   [](const LogStreamInfo& a, const LogStreamInfo& b) {
                     return a.last_event_ms < b.last_event_ms;
                   });
}

}  // namespace

AwsError InvalidParameter(std::string message) {
  return {"InvalidParameterException", std::move(message)};
}

AwsError ToLogsError(const Error& error) {
  if (error.code == Code::kNotFound) return {"ResourceNotFoundException", error.message};
  if (error.code == Code::kAlreadyExists) return {"ResourceAlreadyExistsException", error.message};
  return ToAwsError(error);
}

LogGroup NamedGroup(const LogsCall& call) {
  return {call.context.region, call.input["logGroupName"].Str()};
}

Answer<LogGroup> GroupOf(const LogsCall& call) {
  const std::string_view name = call.input["logGroupName"].AsString();
  std::string_view identifier = call.input["logGroupIdentifier"].AsString();
  if (name.empty() == identifier.empty())
    return InvalidParameter("Exactly one of logGroupName and logGroupIdentifier must be specified");
  if (!name.empty()) return NamedGroup(call);
  if (const auto cut = Cut(identifier, ":log-group:")) {
    const auto arn = Split(cut->first, ':');  // arn:aws:logs:REGION:ACCOUNT
    if (arn.size() < 4 || arn[3] != call.context.region)
      return AwsError{"ResourceNotFoundException", "The specified log group does not exist."};
    identifier = cut->second;
  }
  if (identifier.ends_with(":*")) identifier.remove_suffix(2);
  return LogGroup{call.context.region, std::string(identifier)};
}

Answer<json::Value> CreateLogGroup(const LogsCall& call) {
  return Done(call.logs.CreateGroup(NamedGroup(call)));
}

Answer<json::Value> CreateLogStream(const LogsCall& call) {
  return Done(call.logs.CreateStream(NamedGroup(call), call.input["logStreamName"].Str()));
}

Answer<json::Value> DeleteLogGroup(const LogsCall& call) {
  return Done(call.logs.DeleteGroup(NamedGroup(call)));
}

Answer<json::Value> DeleteLogStream(const LogsCall& call) {
  return Done(call.logs.DeleteStream(NamedGroup(call), call.input["logStreamName"].Str()));
}

Answer<json::Value> DescribeLogGroups(const LogsCall& call) {
  const std::string_view part = call.input["logGroupNamePattern"].AsString();
  const std::string prefix = call.input["logGroupNamePrefix"].Str();
  if (!part.empty() && !prefix.empty())
    return InvalidParameter(
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
  auto groups = call.logs.Groups(call.context.region, prefix);
  if (!groups) return ToLogsError(groups.error());
  std::erase_if(*groups, [&](const LogGroupInfo& group) {
    return Lower(group.name).find(Lower(part)) == std::string::npos;
  });
  std::string next;
  auto page = Page(call, std::move(*groups), next);
  if (!page) return page.error();
  json::Value entries = json::Array();
  for (const LogGroupInfo& group : *page) entries.Push(GroupEntry(call, group));
  json::Value answer = json::Object({{"logGroups", std::move(entries)}});
  if (!next.empty()) answer.Set("nextToken", next);
  return answer;
}

Answer<json::Value> DescribeLogStreams(const LogsCall& call) {
  const json::Value& input = call.input;
  auto group = GroupOf(call);
  if (!group) return group.error();
  const std::string prefix = input["logStreamNamePrefix"].Str();
  const bool by_time = input["orderBy"].AsString() == "LastEventTime";
  if (by_time && !prefix.empty())
    return InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
  auto streams = call.logs.Streams(*group, prefix);
  if (!streams) return ToLogsError(streams.error());
  if (by_time) SortByLastEvent(*streams);
  if (input["descending"].AsBool()) std::reverse(streams->begin(), streams->end());
  std::string next;
  auto page = Page(call, std::move(*streams), next);
  if (!page) return page.error();
  json::Value entries = json::Array();
  for (const LogStreamInfo& stream : *page) entries.Push(StreamEntry(call, group->name, stream));
  json::Value answer = json::Object({{"logStreams", std::move(entries)}});
  if (!next.empty()) answer.Set("nextToken", next);
  return answer;
}

}  // namespace leat::awsserver
