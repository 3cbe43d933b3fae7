// Ends namespaces.
#pragma once

#include "apiserver/verbs.h"
#include "apiserver/worker.h"

namespace leat::apiserver {

// A deleted namespace is Terminating until everything in it is gone; then it goes.
// Thread-safe.
class NamespaceController : public WriteObserver {
 public:
  explicit NamespaceController(Verbs& verbs);

  // Makes the standard namespaces and takes up deletions that were under way.
  Status Start();
  void Stop() { worker_.Stop(); }

  void OnWritten(const store::Entry& entry) override;
  void OnRemoved(const store::Entry& last) override;

 private:
  Status Reconcile(const store::Key& key);
  Status ShowWhatRemains(const store::Entry& ns, const std::string& remaining);
  // The namespace is there and not on its way out.
  bool IsOpen(const std::string& ns) const;

  Verbs& verbs_;
  Worker worker_;
};

}  // namespace leat::apiserver
