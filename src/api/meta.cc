#include "api/meta.h"

#include <algorithm>

namespace leat::api {

bool HasFinalizer(const json::Value& object, std::string_view finalizer) {
  const json::ArrayItems& all = object["metadata"]["finalizers"].Items();
  return std::any_of(all.begin(), all.end(),
                     [&](const json::Value& one) { return one.AsString() == finalizer; });
}

bool AddFinalizer(json::Value& object, std::string_view finalizer) {
  if (HasFinalizer(object, finalizer)) return false;
  object.Mut("metadata").Mut("finalizers").Push(finalizer);
  return true;
}

bool RemoveFinalizer(json::Value& object, std::string_view finalizer) {
  if (!HasFinalizer(object, finalizer)) return false;
  json::Value& metadata = object.Mut("metadata");
  json::ArrayItems& all = metadata.Mut("finalizers").MutItems();
  std::erase_if(all, [&](const json::Value& one) { return one.AsString() == finalizer; });
  if (all.empty()) metadata.Erase("finalizers");
  return true;
}

bool IsBeingDeleted(const json::Value& object) {
  return !object["metadata"]["deletionTimestamp"].AsString().empty();
}

json::Value ControllerReference(const json::Value& owner) {
  return json::Object({{"apiVersion", owner["apiVersion"]},
                       {"blockOwnerDeletion", true},
                       {"controller", true},
                       {"kind", owner["kind"]},
                       {"name", owner["metadata"]["name"]},
                       {"uid", owner["metadata"]["uid"]}});
}

std::string ControllerUid(const json::Value& object) {
  for (const json::Value& owner : object["metadata"]["ownerReferences"].Items())
    if (owner["controller"].AsBool()) return owner["uid"].Str();
  return {};
}

json::Value ObjectReference(const json::Value& object) {
  json::Value reference =
      json::Object({{"apiVersion", object["apiVersion"]}, {"kind", object["kind"]}});
  for (const char* key : {"namespace", "name", "uid", "resourceVersion"})
    if (const json::Value& value = object["metadata"][key]; !value.AsString().empty())
      reference.Set(key, value);
  return reference;
}

bool SetCondition(json::Value& conditions, std::string_view type, std::string_view status,
                  std::string_view reason, std::string_view message, std::string_view now) {
  const json::Value fresh = json::Object({{"lastTransitionTime", now},
                                          {"message", message},
                                          {"reason", reason},
                                          {"status", status},
                                          {"type", type}});
  for (json::Value& condition : conditions.MutItems()) {
    if (condition["type"].AsString() != type) continue;
    if (condition["status"].AsString() == status && condition["reason"].AsString() == reason &&
        condition["message"].AsString() == message)
      return false;
    if (condition["status"].AsString() != status) condition.Set("lastTransitionTime", now);
    condition.Set("status", status).Set("reason", reason).Set("message", message);
    return true;
  }
  conditions.Push(fresh);
  return true;
}

const json::Value& FindCondition(const json::Value& conditions, std::string_view type) {
  static const json::Value kAbsent;
  for (const json::Value& condition : conditions.Items())
    if (condition["type"].AsString() == type) return condition;
  return kAbsent;
}

}  // namespace leat::api
