#include "apiserver/crd_status.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/meta.h"
#include "api/validation.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

constexpr std::string_view kRulesNotKept = "leat.dev/RulesNotKept";

// One that is found here, whatever a client writes.
bool IsOwnCondition(const json::Value& condition) {
  const std::string_view type = condition["type"].AsString();
  return type == "NamesAccepted" || type == "Established" || type == "Terminating" ||
         type == kRulesNotKept;
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

void SetRulesNotKept(const json::Value& crd, const std::string& time, json::Value& conditions) {
  const std::string text = Join(api::RulesNotKept(crd), "; ");
  if (!text.empty()) {
    api::SetCondition(conditions, kRulesNotKept, "True", "NotSupported", text, time);
  } else if (conditions.IsArray()) {
    std::erase_if(conditions.MutItems(), [](const json::Value& condition) {
      return condition["type"].AsString() == kRulesNotKept;
    });
  }
}

// Those of the spec that are free, else those of before. Plural and kind are there, if only as "".
json::Value AcceptedNames(const json::Value& names, const json::Value& before,
                          const std::vector<api::NameConflict>& conflicts) {
  constexpr std::pair<const char*, const char*> kRoles[] = {{"plural", "Plural"},
                                                            {"singular", "Singular"},
                                                            {"kind", "Kind"},
                                                            {"listKind", "ListKind"},
                                                            {"shortNames", "ShortNames"}};
  json::Value accepted = before.IsObject() ? before : json::Object({{"plural", ""}, {"kind", ""}});
  for (const auto& [member, role] : kRoles) {
    const bool taken =
        std::any_of(conflicts.begin(), conflicts.end(),
                    [role = role](const api::NameConflict& one) { return one.role == role; });
    if (!taken && names.Has(member)) accepted.Set(member, names[member]);
  }
  if (names.Has("categories")) accepted.Set("categories", names["categories"]);
  return accepted;
}

}  // namespace

void SetCrdStatus(const api::TypeTable& types, WallTime now, json::Value& crd) {
  const std::vector<api::NameConflict> conflicts = types.FindConflicts(crd);
  const std::string time = FormatTime(now);
  const bool was_established = IsEstablished(crd);
  const json::Value& names = crd["spec"]["names"];
  json::Value status = crd["status"].IsObject() ? crd["status"] : json::Object();
  json::Value conditions = status["conditions"];
  if (conflicts.empty()) {
    api::SetCondition(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found",
                      time);
    api::SetCondition(conditions, "Established", "True", "InitialNamesAccepted",
                      "the initial names have been accepted", time);
    status.Set("acceptedNames", names);
  } else {
    api::SetCondition(conditions, "NamesAccepted", "False", conflicts.front().role + "Conflict",
                      conflicts.front().ToString(), time);
    if (!was_established) {
      api::SetCondition(conditions, "Established", "False", "NotAccepted",
                        "not all names are accepted", time);
    }
    status.Set("acceptedNames", AcceptedNames(names, status["acceptedNames"], conflicts));
  }
  SetRulesNotKept(crd, time, conditions);
  status.Set("conditions", std::move(conditions));
  crd.Set("status", std::move(status));
  AddStoredVersion(crd);
}

void KeepFoundStatus(const json::Value& old, json::Value& crd) {
  json::Value& status = crd.Mut("status");
  if (!status.IsObject()) status = json::Object();
  status.Set("acceptedNames", old["status"]["acceptedNames"]);
  json::ArrayItems conditions;
  for (const json::Value& condition : old["status"]["conditions"].Items())
    if (IsOwnCondition(condition)) conditions.push_back(condition);
  for (const json::Value& condition : status["conditions"].Items())
    if (!IsOwnCondition(condition)) conditions.push_back(condition);
  status.Set("conditions", std::move(conditions));
}

bool HasItsNames(const json::Value& crd) {
  return api::FindCondition(crd["status"]["conditions"], "NamesAccepted")["status"].AsString() ==
         "True";
}

bool IsEstablished(const json::Value& crd) {
  return api::FindCondition(crd["status"]["conditions"], "Established")["status"].AsString() ==
         "True";
}

}  // namespace leat::apiserver
