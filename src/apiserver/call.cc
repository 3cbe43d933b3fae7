#include "apiserver/call.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/object_client.h"
#include "api/status.h"

namespace leat::apiserver {

Error Refuse(Call& call, int http_status, std::string_view reason, Error error,
             json::Value details) {
  call.status = api::StatusObject(error, std::move(details));
  call.status.Set("code", http_status).Set("reason", reason);
  return error;
}

Error MethodNotAllowed(Call& call) {
  return Refuse(
      call, 405, "MethodNotAllowed",
      {Code::kUnimplemented, "the server does not allow this method on the requested resource"});
}

Error RefuseInvalid(Call& call, const api::Type& type, std::string_view name,
                    const std::vector<api::FieldError>& errors) {
  return RefuseInvalid(call, type.group, type.kind, name, errors);
}

Error RefuseInvalid(Call& call, std::string_view group, std::string_view kind,
                    std::string_view name, const std::vector<api::FieldError>& errors) {
  call.status = api::InvalidStatus(group, kind, name, errors);
  return api::InvalidError(group, kind, name, errors);
}

Error RefuseObject(Call& call, const api::Type& type, std::string_view version,
                   std::string_view name, const std::vector<api::FieldError>& errors) {
  const auto unreadable = std::find_if(errors.begin(), errors.end(), [&](const auto& error) {
    return error.reason == "FieldValueTypeInvalid" &&
           (!type.custom || error.field.starts_with("metadata"));
  });
  if (call.patched || unreadable == errors.end()) return RefuseInvalid(call, type, name, errors);
  return Refuse(call, 400, "BadRequest",
                {Code::kInvalid, type.kind + " in version \"" + std::string(version) +
                                     "\" cannot be handled as a " + type.kind + ": " +
                                     unreadable->ToString()});
}

Error RefuseOptions(Call& call, std::string_view kind, const std::vector<api::FieldError>& errors) {
  return RefuseInvalid(call, "meta.k8s.io", kind, "", errors);
}

Error RefuseFuture(Call& call, std::string_view revision, store::Revision current) {
  const json::Value cause = json::Object(
      {{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}});
  return Refuse(call, 504, "Timeout",
                {Code::kTimeout, "Timeout: Too large resource version: " + std::string(revision) +
                                     ", current: " + std::to_string(current)},
                json::Object({{"causes", json::Array({cause})}, {"retryAfterSeconds", 1}}));
}

Result<json::Value> ToVersion(const api::Type& type, json::Value object, std::string_view version) {
  const bool same = object["apiVersion"].AsString() == type.ApiVersion(version);
  auto converted = api::Convert(type, std::move(object), version);
  const api::TypeVersion* to = type.FindVersion(version);
  if (converted && !same && type.custom && to != nullptr) api::Prune(*to->schema, *converted);
  return converted;
}

Result<json::Value> InVersion(const Target& target, const json::Value& stored) {
  const api::Type& type = *target.type;
  json::Value object = stored;
  const std::string_view from = stored["apiVersion"].AsString();
  if (type.custom) {
    const auto version = std::find_if(
        type.versions.begin(), type.versions.end(),
        [&](const api::TypeVersion& one) { return type.ApiVersion(one.name) == from; });
    if (version != type.versions.end() && api::LacksDefaults(*version->schema, object))
      api::ApplyDefaults(*version->schema, object);
  }
  if (from == target.ApiVersion()) return object;
  if (!type.custom) return ToVersion(type, std::move(object), target.version->name);
  const std::string name = api::NameOf(stored).ToString();
  auto converted = ToVersion(type, std::move(object), target.version->name);
  if (converted) return converted;
  return Error{
      Code::kInternal,
      fmt::format("{} \"{}\" is stored as {}, a version that its definition does not have: "
                  "put the version back into spec.versions, read and write the object, and "
                  "then take the version out",
                  type.StorageName(), name, from)};
}

}  // namespace leat::apiserver
