#include "apiserver/request_options.h"

#include <algorithm>
#include <limits>

#include "apiserver/request.h"
#include "base/ids.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

constexpr size_t kShownBytes = 100;  // of a wrong value, in an error text

Error BadOption(std::string_view name, std::string_view value, std::string_view allowed) {
  return {Code::kInvalid, std::string(name) + ": Invalid value: \"" + std::string(value) +
                              "\": must be " + std::string(allowed)};
}

// A non-negative number; nullopt when the parameter is absent.
Result<std::optional<int64_t>> Number(const net::Query& query, std::string_view name) {
  if (query.Get(name).empty()) return std::optional<int64_t>();
  auto number = ParseInt(query.Get(name));
  if (!number || *number < 0) {
    return BadOption(name, query.Get(name), "a number of 0 or more");
  }
  return std::optional(*number);
}

// Watches that began together should not end together.
std::chrono::seconds DefaultWatchTimeout() {
  const std::string random = RandomBytes(2);
  const unsigned jitter =
      static_cast<unsigned char>(random[0]) * 256u + static_cast<unsigned char>(random[1]);
  return std::chrono::seconds(1800 + jitter % 1800);
}

Result<Propagation> ReadPropagation(std::string_view policy) {
  if (policy == "Background") return Propagation::kBackground;
  if (policy == "Foreground") return Propagation::kForeground;
  if (policy == "Orphan") return Propagation::kOrphan;
  return BadOption("propagationPolicy", policy, "one of Background, Foreground, Orphan");
}

Status ReadDryRun(std::string_view value, Call& call) {
  if (value != "All") return BadOption("dryRun", value, "All");
  call.dry_run = true;
  return {};
}

// A value of a wrong type read as absent would make a delete harsher than it was asked to be.
Status CheckDeleteBody(const json::Value& body) {
  struct Member {
    const char* name;
    const json::Value& value;
    bool (json::Value::*is)() const;
    std::string_view wanted;
  };
  const json::Value& preconditions = body["preconditions"];
  const Member members[] = {
      {"DeleteOptions", body, &json::Value::IsObject, "an object"},
      {"gracePeriodSeconds", body["gracePeriodSeconds"], &json::Value::IsInt, "an integer"},
      {"preconditions", preconditions, &json::Value::IsObject, "an object"},
      {"preconditions.uid", preconditions["uid"], &json::Value::IsString, "a string"},
      {"preconditions.resourceVersion", preconditions["resourceVersion"], &json::Value::IsString,
       "a string"},
      {"orphanDependents", body["orphanDependents"], &json::Value::IsBool, "true or false"},
      {"propagationPolicy", body["propagationPolicy"], &json::Value::IsString, "a string"},
      {"dryRun", body["dryRun"], &json::Value::IsArray, "a list of strings"}};
  for (const Member& member : members) {
    if (member.value.IsNull() || (member.value.*member.is)()) continue;
    return Error{Code::kInvalid, std::string(member.name) + ": Invalid value: " +
                                     json::Print(member.value).substr(0, kShownBytes) +
                                     ": must be " + std::string(member.wanted)};
  }
  return {};
}

Status ReadDeleteBody(const json::Value& body, DeleteRequest& request, Call& call) {
  if (auto ok = CheckDeleteBody(body); !ok) return ok;
  if (const json::Value& grace = body["gracePeriodSeconds"]; !grace.IsNull()) {
    request.grace_period_seconds = grace.AsInt();
  }
  request.uid = body["preconditions"]["uid"].Str();
  request.resource_version = body["preconditions"]["resourceVersion"].Str();
  if (body["orphanDependents"].AsBool()) request.propagation = Propagation::kOrphan;
  if (const auto policy = body["propagationPolicy"].AsString(); !policy.empty()) {
    auto read = ReadPropagation(policy);
    if (!read) return read.error();
    request.propagation = *read;
  }
  for (const json::Value& stage : body["dryRun"].Items()) {
    if (auto ok = ReadDryRun(stage.AsString(), call); !ok) return ok;
  }
  return {};
}

}  // namespace

Status ReadWriteOptions(const net::Query& query, Call& call) {
  if (query.Has("dryRun")) {
    if (auto ok = ReadDryRun(query.Get("dryRun"), call); !ok) return ok;
  }
  const std::string_view validation = query.Get("fieldValidation");
  if (validation.empty() || validation == "Warn") {
    call.field_validation = FieldValidation::kWarn;
  } else if (validation == "Strict") {
    call.field_validation = FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    call.field_validation = FieldValidation::kIgnore;
  } else {
    return BadOption("fieldValidation", validation, "one of Ignore, Warn, Strict");
  }
  return {};
}

Result<ListRequest> ReadListRequest(const net::Query& query, const api::Type& type) {
  auto selection = Selection::Parse(type, query.Get("labelSelector"), query.Get("fieldSelector"));
  if (!selection) return selection.error();
  auto limit = Number(query, "limit");
  if (!limit) return limit.error();
  ListRequest request;
  request.selection = std::move(*selection);
  request.limit = static_cast<size_t>(limit->value_or(0));
  request.continue_token = query.Get("continue");
  request.resource_version = query.Get("resourceVersion");
  const std::string_view match = query.Get("resourceVersionMatch");
  if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
    return BadOption("resourceVersionMatch", match, "one of Exact, NotOlderThan");
  }
  request.exact = match == "Exact";
  // A continued list goes on at its token's revision, whatever else is asked.
  if (!request.continue_token.empty()) request.resource_version.clear();
  return request;
}

Result<WatchRequest> ReadWatchRequest(const net::Query& query, const Rendering& rendering) {
  auto selection = Selection::Parse(*rendering.target.type, query.Get("labelSelector"),
                                    query.Get("fieldSelector"));
  if (!selection) return selection.error();
  auto timeout = Number(query, "timeoutSeconds");
  if (!timeout) return timeout.error();
  constexpr int64_t kLongest = 24 * 3600;
  WatchRequest request{.rendering = rendering, .selection = std::move(*selection)};
  request.resource_version = query.Get("resourceVersion");
  request.bookmarks = IsTrue(query.Get("allowWatchBookmarks"));
  request.send_initial_events = IsTrue(query.Get("sendInitialEvents"));
  request.timeout = timeout->value_or(0) > 0 ? std::chrono::seconds(std::min(**timeout, kLongest))
                                             : DefaultWatchTimeout();
  return request;
}

Result<DeleteRequest> ReadDeleteRequest(const net::Query& query, const json::Value& body,
                                        Call& call) {
  DeleteRequest request;
  if (auto ok = ReadDeleteBody(body, request, call); !ok) return ok.error();
  if (query.Has("dryRun")) {
    if (auto ok = ReadDryRun(query.Get("dryRun"), call); !ok) return ok.error();
  }
  auto grace = Number(query, "gracePeriodSeconds");
  if (!grace) return grace.error();
  if (*grace) request.grace_period_seconds = *grace;
  if (request.grace_period_seconds.value_or(0) < 0) {
    return BadOption("gracePeriodSeconds", std::to_string(*request.grace_period_seconds),
                     "a number of 0 or more");
  }
  if (query.Has("propagationPolicy")) {
    auto policy = ReadPropagation(query.Get("propagationPolicy"));
    if (!policy) return policy.error();
    request.propagation = *policy;
  } else if (IsTrue(query.Get("orphanDependents"))) {
    request.propagation = Propagation::kOrphan;
  }
  return request;
}

Result<api::PodLogOptions> ReadLogOptions(const net::Query& query, WallTime now) {
  api::PodLogOptions options;
  options.container = query.Get("container");
  options.follow = IsTrue(query.Get("follow"));
  options.previous = IsTrue(query.Get("previous"));
  options.timestamps = IsTrue(query.Get("timestamps"));
  auto tail = Number(query, "tailLines");
  if (!tail) return tail.error();
  options.tail_lines = *tail;
  auto limit = Number(query, "limitBytes");
  if (!limit) return limit.error();
  options.limit_bytes = *limit;
  auto seconds = Number(query, "sinceSeconds");
  if (!seconds) return seconds.error();
  constexpr int64_t kLongest = std::numeric_limits<int32_t>::max();  // before any log
  if (*seconds) options.since = now - std::chrono::seconds(std::min(**seconds, kLongest));
  if (query.Has("sinceTime")) {
    auto time = ParseTime(query.Get("sinceTime"));
    if (!time) return BadOption("sinceTime", query.Get("sinceTime"), "an RFC 3339 time");
    options.since = *time;
  }
  return options;
}

Result<api::IncludeObject> ReadIncludeObject(const net::Query& query) {
  const std::string_view include = query.Get("includeObject");
  if (include.empty() || include == "Metadata") return api::IncludeObject::kMetadata;
  if (include == "Object") return api::IncludeObject::kObject;
  if (include == "None") return api::IncludeObject::kNone;
  return BadOption("includeObject", include, "one of None, Metadata, Object");
}

Result<json::Value> ReadBody(net::ServerRequest& request, Call& call) {
  const Error too_large{Code::kTooLarge,
                        "Request entity too large: limit is " + std::to_string(kMaxBodyBytes)};
  // Refused by its header: the client need not send it.
  if (request.ContentLength().value_or(0) > kMaxBodyBytes) return too_large;
  auto body = request.ReadAll(kMaxBodyBytes);
  if (!body) return body.error().code == Code::kTooLarge ? too_large : body.error();
  if (body->empty()) return json::Value();
  auto decoded = DecodeBody(request.headers.Get("Content-Type"), *body);
  if (!decoded) {
    if (decoded.error().code != Code::kUnimplemented) return decoded.error();
    return Refuse(call, 415, "UnsupportedMediaType", decoded.error());
  }
  call.duplicates = std::move(decoded->duplicates);
  return std::move(decoded->value);
}

}  // namespace leat::apiserver
