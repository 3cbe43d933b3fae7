#include "sagemaker/operator.h"

#include "client/informer.h"
#include "reconcile/controller.h"
#include "sagemaker/api.h"
#include "sagemaker/training_job.h"
#include "sagemaker/unserved_kinds.h"
#include "sagemaker/yielding.h"

namespace leat::sagemaker {
namespace {

constexpr char kDefinition[] = "trainingjobs.sagemaker.aws.amazon.com";

class SageMakerOperator : public Operator {
 public:
  SageMakerOperator(const OperatorOptions& options, api::ObjectClient& client, Clock& clock)
      : sagemaker_(MakeSageMakerApi(options)),
        definition_(client, clock, api::gvr::kCustomResourceDefinitions,
                    {.ns = "",
                     .label_selector = "",
                     .field_selector = std::string("metadata.name=") + kDefinition}),
        training_jobs_(*sagemaker_, client, clock, options.poll,
                       [this](const std::stop_token& stop) { return TrainingJobsYield(stop); }),
        unserved_(client, clock),
        controller_(client, clock,
                    {.name = "trainingjob",
                     .sources = {{.type = api::gvr::kTrainingJobs, .selection = {}, .keys_of = {}}},
                     .workers = 4},
                    training_jobs_),
        unserved_controller_(client, clock,
                             {.name = "unserved kinds",
                              .sources = {{.type = api::gvr::kCustomResourceDefinitions,
                                           .selection = {},
                                           .keys_of = {}}},
                              .workers = 1},
                             unserved_) {
    definition_.Start();
  }

 private:
  bool TrainingJobsYield(const std::stop_token& stop) {
    if (!definition_.WaitSynced(stop)) return true;
    const client::ObjectPtr definition = definition_.Get({"", kDefinition});
    return definition != nullptr && Yields(*definition);
  }

  std::unique_ptr<SageMakerApi> sagemaker_;
  client::Informer definition_;
  TrainingJobReconciler training_jobs_;
  UnservedKinds unserved_;
  reconcile::Controller controller_;
  reconcile::Controller unserved_controller_;
};

}  // namespace

std::unique_ptr<Operator> Operator::Start(OperatorOptions options, api::ObjectClient& client,
                                          Clock& clock) {
  return std::make_unique<SageMakerOperator>(options, client, clock);
}

}  // namespace leat::sagemaker
