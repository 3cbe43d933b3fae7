// Gives every namespace its ServiceAccount `default`.
#pragma once

#include "apiserver/verbs.h"
#include "apiserver/worker.h"

namespace leat::apiserver {

// Pods name the account (see api::DefaultObject) and manifests refer to it, so it is made again
// when it is deleted. It stands for no rights and no token is mounted for it. Thread-safe.
class ServiceAccounts : public WriteObserver {
 public:
  explicit ServiceAccounts(Verbs& verbs);

  // Returns once the namespaces that are there have theirs.
  Status Start();
  void Stop() { worker_.Stop(); }

  void OnWritten(const store::Entry& entry) override;
  void OnRemoved(const store::Entry& last) override;

 private:
  Status Reconcile(const store::Key& account);

  Verbs& verbs_;
  Worker worker_;
};

}  // namespace leat::apiserver
