#include "apiserver/crd_status.h"

#include <algorithm>
#include <string>

#include "api/meta.h"

namespace leat::apiserver {
namespace {

// The first name that another type of the group has, said for people; "" when all are free.
std::string NameConflict(const api::TypeTable& types, const json::Value& crd) {
  const json::Value& spec = crd["spec"];
  const json::Value& names = spec["names"];
  const std::string plural = names["plural"].Str();
  for (const api::TypePtr& type : types.All()) {
    if (type->group != spec["group"].AsString()) continue;
    if (type->plural == plural) {
      if (!type->custom) return "\"" + plural + "\" is already in use by a built-in type";
      continue;
    }
    for (const char* role : {"kind", "listKind"}) {
      const std::string_view name = names[role].AsString();
      if (!name.empty() && (name == type->kind || name == type->list_kind)) {
        return "\"" + std::string(name) + "\" is already in use by " + type->StorageName();
      }
    }
    const std::string_view singular = names["singular"].AsString();
    if (singular == type->singular || singular == type->plural || plural == type->singular) {
      return "\"" + plural + "\" is already in use by " + type->StorageName();
    }
  }
  return "";
}

void AddStoredVersion(json::Value& crd) {
  for (const json::Value& version : crd["spec"]["versions"].Items()) {
    if (!version["storage"].AsBool()) continue;
    json::Value& stored = crd.Mut("status").Mut("storedVersions");
    const auto& items = stored.Items();
    if (std::find(items.begin(), items.end(), version["name"]) == items.end()) {
      const json::Value name = version["name"];
      stored.Push(name);
    }
    return;
  }
}

}  // namespace

void SetCrdStatus(const api::TypeTable& types, WallTime now, json::Value& crd) {
  const std::string conflict = NameConflict(types, crd);
  const std::string time = FormatTime(now);
  const bool accepted = conflict.empty();
  json::Value& status = crd.Mut("status");
  json::Value conditions = status["conditions"];
  api::SetCondition(conditions, "NamesAccepted", accepted ? "True" : "False",
                    accepted ? "NoConflicts" : "NameConflict",
                    accepted ? "no conflicts found" : conflict, time);
  api::SetCondition(
      conditions, "Established", accepted ? "True" : "False",
      accepted ? "InitialNamesAccepted" : "NotAccepted",
      accepted ? "the initial names have been accepted" : "not all names are accepted", time);
  status.Set("conditions", std::move(conditions));
  if (accepted) status.Set("acceptedNames", crd["spec"]["names"]);
  AddStoredVersion(crd);
}

bool IsEstablished(const json::Value& crd) {
  return api::FindCondition(crd["status"]["conditions"], "Established")["status"].AsString() ==
         "True";
}

}  // namespace leat::apiserver
