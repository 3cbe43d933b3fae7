// The reconciler of TrainingJob.
#pragma once

#include <memory>
#include <string>

#include "api/object_client.h"
#include "aws/json_client.h"
#include "base/clock.h"
#include "net/client.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"
#include "sagemaker/operator.h"

namespace leat::sagemaker {

// States of a TrainingJob (status.trainingJobStatus):
//   "" -> SynchronizingK8sJobWithSageMaker -> InProgress -> Completed | Failed | Stopping ->
//   Stopped
// and ReconcilingTrainingJob, with the text in status.additional, while SageMaker answers errors.
class TrainingJobReconciler : public reconcile::Reconciler {
 public:
  TrainingJobReconciler(const OperatorOptions& options, api::ObjectClient& client, Clock& clock);
  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;

 private:
  Result<reconcile::Outcome> Delete(json::Value job, const std::stop_token& stop);
  // Writes the finalizer and the name at SageMaker into the object; true if it had them.
  Result<bool> Adopt(const json::Value& job);
  Result<reconcile::Outcome> CreateAtSageMaker(const json::Value& job, const json::Value& request,
                                               const std::stop_token& stop);
  // What a failed call means for the job: a wrong spec fails it, all else is tried again.
  Result<reconcile::Outcome> OnError(const json::Value& job, const Error& error);
  // Writes the status when it differs from the present one, and tells of the change in an event.
  Result<reconcile::Outcome> SetStatus(const json::Value& job, json::Value status,
                                       const json::Value& description = {});
  // Events for what changed from one status to the next.
  void Tell(const json::Value& job, const json::Value& before, const json::Value& after,
            const json::Value& description);
  aws::JsonService ServiceFor(const json::Value& job) const;

  const OperatorOptions options_;
  api::ObjectClient& client_;
  Clock& clock_;
  std::unique_ptr<net::Client> http_;
  reconcile::EventRecorder events_;
};

}  // namespace leat::sagemaker
