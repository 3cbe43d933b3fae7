// Deletion, as Kubernetes does it: an object that nothing holds is gone at once. Otherwise it is
// marked with deletionTimestamp and stays visible until what holds it lets go: a grace period (a
// pod's node deletes it again with grace 0 once its containers have ended) and finalizers (their
// controllers take them off; Verbs::Change removes the object with the last one).
#include <algorithm>

#include "api/meta.h"
#include "api/status.h"
#include "apiserver/kind_rules.h"
#include "apiserver/verbs.h"

namespace leat::apiserver {
namespace {

void SetPropagation(Propagation propagation, json::Value& object) {
  switch (propagation) {
    case Propagation::kDefault:
      break;  // what an earlier delete asked for stays
    case Propagation::kBackground:
      api::RemoveFinalizer(object, kOrphanFinalizer);
      api::RemoveFinalizer(object, kForegroundFinalizer);
      break;
    case Propagation::kForeground:
      api::RemoveFinalizer(object, kOrphanFinalizer);
      api::AddFinalizer(object, kForegroundFinalizer);
      break;
    case Propagation::kOrphan:
      api::RemoveFinalizer(object, kForegroundFinalizer);
      api::AddFinalizer(object, kOrphanFinalizer);
      break;
  }
}

bool IsStandardNamespace(std::string_view name) {
  return name == "default" || name == "kube-system" || name == "kube-public";
}

}  // namespace

Status Verbs::CheckPreconditions(const Target& target, const DeleteRequest& request,
                                 const store::Entry& entry) const {
  const json::Value& metadata = entry.value["metadata"];
  const auto check = [&](std::string_view what, const std::string& wanted,
                         std::string_view actual) -> Status {
    if (wanted.empty() || wanted == actual) return {};
    return Error{Code::kConflict,
                 "Operation cannot be fulfilled on " + target.StorageName() + " \"" + target.name +
                     "\": Precondition failed: " + std::string(what) + " in precondition: " +
                     wanted + ", " + std::string(what) + " in object meta: " + std::string(actual)};
  };
  if (auto ok = check("UID", request.uid, metadata["uid"].AsString()); !ok) return ok;
  return check("ResourceVersion", request.resource_version, metadata["resourceVersion"].AsString());
}

// The object as it is after a delete that cannot remove it yet. Deleting again never lengthens a
// grace period.
json::Value Verbs::MarkedForDeletion(const api::Type& type, const DeleteRequest& request,
                                     const json::Value& current) const {
  json::Value next = current;
  SetPropagation(request.propagation, next);
  const WallTime now = clock_.Now();
  int64_t grace = DeletionGrace(type, current, request.grace_period_seconds);
  const bool first = !api::IsBeingDeleted(current);
  if (!first) {
    const int64_t running = current["metadata"]["deletionGracePeriodSeconds"].AsInt();
    if (grace >= running) return next;
  }
  json::Value& metadata = next.Mut("metadata");
  metadata.Set("deletionTimestamp", FormatTime(now + std::chrono::seconds(grace)));
  metadata.Set("deletionGracePeriodSeconds", grace);
  if (first && metadata.Has("generation")) {
    metadata.Set("generation", metadata["generation"].AsInt() + 1);
  }
  if (first) MarkTerminating(type, now, next);
  return next;
}

Result<Deleted> Verbs::Delete(const Target& target, const DeleteRequest& request, Call& call) {
  if (IsNamespace(*target.type) && IsStandardNamespace(target.name)) {
    return Error{Code::kForbidden, "namespaces \"" + target.name +
                                       "\" is forbidden: this namespace may not be deleted"};
  }
  bool gone = false;
  auto entry =
      Write(target, call, [&](const store::Entry& current) -> Result<std::optional<json::Value>> {
        if (auto ok = CheckPreconditions(target, request, current); !ok) {
          return ok.error();
        }
        json::Value next = MarkedForDeletion(*target.type, request, current.value);
        gone = next["metadata"]["deletionGracePeriodSeconds"].AsInt() == 0 &&
               !HeldByFinalizers(*target.type, next);
        return std::optional(std::move(next));
      });
  if (!entry) return entry.error();
  return Deleted{std::move(*entry), gone};
}

}  // namespace leat::apiserver
