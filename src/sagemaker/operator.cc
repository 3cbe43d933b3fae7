#include "sagemaker/operator.h"

#include "reconcile/controller.h"
#include "sagemaker/training_job.h"

namespace leat::sagemaker {
namespace {

class SageMakerOperator : public Operator {
 public:
  SageMakerOperator(const OperatorOptions& options, api::ObjectClient& client, Clock& clock)
      : training_jobs_(options, client, clock),
        controller_(client, clock,
                    {.name = "trainingjob",
                     .sources = {{.type = api::gvr::kTrainingJobs, .selection = {}, .keys_of = {}}},
                     .workers = 4},
                    training_jobs_) {}

 private:
  TrainingJobReconciler training_jobs_;
  reconcile::Controller controller_;
};

}  // namespace

std::unique_ptr<Operator> Operator::Start(OperatorOptions options, api::ObjectClient& client,
                                          Clock& clock) {
  return std::make_unique<SageMakerOperator>(options, client, clock);
}

}  // namespace leat::sagemaker
