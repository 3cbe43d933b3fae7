#include "apiserver/kind_rules.h"

#include <algorithm>
#include <limits>

#include "api/meta.h"
#include "api/quantity.h"
#include "apiserver/crd_status.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

bool IsCore(const api::Type& type, std::string_view plural) {
  return type.group.empty() && type.plural == plural;
}

// Guaranteed: every container has equal limits and requests for cpu and memory. BestEffort: none
// has any. Burstable: the rest.
std::string_view QosClass(const json::Value& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const char* list : {"containers", "initContainers"}) {
    for (const json::Value& container : spec[list].Items()) {
      const json::Value& resources = container["resources"];
      for (const char* name : {"cpu", "memory"}) {
        const int64_t limit = api::QuantityMilli(resources["limits"][name]).value_or(0);
        const int64_t request = api::QuantityMilli(resources["requests"][name]).value_or(0);
        any = any || limit > 0 || request > 0;
        guaranteed = guaranteed && limit > 0 && (request == 0 || request == limit);
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

// Leaves what is of a wrong type for the schema to refuse: folded, it would become an empty value.
void FoldStringData(json::Value& secret) {
  const json::Value plain = secret["stringData"];
  const json::Value& data = secret["data"];
  if (!plain.IsObject() || !(data.IsNull() || data.IsObject())) return;
  const bool all_text =
      std::all_of(plain.Members().begin(), plain.Members().end(),
                  [](const json::Member& member) { return member.value.IsString(); });
  if (!all_text) return;
  for (const json::Member& member : plain.Members()) {
    secret.Mut("data").Set(member.key, Base64Encode(member.value.AsString()));
  }
  secret.Erase("stringData");
}

void PrepareNamespace(json::Value& object) {
  const std::string name = object["metadata"]["name"].Str();
  object.Mut("metadata").Mut("labels").Set("kubernetes.io/metadata.name", name);
  object.Mut("spec").Set("finalizers", json::Array({kNamespaceFinalizer}));
  object.Set("status", json::Object({{"phase", "Active"}}));
}

// Nodes come with the status that their agent found; all others start without one.
bool KeepsStatusOnCreate(const api::Type& type) { return IsCore(type, "nodes"); }

}  // namespace

bool IsPod(const api::Type& type) { return IsCore(type, "pods"); }
bool IsNamespace(const api::Type& type) { return IsCore(type, "namespaces"); }
bool IsCrd(const api::Type& type) {
  return type.group == "apiextensions.k8s.io" && type.plural == "customresourcedefinitions";
}

void PrepareCreate(const api::TypeTable& types, const api::Type& type,
                   const api::TypeVersion& version, WallTime now, json::Value& object) {
  if (version.status_subresource && !KeepsStatusOnCreate(type)) object.Erase("status");
  if (CountsGeneration(type)) object.Mut("metadata").Set("generation", 1);
  if (IsPod(type)) {
    json::Value status =
        json::Object({{"phase", "Pending"}, {"qosClass", QosClass(object["spec"])}});
    if (!object["spec"]["schedulingGates"].empty()) {
      json::Value conditions;
      api::SetCondition(conditions, "PodScheduled", "False", "SchedulingGated",
                        "Scheduling is blocked due to non-empty scheduling gates", FormatTime(now));
      status.Set("conditions", std::move(conditions));
    }
    object.Set("status", std::move(status));
  } else if (IsNamespace(type)) {
    PrepareNamespace(object);
  } else if (IsCrd(type)) {
    object.Erase("status");
    SetCrdStatus(types, now, object);
  } else if (IsCore(type, "secrets")) {
    FoldStringData(object);
  }
}

void PrepareUpdate(const api::TypeTable& types, const api::Type& type,
                   const api::TypeVersion& version, WallTime now, const json::Value& old,
                   json::Value& object) {
  if (version.status_subresource) {
    const json::Value* status = old.Find("status");
    if (status != nullptr) {
      object.Set("status", *status);
    } else {
      object.Erase("status");
    }
  }
  if (IsNamespace(type)) {
    object.Mut("spec").Set("finalizers", old["spec"]["finalizers"]);
    object.Set("status", old["status"]);
  } else if (IsCrd(type)) {
    object.Set("status", old["status"]);
    SetCrdStatus(types, now, object);
    // Without it the type's objects would stay behind unserved. Its controller goes past this.
    if (api::IsBeingDeleted(old) && api::HasFinalizer(old, kCrdFinalizer)) {
      api::AddFinalizer(object, kCrdFinalizer);
    }
  } else if (IsCore(type, "secrets")) {
    FoldStringData(object);
  }
}

void PrepareStatusUpdate(const api::Type& type, const json::Value& old, json::Value& object) {
  if (IsCrd(type)) KeepFoundStatus(old, object);
}

bool StatusTakesLabels(const api::Type& type) { return !type.custom && !IsCrd(type); }

bool CreatesOnUpdate(const api::Type& type) {
  return IsCore(type, "events") || (type.group == "coordination.k8s.io" && type.plural == "leases");
}

bool CountsGeneration(const api::Type& type) { return type.custom || IsCrd(type); }

bool SpecDiffers(const json::Value& a, const json::Value& b) {
  const auto matters = [](const json::Member& member) {
    return member.key != "metadata" && member.key != "status";
  };
  const auto contained = [&](const json::Value& one, const json::Value& other) {
    return std::all_of(one.Members().begin(), one.Members().end(), [&](const json::Member& member) {
      return !matters(member) || (other.Has(member.key) && other[member.key] == member.value);
    });
  };
  return !contained(a, b) || !contained(b, a);
}

int64_t DeletionGrace(const api::Type& type, const json::Value& object,
                      std::optional<int64_t> requested) {
  if (!IsPod(type) || object["spec"]["nodeName"].AsString().empty()) return 0;
  const std::string_view phase = object["status"]["phase"].AsString();
  if (phase == "Succeeded" || phase == "Failed") return 0;
  const int64_t grace =
      requested.value_or(object["spec"]["terminationGracePeriodSeconds"].AsInt(30));
  // Longer than a lifetime is for ever, and must not run over when it is added to a time.
  return std::clamp<int64_t>(grace, 0, std::numeric_limits<int32_t>::max());
}

void MarkTerminating(const api::Type& type, WallTime now, json::Value& object) {
  if (IsNamespace(type)) {
    object.Mut("status").Set("phase", "Terminating");
  } else if (IsCrd(type)) {
    api::AddFinalizer(object, kCrdFinalizer);
    api::SetCondition(object.Mut("status").Mut("conditions"), "Terminating", "True",
                      "InstanceDeletionPending", "CustomResource deletion is pending",
                      FormatTime(now));
  }
}

bool HeldByFinalizers(const api::Type& type, const json::Value& object) {
  if (!object["metadata"]["finalizers"].empty()) return true;
  return IsNamespace(type) && !object["spec"]["finalizers"].empty();
}

}  // namespace leat::apiserver
