#include "api/status.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace leat::api {
namespace {

// The reasons that have no code of their own, or share one; all others come from StatusKindOf.
Code CodeOfHttp(int http_status) {
  switch (http_status) {
    case 400:
    case 415:
    case 422:
      return Code::kInvalid;
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 405:
    case 501:
      return Code::kUnimplemented;
    case 409:
      return Code::kConflict;
    case 410:
      return Code::kExpired;
    case 413:
      return Code::kTooLarge;
    case 429:
      return Code::kExhausted;
    case 408:
    case 504:
      return Code::kTimeout;
    case 502:
    case 503:
      return Code::kUnavailable;
    default:
      return http_status >= 400 && http_status < 500 ? Code::kInvalid : Code::kInternal;
  }
}

std::string InvalidMessage(std::string_view group, std::string_view kind, std::string_view name,
                           const std::vector<FieldError>& errors) {
  std::string list;
  for (const FieldError& error : errors) {
    if (!list.empty()) list += ", ";
    list += error.ToString();
  }
  if (errors.size() > 1) list = "[" + list + "]";
  const std::string full_kind =
      group.empty() ? std::string(kind) : fmt::format("{}.{}", kind, group);
  return fmt::format("{} \"{}\" is invalid: {}", full_kind, name, list);
}

}  // namespace

StatusKind StatusKindOf(Code code) {
  switch (code) {
    case Code::kInvalid:
      return {400, "BadRequest"};
    case Code::kUnauthorized:
      return {401, "Unauthorized"};
    case Code::kForbidden:
      return {403, "Forbidden"};
    case Code::kNotFound:
      return {404, "NotFound"};
    case Code::kAlreadyExists:
      return {409, "AlreadyExists"};
    case Code::kConflict:
      return {409, "Conflict"};
    case Code::kExpired:
      return {410, "Expired"};
    case Code::kTooLarge:
      return {413, "RequestEntityTooLarge"};
    case Code::kExhausted:
      return {429, "TooManyRequests"};
    case Code::kTimeout:
      return {504, "Timeout"};
    case Code::kCancelled:
    case Code::kUnavailable:
      return {503, "ServiceUnavailable"};
    case Code::kUnimplemented:
      return {501, "NotImplemented"};
    case Code::kCorrupt:
    case Code::kInternal:
      return {500, "InternalError"};
  }
  return {500, "InternalError"};
}

json::Value StatusObject(const Error& error, json::Value details) {
  StatusKind kind = StatusKindOf(error.code);
  if (error.code == Code::kInvalid && details["causes"].size() > 0) kind = {422, "Invalid"};
  json::Value status = json::Object({{"apiVersion", "v1"},
                                     {"code", kind.http_status},
                                     {"kind", "Status"},
                                     {"message", error.message},
                                     {"metadata", json::Object()},
                                     {"reason", kind.reason},
                                     {"status", "Failure"}});
  if (!details.IsNull()) status.Set("details", std::move(details));
  return status;
}

json::Value InvalidStatus(std::string_view group, std::string_view kind, std::string_view name,
                          const std::vector<FieldError>& errors) {
  json::Value causes = json::Array({});
  for (const FieldError& error : errors)
    causes.Push(json::Object(
        {{"field", error.field}, {"message", error.message}, {"reason", error.reason}}));
  json::Value details = json::Object({{"causes", std::move(causes)}, {"kind", kind}});
  if (!group.empty()) details.Set("group", group);
  if (!name.empty()) details.Set("name", name);
  return StatusObject(InvalidError(group, kind, name, errors), std::move(details));
}

Error InvalidError(std::string_view group, std::string_view kind, std::string_view name,
                   const std::vector<FieldError>& errors) {
  return {Code::kInvalid, InvalidMessage(group, kind, name, errors)};
}

Error NotFoundError(std::string_view storage_name, std::string_view name) {
  return {Code::kNotFound, fmt::format("{} \"{}\" not found", storage_name, name)};
}

Error AlreadyExistsError(std::string_view storage_name, std::string_view name) {
  return {Code::kAlreadyExists, fmt::format("{} \"{}\" already exists", storage_name, name)};
}

Error ConflictError(std::string_view storage_name, std::string_view name) {
  return {Code::kConflict,
          fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been modified; "
                      "please apply your changes to the latest version and try again",
                      storage_name, name)};
}

Error ErrorFromStatus(int http_status, std::string_view body) {
  const Result<json::Value> parsed = json::Parse(body, 4u << 20);
  if (!parsed || (*parsed)["kind"].AsString() != "Status") {
    std::string text(body.substr(0, Utf8Floor(body, 300)));
    return {CodeOfHttp(http_status), fmt::format("the server answered HTTP {}{}{}", http_status,
                                                 text.empty() ? "" : ": ", text)};
  }
  const json::Value& status = *parsed;
  Code code = CodeOfHttp(http_status);
  // One HTTP status may stand for several reasons; the reason is the finer of the two.
  if (status["reason"].AsString() == "AlreadyExists") code = Code::kAlreadyExists;
  std::string message = status["message"].Str();
  if (message.empty()) message = fmt::format("the server answered HTTP {}", http_status);
  return {code, std::move(message)};
}

}  // namespace leat::api
