#include "apiserver/service_accounts.h"

namespace leat::apiserver {
namespace {

store::Key DefaultAccount(const std::string& ns) { return {"serviceaccounts", ns, "default"}; }

}  // namespace

ServiceAccounts::ServiceAccounts(Verbs& verbs)
    : verbs_(verbs), worker_("service accounts", verbs.clock(), [this](const store::Key& key) {
        return Reconcile(key);
      }) {}

Status ServiceAccounts::Start() {
  for (const auto& ns : verbs_.store().List({.type = "namespaces"}).entries) {
    if (auto made = Reconcile(DefaultAccount(ns->key.name)); !made) return made;
  }
  return {};
}

void ServiceAccounts::OnWritten(const store::Entry& entry) {
  if (entry.key.type == "namespaces") worker_.Add(DefaultAccount(entry.key.name));
}

void ServiceAccounts::OnRemoved(const store::Entry& last) {
  if (last.key == DefaultAccount(last.key.ns)) worker_.Add(last.key);
}

Status ServiceAccounts::Reconcile(const store::Key& account) {
  auto target = verbs_.Resolve(api::gvr::kServiceAccounts, account.ns, account.name);
  if (!target) return target.error();
  if (verbs_.Get(*target)) return {};
  Call call;
  auto made = verbs_.Create(*target, json::Object(), call);
  if (made) return {};
  switch (made.error().code) {
    case Code::kAlreadyExists:
    case Code::kNotFound:   // the namespace has gone,
    case Code::kForbidden:  // or is on its way out
      return {};
    default:
      return made.error().Within("make service account " + account.ns + "/" + account.name);
  }
}

}  // namespace leat::apiserver
