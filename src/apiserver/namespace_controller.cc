#include "apiserver/namespace_controller.h"

#include "api/meta.h"
#include "apiserver/content_deletion.h"
#include "apiserver/kind_rules.h"

namespace leat::apiserver {

NamespaceController::NamespaceController(Verbs& verbs)
    : verbs_(verbs), worker_("namespaces", verbs.clock(), [this](const store::Key& key) {
        return Reconcile(key);
      }) {}

Status NamespaceController::Start() {
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    auto target = verbs_.Resolve(api::gvr::kNamespaces, "", name);
    if (!target) return target.error();
    Call call;
    auto made = verbs_.Create(*target, json::Object(), call);
    if (!made && made.error().code != Code::kAlreadyExists) {
      return made.error().Within("make namespace " + std::string(name));
    }
  }
  for (const auto& entry : verbs_.store().List({.type = "namespaces"}).entries) OnWritten(*entry);
  return {};
}

bool NamespaceController::IsOpen(const std::string& ns) const {
  auto entry = verbs_.store().Get({"namespaces", "", ns});
  return entry && !api::IsBeingDeleted((*entry)->value);
}

void NamespaceController::OnWritten(const store::Entry& entry) {
  if (entry.key.type == "namespaces" && api::IsBeingDeleted(entry.value)) worker_.Add(entry.key);
}

void NamespaceController::OnRemoved(const store::Entry& last) {
  if (!last.key.ns.empty() && !IsOpen(last.key.ns)) worker_.Add({"namespaces", "", last.key.ns});
}

Status NamespaceController::Reconcile(const store::Key& key) {
  if (IsOpen(key.name)) return {};
  verbs_.AwaitCreates();
  std::string remaining;
  for (const api::TypePtr& type : verbs_.types().All()) {
    if (!type->namespaced) continue;
    auto left = DeleteAll(verbs_, type, key.name);
    if (!left) return left.error();
    if (*left == 0) continue;
    if (!remaining.empty()) remaining += ", ";
    remaining += type->StorageName() + " has " + std::to_string(*left) + " resource instances";
  }
  auto ns = verbs_.store().Get(key);
  if (!ns) return {};
  if (!remaining.empty()) return ShowWhatRemains(**ns, remaining);
  const api::TypePtr type = verbs_.types().FindResource("", "namespaces");
  auto ended =
      verbs_.Change(*type, key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
        if (!api::IsBeingDeleted(now.value)) return std::optional<json::Value>();
        json::Value next = now.value;
        next.Mut("spec").Erase("finalizers");
        return std::optional(std::move(next));
      });
  if (!ended && ended.error().code != Code::kNotFound) return ended.error();
  return {};
}

// Says in the status why the namespace is still there.
Status NamespaceController::ShowWhatRemains(const store::Entry& ns, const std::string& remaining) {
  const api::TypePtr type = verbs_.types().FindResource("", "namespaces");
  auto shown = verbs_.Change(
      *type, ns.key, [&](const store::Entry& now) -> Result<std::optional<json::Value>> {
        json::Value next = now.value;
        json::Value conditions = next["status"]["conditions"];
        api::SetCondition(conditions, "NamespaceContentRemaining", "True", "SomeResourcesRemain",
                          "Some resources are remaining: " + remaining,
                          FormatTime(verbs_.clock().Now()));
        next.Mut("status").Set("conditions", std::move(conditions));
        return std::optional(std::move(next));
      });
  if (!shown && shown.error().code != Code::kNotFound) return shown.error();
  return {};
}

}  // namespace leat::apiserver
