#include "apiserver/crd_controller.h"

#include "api/meta.h"
#include "apiserver/content_deletion.h"
#include "apiserver/crd_status.h"
#include "apiserver/kind_rules.h"
#include "base/log.h"

namespace leat::apiserver {
namespace {

// A definition is named like its storage type.
store::Key DefinitionOf(const std::string& storage_name) {
  return {std::string(kCrdStorageName), "", storage_name};
}

}  // namespace

CrdController::CrdController(Verbs& verbs, api::TypeTable& types, GarbageCollector& garbage)
    : verbs_(verbs),
      types_(types),
      garbage_(garbage),
      worker_("CRDs", verbs.clock(), [this](const store::Key& key) { return Reconcile(key); }) {}

std::vector<store::EntryPtr> CrdController::Definitions() const {
  return verbs_.store().List({.type = std::string(kCrdStorageName)}).entries;
}

void CrdController::Load() {
  for (const auto& entry : Definitions()) Serve(*entry);
}

void CrdController::Start() {
  for (const auto& entry : Definitions()) {
    if (api::IsBeingDeleted(entry->value) || !HasItsNames(entry->value)) worker_.Add(entry->key);
  }
}

// Whatever happens to one definition may give another its names.
void CrdController::AddThoseWithoutNames(std::string_view group) {
  for (const auto& entry : Definitions()) {
    if (entry->value["spec"]["group"].AsString() == group && !HasItsNames(entry->value))
      worker_.Add(entry->key);
  }
}

void CrdController::Serve(const store::Entry& definition) {
  MutexLock lock(mu_);
  store::Revision& applied = applied_[definition.key.name];
  if (applied >= definition.revision) return;
  applied = definition.revision;
  if (!IsEstablished(definition.value)) return;
  if (auto added = types_.AddCustom(definition.value); !added) {
    LogError("custom type is not served", {{"crd", definition.key.name}, {"error", added.error()}});
    // Another took a name between the look at the table and the write: the status must say so.
    if (added.error().code == Code::kConflict) worker_.Add(definition.key);
  }
}

// Takes back a row that WithNames gave it for a write that then came too late.
void CrdController::Unserve(const store::Entry& definition) {
  MutexLock lock(mu_);
  if (applied_[definition.key.name] > definition.revision) return;
  const json::Value& spec = definition.value["spec"];
  types_.RemoveCustom(spec["group"].AsString(), spec["names"]["plural"].AsString());
}

void CrdController::OnWritten(const store::Entry& entry) {
  if (entry.key.type != kCrdStorageName) return;
  Serve(entry);
  if (api::IsBeingDeleted(entry.value)) worker_.Add(entry.key);
  // One that has no name itself took none and gave none away.
  if (HasItsNames(entry.value)) AddThoseWithoutNames(entry.value["spec"]["group"].AsString());
}

void CrdController::OnRemoved(const store::Entry& last) {
  if (last.key.type == kCrdStorageName) {
    const std::string_view group = last.value["spec"]["group"].AsString();
    {
      MutexLock lock(mu_);
      store::Revision& applied = applied_[last.key.name];
      if (applied >= last.revision) return;
      applied = last.revision;
      types_.RemoveCustom(group, last.value["spec"]["names"]["plural"].AsString());
    }
    AddThoseWithoutNames(group);
    return;
  }
  // A custom object: its definition may be waiting for it.
  const store::Key crd = DefinitionOf(last.key.type);
  auto definition = verbs_.store().Get(crd);
  if (definition && api::IsBeingDeleted((*definition)->value)) worker_.Add(crd);
}

Status CrdController::Reconcile(const store::Key& key) {
  auto crd = verbs_.store().Get(key);
  if (!crd) return {};
  if (api::IsBeingDeleted((*crd)->value)) return Delete(key, **crd);
  return AcceptNames(key);
}

// Takes the names in the table first: so the type is served before anybody can read that it is, and
// of two definitions that want the same name one gets it.
Result<std::optional<json::Value>> CrdController::WithNames(const store::Entry& definition) {
  if (api::IsBeingDeleted(definition.value)) return std::nullopt;
  const bool served = types_.FindStorage(definition.key.name) != nullptr;
  if (served && HasItsNames(definition.value)) return std::nullopt;
  json::Value next = definition.value;
  if (json::Value* status = next.Find("status"); !served && status != nullptr)
    status->Erase("conditions");  // what they say is not so
  SetCrdStatus(types_, verbs_.clock().Now(), next);
  if (!HasItsNames(next)) {
    if (!IsEstablished(next)) Unserve(definition);
    return std::optional(std::move(next));
  }
  if (auto added = types_.AddCustom(next); !added) return added.error();
  return std::optional(std::move(next));
}

Status CrdController::AcceptNames(const store::Key& key) {
  const api::TypePtr crds = types_.FindStorage(kCrdStorageName);
  auto accepted =
      verbs_.Change(*crds, key, [this](const store::Entry& now) { return WithNames(now); });
  if (accepted || accepted.error().code == Code::kNotFound) return {};
  return accepted.error();
}

Status CrdController::Delete(const store::Key& key, const store::Entry& definition) {
  const json::Value& spec = definition.value["spec"];
  const api::TypePtr type =
      types_.FindResource(spec["group"].AsString(), spec["names"]["plural"].AsString());
  // Its row may be there although it is not Established: the delete came between WithNames and the
  // write of its status. No other definition can have the row, whose name is the definition's.
  if (type != nullptr && type->custom) {
    verbs_.AwaitCreates();
    auto left = DeleteAll(verbs_, type, std::nullopt);
    if (!left) return left.error();
    if (*left > 0) return {};  // the removal of the last one brings us back
    if (auto done = garbage_.CollectDependentsOf(*type); !done) return done;
  }
  const api::TypePtr crds = types_.FindStorage(kCrdStorageName);
  auto released =
      verbs_.Change(*crds, key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
        json::Value next = now.value;
        api::RemoveFinalizer(next, kCrdFinalizer);
        return std::optional(std::move(next));
      });
  if (!released && released.error().code != Code::kNotFound) return released.error();
  return {};
}

}  // namespace leat::apiserver
