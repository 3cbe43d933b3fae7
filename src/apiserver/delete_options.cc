// DeleteOptions: what a DELETE is to do, from its body and its query.
#include <algorithm>

#include "api/field_errors.h"
#include "apiserver/query_values.h"
#include "apiserver/request_options.h"

namespace leat::apiserver {
namespace {

constexpr size_t kShownBytes = 100;  // of a wrong value, in an error text

// The options as they came, before they are known to fit together.
struct DeleteOptions {
  std::optional<int64_t> grace_period_seconds;
  std::optional<std::string> propagation_policy;
  std::optional<bool> orphan_dependents;
  std::vector<std::string> dry_run;
};

// A value of a wrong type read as absent would make a delete harsher than it was asked to be.
Status CheckBody(const json::Value& body) {
  struct Member {
    const char* name;
    const json::Value& value;
    bool (json::Value::*is)() const;
    std::string_view wanted;
  };
  const json::Value& preconditions = body["preconditions"];
  const Member members[] = {
      {"DeleteOptions", body, &json::Value::IsObject, "an object"},
      {"apiVersion", body["apiVersion"], &json::Value::IsString, "a string"},
      {"kind", body["kind"], &json::Value::IsString, "a string"},
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
  for (const json::Value& stage : body["dryRun"].Items()) {
    if (!stage.IsString()) {
      return Error{Code::kInvalid,
                   "dryRun: Invalid value: " + json::Print(stage).substr(0, kShownBytes) +
                       ": must be a string"};
    }
  }
  // Clients of every group send the kind in their group's version.
  const std::string kind = body["kind"].Str();
  if (kind.empty() || kind == "DeleteOptions") return {};
  return Error{Code::kInvalid,
               kind + " in version \"" + body["apiVersion"].Str() +
                   "\" cannot be handled as a DeleteOptions: the body of a DELETE is empty or "
                   "DeleteOptions"};
}

void ReadBodyInto(const json::Value& body, DeleteOptions& options, DeleteRequest& request) {
  if (const json::Value& grace = body["gracePeriodSeconds"]; !grace.IsNull()) {
    options.grace_period_seconds = grace.AsInt();
  }
  if (const json::Value& policy = body["propagationPolicy"]; !policy.IsNull()) {
    options.propagation_policy = policy.Str();
  }
  if (const json::Value& orphan = body["orphanDependents"]; !orphan.IsNull()) {
    options.orphan_dependents = orphan.AsBool();
  }
  for (const json::Value& stage : body["dryRun"].Items()) options.dry_run.push_back(stage.Str());
  request.uid = body["preconditions"]["uid"].Str();
  request.resource_version = body["preconditions"]["resourceVersion"].Str();
}

Status ReadQueryInto(const net::Query& query, DeleteOptions& options) {
  auto grace = ReadNumber(query, "gracePeriodSeconds");
  if (!grace) return grace.error();
  if (*grace) options.grace_period_seconds = *grace;
  if (query.Has("propagationPolicy")) options.propagation_policy = query.Get("propagationPolicy");
  if (auto orphan = ReadSwitch(query, "orphanDependents")) options.orphan_dependents = orphan;
  for (std::string& stage : AllOf(query, "dryRun")) options.dry_run.push_back(std::move(stage));
  return {};
}

std::optional<Propagation> PropagationOf(const DeleteOptions& options) {
  if (options.orphan_dependents) {
    return *options.orphan_dependents ? Propagation::kOrphan : Propagation::kBackground;
  }
  if (!options.propagation_policy) return Propagation::kDefault;
  if (options.propagation_policy == "Background") return Propagation::kBackground;
  if (options.propagation_policy == "Foreground") return Propagation::kForeground;
  if (options.propagation_policy == "Orphan") return Propagation::kOrphan;
  return std::nullopt;
}

std::vector<api::FieldError> Check(const DeleteOptions& options) {
  std::vector<api::FieldError> errors = CheckDryRun(options.dry_run);
  if (options.propagation_policy && options.orphan_dependents) {
    errors.push_back(
        api::InvalidValue("propagationPolicy", *options.propagation_policy,
                          "orphanDependents and deletionPropagation cannot be both set"));
  } else if (!PropagationOf(options)) {
    errors.push_back(api::NotSupported("propagationPolicy", *options.propagation_policy,
                                       {"Foreground", "Background", "Orphan", "nil"}));
  }
  return errors;
}

}  // namespace

Result<DeleteRequest> ReadDeleteRequest(const net::Query& query, const json::Value& body,
                                        Call& call) {
  if (auto ok = CheckBody(body); !ok) return ok.error();
  DeleteRequest request;
  DeleteOptions options;
  ReadBodyInto(body, options, request);
  if (auto ok = ReadQueryInto(query, options); !ok) return ok.error();
  if (auto errors = Check(options); !errors.empty()) {
    return RefuseOptions(call, "DeleteOptions", errors);
  }
  call.dry_run = !options.dry_run.empty();
  request.propagation = *PropagationOf(options);
  request.grace_period_seconds = options.grace_period_seconds;
  // As Kubernetes: less than none is a second.
  if (options.grace_period_seconds.value_or(0) < 0) request.grace_period_seconds = 1;
  return request;
}

}  // namespace leat::apiserver
