#include "sagemaker/operator.h"

#include "reconcile/controller.h"
#include "sagemaker/api.h"
#include "sagemaker/training_job.h"

namespace leat::sagemaker {
namespace {

class SageMakerOperator : public Operator {
 public:
  SageMakerOperator(const OperatorOptions& options, api::ObjectClient& client, Clock& clock)
      : sagemaker_(MakeSageMakerApi(options)),
        training_jobs_(*sagemaker_, client, clock, options.poll),
        controller_(client, clock,
                    {.name = "trainingjob",
                     .sources = {{.type = api::gvr::kTrainingJobs, .selection = {}, .keys_of = {}}},
                     .workers = 4},
                    training_jobs_) {}

 private:
  std::unique_ptr<SageMakerApi> sagemaker_;
  TrainingJobReconciler training_jobs_;
  reconcile::Controller controller_;
};

}  // namespace

std::unique_ptr<Operator> Operator::Start(OperatorOptions options, api::ObjectClient& client,
                                          Clock& clock) {
  return std::make_unique<SageMakerOperator>(options, client, clock);
}

}  // namespace leat::sagemaker
