#include "apiserver/crd_status.h"

#include <algorithm>
#include <optional>
#include <string>

#include "api/meta.h"

namespace leat::apiserver {
namespace {

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
  const std::optional<api::NameConflict> conflict = types.FindConflict(crd);
  const std::string time = FormatTime(now);
  const bool was_established = IsEstablished(crd);
  json::Value& status = crd.Mut("status");
  json::Value conditions = status["conditions"];
  if (conflict) {
    api::SetCondition(conditions, "NamesAccepted", "False", conflict->role + "Conflict",
                      conflict->ToString(), time);
    if (!was_established) {
      api::SetCondition(conditions, "Established", "False", "NotAccepted",
                        "not all names are accepted", time);
    }
  } else {
    api::SetCondition(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found",
                      time);
    api::SetCondition(conditions, "Established", "True", "InitialNamesAccepted",
                      "the initial names have been accepted", time);
    status.Set("acceptedNames", crd["spec"]["names"]);
  }
  status.Set("conditions", std::move(conditions));
  AddStoredVersion(crd);
}

bool IsEstablished(const json::Value& crd) {
  return api::FindCondition(crd["status"]["conditions"], "Established")["status"].AsString() ==
         "True";
}

}  // namespace leat::apiserver
