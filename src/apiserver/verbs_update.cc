#include "api/field_errors.h"
#include "api/meta.h"
#include "api/status.h"
#include "api/validation.h"
#include "apiserver/kind_rules.h"
#include "apiserver/object_limits.h"
#include "apiserver/verbs.h"
#include "apiserver/warnings.h"
#include "json/patch.h"

namespace leat::apiserver {
namespace {

// What a client may never change, whatever it sends.
void KeepOwnedMetadata(const json::Value& old_metadata, json::Value& metadata) {
  for (const char* owned :
       {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
        "generateName", "resourceVersion"}) {
    const json::Value* kept = old_metadata.Find(owned);
    if (kept != nullptr) {
      metadata.Set(owned, *kept);
    } else {
      metadata.Erase(owned);
    }
  }
}

// As upstream: a replacement of a custom object says of what it is one. Built-in kinds may be
// replaced as they are.
Status CheckNamesRevision(const Target& target, const json::Value& object, Call& call) {
  const std::string_view revision = object["metadata"]["resourceVersion"].AsString();
  if (!target.type->custom || (!revision.empty() && revision != "0")) return {};
  return RefuseInvalid(call, *target.type, target.name,
                       {{"FieldValueInvalid", "metadata.resourceVersion",
                         "Invalid value: 0x0: must be specified for an update"}});
}

// What replaces an object says its name, also where the path does.
Status CheckNamed(const Target& target, const json::Value& object) {
  if (!object["metadata"]["name"].AsString().empty()) return {};
  return Error{Code::kInvalid, "the name of the object (" + target.name +
                                   " based on URL) was undeterminable: name must be provided"};
}

Error UidConflict(const Target& target, std::string_view wanted, std::string_view actual) {
  return {Code::kConflict,
          "Operation cannot be fulfilled on " + target.StorageName() + " \"" + target.name +
              "\": Precondition failed: UID in precondition: " + std::string(wanted) +
              ", UID in object meta: " + std::string(actual)};
}

std::vector<api::FieldError> WrongInBinding(const json::Value& binding) {
  const json::Value& kind = binding["target"]["kind"];
  const json::Value& name = binding["target"]["name"];
  std::vector<api::FieldError> errors;
  if (!kind.AsString().empty() && kind.AsString() != "Node")
    errors.push_back(api::NotSupported("target.kind", kind, {"Node", "<empty>"}));
  if (name.AsString().empty()) {
    errors.push_back(api::Required("target.name", ""));
    return errors;
  }
  for (const std::string& text : api::CheckDns1123Subdomain(name.AsString()))
    errors.push_back(api::InvalidValue("target.name", name, text));
  return errors;
}

// A custom object that is stored, as its schema would take it today, so that what the schema alone
// changed is no change of the client's.
void BringUpToDate(const Target& target, json::Value& stored) {
  if (!target.type->custom) return;
  api::Prune(*target.version->schema, stored);
  api::ApplyDefaults(*target.version->schema, stored);
}

}  // namespace

// What is stored when `object` replaces `current` through the target's endpoint.
Result<json::Value> Verbs::Replacement(const Target& target, const store::Entry& current,
                                       json::Value object, Call& call) const {
  const api::Type& type = *target.type;
  const json::Value& old_metadata = current.value["metadata"];
  const std::string version = object["metadata"]["resourceVersion"].Str();
  if (!version.empty() && version != "0" && version != old_metadata["resourceVersion"].AsString()) {
    return api::ConflictError(target.StorageName(), target.name);
  }
  const std::string uid = object["metadata"]["uid"].Str();
  if (!uid.empty() && uid != old_metadata["uid"].AsString()) {
    if (call.patched) {
      return RefuseInvalid(call, type, target.name,
                           {api::InvalidValue("metadata.uid", uid, "field is immutable")});
    }
    return UidConflict(target, uid, old_metadata["uid"].AsString());
  }
  const bool status_only = target.subresource == "status";
  if (status_only) {
    auto merged = InVersion(target, current.value);
    if (!merged) return merged.error();
    merged->Set("status", object["status"]);
    if (StatusTakesLabels(type)) {
      for (const char* key : {"labels", "annotations"}) {
        const json::Value given = object["metadata"][key];
        merged->Mut("metadata").Set(key, given);
        if (given.IsNull()) merged->Mut("metadata").Erase(key);
      }
    }
    object = std::move(*merged);
  }
  auto shaped = Shape(target, std::move(object), &current.value, call);
  if (!shaped) return shaped.error();
  json::Value& next = shaped->object;
  Target checked = target;
  checked.version = shaped->checked;
  auto old = InVersion(checked, current.value);
  if (!old) return old.error();
  BringUpToDate(checked, *old);
  KeepOwnedMetadata(old_metadata, next.Mut("metadata"));
  if (status_only) {
    PrepareStatusUpdate(type, *old, next);
  } else {
    PrepareUpdate(types_, type, *shaped->checked, clock_.Now(), *old, next);
    if (CountsGeneration(type) && SpecDiffers(*old, next)) {
      next.Mut("metadata").Set("generation", old_metadata["generation"].AsInt() + 1);
    }
  }
  const auto errors = api::ValidateObject(type, *shaped->checked, next, &*old);
  if (!errors.empty()) {
    return RefuseObject(call, type, target.version->name, target.name, errors);
  }
  if (IsCrd(type) && !status_only) {
    for (std::string& text : api::RulesNotKept(next)) Warn(call.warnings, std::move(text));
  }
  if (auto ok = CheckLimits(next, current.Json().size()); !ok) return ok.error();
  AddWarnings(type, next, &*old, call.warnings);
  return ToVersion(type, std::move(next), type.StorageVersion().name);
}

Result<store::EntryPtr> Verbs::Update(const Target& request, json::Value object, Call& call) {
  Target target = request;
  if (auto ok = CheckKind(target, object, call); !ok) return ok.error();
  if (auto ok = CheckNamed(target, object); !ok) return ok.error();
  if (auto ok = CheckPlace(target, object); !ok) return ok.error();
  target.name = object["metadata"]["name"].Str();
  target.ns = target.type->namespaced ? object["metadata"]["namespace"].Str() : "";
  auto written =
      Write(target, call, [&](const store::Entry& current) -> Result<std::optional<json::Value>> {
        if (auto ok = CheckNamesRevision(target, object, call); !ok) return ok.error();
        auto next = Replacement(target, current, object, call);
        if (!next) return next.error();
        return std::optional(std::move(*next));
      });
  if (written || written.error().code != Code::kNotFound || !target.subresource.empty() ||
      !CreatesOnUpdate(*target.type))
    return written;
  object.Mut("metadata").Erase("resourceVersion");
  call.created = true;
  return Create(target, std::move(object), call);
}

Result<json::Value> Verbs::Patched(const Target& target, const store::Entry& current,
                                   api::PatchType patch_type, const json::Value& patch,
                                   Call& call) const {
  auto object = InVersion(target, current.value);
  if (!object) return object.error();
  Status applied;
  switch (patch_type) {
    case api::PatchType::kMerge:
      if (!patch.IsObject()) return Error{Code::kInvalid, "a merge patch must be a JSON object"};
      json::MergePatch(*object, patch);
      break;
    case api::PatchType::kJson:
      if (!patch.IsArray()) return Error{Code::kInvalid, "a JSON patch must be an array"};
      applied = json::JsonPatch(*object, patch);
      break;
    case api::PatchType::kStrategicMerge:
      if (!patch.IsObject())
        return Error{Code::kInvalid, "a strategic patch must be a JSON object"};
      applied = api::StrategicMerge(*target.version->schema, *object, patch);
      break;
  }
  if (!applied && applied.error().code == Code::kTooLarge) {
    return Refuse(call, 413, "RequestEntityTooLarge", applied.error());
  }
  if (!applied) return Refuse(call, 422, "Invalid", applied.error());
  if (auto ok = CheckKind(target, *object, call); !ok) {
    return Refuse(call, 422, "Invalid", ok.error());
  }
  if (auto ok = CheckNamed(target, *object); !ok) return ok.error();
  if (auto ok = CheckPlace(target, *object); !ok) return ok.error();
  return object;
}

Result<store::EntryPtr> Verbs::Patch(const Target& target, api::PatchType patch_type,
                                     const json::Value& patch, Call& call) {
  if (patch_type == api::PatchType::kStrategicMerge && target.type->custom) {
    return Refuse(call, 415, "UnsupportedMediaType",
                  {Code::kInvalid,
                   "the body of the request was in an unknown format - accepted media types "
                   "include: application/json-patch+json, application/merge-patch+json"});
  }
  call.patched = true;
  return Write(target, call,
               [&](const store::Entry& current) -> Result<std::optional<json::Value>> {
                 auto object = Patched(target, current, patch_type, patch, call);
                 if (!object) return object.error();
                 auto next = Replacement(target, current, std::move(*object), call);
                 if (!next) return next.error();
                 return std::optional(std::move(*next));
               });
}

Result<store::EntryPtr> Verbs::Bind(const Target& pod, const json::Value& binding, Call& call) {
  const std::string node = binding["target"]["name"].Str();
  if (auto errors = WrongInBinding(binding); !errors.empty())
    return RefuseInvalid(call, "", "Binding", pod.name, errors);
  if (const std::string name = binding["metadata"]["name"].Str();
      !name.empty() && name != pod.name) {
    return Error{Code::kInvalid, "the name of the Binding (" + name +
                                     ") does not match the name on the URL (" + pod.name + ")"};
  }
  const std::string uid = binding["metadata"]["uid"].Str();
  return Write(pod, call, [&](const store::Entry& current) -> Result<std::optional<json::Value>> {
    json::Value next = current.value;
    if (!uid.empty() && uid != next["metadata"]["uid"].AsString()) {
      return UidConflict(pod, uid, next["metadata"]["uid"].AsString());
    }
    const std::string prefix =
        "Operation cannot be fulfilled on pods/binding \"" + pod.name + "\": ";
    if (api::IsBeingDeleted(next)) {
      return Error{Code::kConflict, prefix + "pod " + pod.name +
                                        " is being deleted, cannot be "
                                        "assigned to a host"};
    }
    if (!next["spec"]["schedulingGates"].empty()) {
      return Error{Code::kConflict,
                   prefix + "pod " + pod.name + " has non-empty .spec.schedulingGates"};
    }
    if (const std::string bound = next["spec"]["nodeName"].Str(); !bound.empty()) {
      return Error{Code::kConflict,
                   prefix + "pod " + pod.name + " is already assigned to node \"" + bound + "\""};
    }
    next.Mut("spec").Set("nodeName", node);
    json::Value conditions = next["status"]["conditions"];
    api::SetCondition(conditions, "PodScheduled", "True", "", "", FormatTime(clock_.Now()));
    next.Mut("status").Set("conditions", std::move(conditions));
    return std::optional(std::move(next));
  });
}

}  // namespace leat::apiserver
