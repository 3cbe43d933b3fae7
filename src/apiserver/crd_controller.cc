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

void CrdController::Load() {
  const store::ListOptions all{.type = std::string(kCrdStorageName)};
  for (const auto& entry : verbs_.store().List(all).entries) Serve(*entry);
}

void CrdController::Start() {
  const store::ListOptions all{.type = std::string(kCrdStorageName)};
  for (const auto& entry : verbs_.store().List(all).entries) {
    if (api::IsBeingDeleted(entry->value)) worker_.Add(entry->key);
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
  }
}

void CrdController::OnWritten(const store::Entry& entry) {
  if (entry.key.type != kCrdStorageName) return;
  Serve(entry);
  if (api::IsBeingDeleted(entry.value)) worker_.Add(entry.key);
}

void CrdController::OnRemoved(const store::Entry& last) {
  if (last.key.type == kCrdStorageName) {
    MutexLock lock(mu_);
    store::Revision& applied = applied_[last.key.name];
    if (applied >= last.revision) return;
    applied = last.revision;
    if (!IsEstablished(last.value)) return;
    types_.RemoveCustom(last.value["spec"]["group"].AsString(),
                        last.value["spec"]["names"]["plural"].AsString());
    return;
  }
  // A custom object: its definition may be waiting for it.
  const store::Key crd = DefinitionOf(last.key.type);
  auto definition = verbs_.store().Get(crd);
  if (definition && api::IsBeingDeleted((*definition)->value)) worker_.Add(crd);
}

Status CrdController::Reconcile(const store::Key& key) {
  auto crd = verbs_.store().Get(key);
  if (!crd || !api::IsBeingDeleted((*crd)->value)) return {};
  const json::Value& spec = (*crd)->value["spec"];
  const api::TypePtr type =
      types_.FindResource(spec["group"].AsString(), spec["names"]["plural"].AsString());
  if (type != nullptr && type->custom && IsEstablished((*crd)->value)) {
    verbs_.AwaitCreates();
    auto left = DeleteAll(verbs_, type, std::nullopt);
    if (!left) return left.error();
    if (*left > 0) return {};  // the removal of the last one brings us back
    if (auto done = garbage_.CollectDependentsOf(*type); !done) return done;
  }
  const api::TypePtr crds =
      types_.FindResource("apiextensions.k8s.io", "customresourcedefinitions");
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
