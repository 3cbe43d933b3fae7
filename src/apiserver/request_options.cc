#include "apiserver/request_options.h"

#include <algorithm>
#include <limits>

#include "api/field_errors.h"
#include "apiserver/query_values.h"

namespace leat::apiserver {
namespace {

Error BadOption(std::string_view name, std::string_view value, std::string_view allowed) {
  return {Code::kInvalid, std::string(name) + ": Invalid value: \"" + std::string(value) +
                              "\": must be " + std::string(allowed)};
}

std::string_view OptionsKind(Verb verb) {
  if (verb == Verb::kUpdate) return "UpdateOptions";
  return verb == Verb::kPatch ? "PatchOptions" : "CreateOptions";
}

// Who writes is remembered nowhere yet; that a name cannot be one is said all the same.
void CheckFieldManager(std::string_view manager, std::vector<api::FieldError>& errors) {
  constexpr size_t kLongest = 128;
  if (manager.size() > kLongest) errors.push_back(api::TooLong("fieldManager", kLongest));
  const bool printable = std::none_of(manager.begin(), manager.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!printable) {
    errors.push_back(
        api::InvalidValue("fieldManager", manager, "must have printable characters only"));
  }
}

struct LogNumbers {
  std::optional<int64_t> tail_lines;
  std::optional<int64_t> limit_bytes;
  std::optional<int64_t> since_seconds;
};

Result<LogNumbers> ReadLogNumbers(const net::Query& query) {
  auto tail = ReadNumber(query, "tailLines");
  if (!tail) return tail.error();
  auto limit = ReadNumber(query, "limitBytes");
  if (!limit) return limit.error();
  auto seconds = ReadNumber(query, "sinceSeconds");
  if (!seconds) return seconds.error();
  return LogNumbers{*tail, *limit, *seconds};
}

std::vector<api::FieldError> CheckLogOptions(const net::Query& query, const LogNumbers& numbers) {
  std::vector<api::FieldError> errors;
  const auto positive = [&](std::string_view name, const std::optional<int64_t>& number) {
    if (number.value_or(1) >= 1) return;
    errors.push_back(api::InvalidValue(name, *number, "must be greater than 0"));
  };
  if (numbers.tail_lines.value_or(0) < 0) {
    errors.push_back(
        api::InvalidValue("tailLines", *numbers.tail_lines, "must be greater than or equal to 0"));
  }
  positive("limitBytes", numbers.limit_bytes);
  positive("sinceSeconds", numbers.since_seconds);
  if (numbers.since_seconds && query.Has("sinceTime")) {
    errors.push_back(
        api::Forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  }
  // A reader that asks for one of the two streams shall not take the other for it.
  if (const std::string stream(query.Get("stream")); !stream.empty() && stream != "All") {
    errors.push_back(api::NotSupported("stream", stream, {"All"}));
  }
  return errors;
}

}  // namespace

std::vector<std::string> AllOf(const net::Query& query, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : query.all()) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::vector<api::FieldError> CheckDryRun(const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (value != "All") return {api::NotSupported("dryRun", value, {"All"})};
  }
  return {};
}

Status ReadWriteOptions(const net::Query& query, Verb verb, Call& call) {
  const std::vector<std::string> dry_run = AllOf(query, "dryRun");
  std::vector<api::FieldError> errors = CheckDryRun(dry_run);
  call.dry_run = !dry_run.empty();
  CheckFieldManager(query.Get("fieldManager"), errors);
  const std::string validation(query.Get("fieldValidation"));
  if (validation.empty() || validation == "Warn") {
    call.field_validation = FieldValidation::kWarn;
  } else if (validation == "Strict") {
    call.field_validation = FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    call.field_validation = FieldValidation::kIgnore;
  } else {
    errors.push_back(
        api::NotSupported("fieldValidation", validation, {"", "Ignore", "Strict", "Warn"}));
  }
  if (verb == Verb::kPatch && query.Has("force")) {
    errors.push_back(api::Forbidden("force", "may not be specified for non-apply patch"));
  }
  if (!errors.empty()) return RefuseOptions(call, OptionsKind(verb), errors);
  return {};
}

Result<api::PodLogOptions> ReadLogOptions(const net::Query& query, std::string_view pod,
                                          WallTime now, Call& call) {
  auto numbers = ReadLogNumbers(query);
  if (!numbers) return numbers.error();
  if (auto errors = CheckLogOptions(query, *numbers); !errors.empty()) {
    return RefuseInvalid(call, "", "PodLogOptions", pod, errors);
  }
  api::PodLogOptions options;
  options.container = query.Get("container");
  options.follow = IsOn(query, "follow");
  options.previous = IsOn(query, "previous");
  options.timestamps = IsOn(query, "timestamps");
  options.tail_lines = numbers->tail_lines;
  options.limit_bytes = numbers->limit_bytes;
  constexpr int64_t kLongest = std::numeric_limits<int32_t>::max();  // before any log
  if (const auto seconds = numbers->since_seconds) {
    options.since = now - std::chrono::seconds(std::min(*seconds, kLongest));
  }
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
