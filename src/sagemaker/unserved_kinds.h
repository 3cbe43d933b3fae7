// The kinds of the SageMaker operators' installer that Leat does not serve yet.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/object_client.h"
#include "base/clock.h"
#include "reconcile/controller.h"

namespace leat::sagemaker {

// Its keys are CustomResourceDefinitions. While the definition of such a kind is there, and does
// not yield it to another operator (leat.dev/yield: "true"), each of its objects is told in an
// event, NotServed, and in status.additional where the type has that, that nothing will come of it.
// One worker at a time.
class UnservedKinds : public reconcile::Reconciler {
 public:
  UnservedKinds(api::ObjectClient& client, Clock& clock);
  ~UnservedKinds() override;

  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;

 private:
  class Teller;

  api::ObjectClient& client_;
  Clock& clock_;
  std::map<std::string, std::unique_ptr<Teller>> tellers_;  // by the definition's name
};

}  // namespace leat::sagemaker
