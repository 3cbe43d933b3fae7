// The reconciler of TrainingJob.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "api/object_client.h"
#include "base/clock.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"
#include "sagemaker/api.h"

namespace leat::sagemaker {

// States of a TrainingJob (status.trainingJobStatus):
//   "" -> SynchronizingK8sJobWithSageMaker -> InProgress -> Completed | Failed | Stopping ->
//   Stopped
// and ReconcilingTrainingJob, with the text in status.additional, while SageMaker answers errors.
//
// Just before the job is created, its name and place are written into the status, and from then on
// they alone say which job this is: an edited spec fails the TrainingJob, but never makes a second
// job, nor hides the first from its deletion.
class TrainingJobReconciler : public reconcile::Reconciler {
 public:
  // Says whether all TrainingJobs are left to another operator; may block until it knows.
  using Yields = std::function<bool(const std::stop_token& stop)>;

  // `poll` is how often a running job is asked about, and whether it is ours again.
  TrainingJobReconciler(SageMakerApi& sagemaker, api::ObjectClient& client, Clock& clock,
                        std::chrono::milliseconds poll, Yields yields = {});
  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;

 private:
  Result<reconcile::Outcome> Delete(json::Value job, const std::stop_token& stop);
  // Writes the finalizer and the name at SageMaker into the spec; true if it had them.
  Result<bool> Adopt(const json::Value& job);
  // For a job that SageMaker does not know.
  Result<reconcile::Outcome> CreateAtSageMaker(const json::Value& job, const std::stop_token& stop);
  Result<reconcile::Outcome> Follow(const json::Value& job, const json::Value& description);
  Result<reconcile::Outcome> Fail(const json::Value& job, const std::string& why);
  // What a failed call means for the job: a wrong spec fails it, all else is tried again.
  Result<reconcile::Outcome> OnError(const json::Value& job, const Error& error);
  // Writes the status when it differs from the present one, and tells of the change in an event.
  Result<reconcile::Outcome> SetStatus(const json::Value& job, json::Value status,
                                       const json::Value& description = {});
  // Events for what changed from one status to the next.
  void Tell(const json::Value& job, const json::Value& before, const json::Value& after,
            const json::Value& description);

  SageMakerApi& sagemaker_;
  api::ObjectClient& client_;
  Clock& clock_;
  const std::chrono::milliseconds poll_;
  const Yields yields_;
  reconcile::EventRecorder events_;
};

}  // namespace leat::sagemaker
