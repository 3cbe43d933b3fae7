#include "awsserver/operation_table.h"
#include "awsserver/sagemaker_operations.h"
#include "awsserver/sagemaker_shapes.h"
#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

constexpr Operation<SageMakerCall> kOperations[] = {
    {"CreateTrainingJob", shapes::kCreateTrainingJob, CreateTrainingJob, CheckSupported},
    {"DescribeTrainingJob", shapes::kTrainingJobNameOnly, DescribeTrainingJob},
    {"ListTrainingJobs", shapes::kListTrainingJobs, ListTrainingJobs},
    {"StopTrainingJob", shapes::kTrainingJobNameOnly, StopTrainingJob},
    {"AddTags", shapes::kAddTags, AddTags},
    {"ListTags", shapes::kListTags, ListTags},
    {"DeleteTags", shapes::kDeleteTags, DeleteTags},
};

class SageMakerService : public JsonService {
 public:
  explicit SageMakerService(api::ObjectClient& objects) : objects_(objects) {}
  std::string_view name() const override { return "sagemaker"; }
  std::string_view target_prefix() const override { return "SageMaker"; }
  Answer<json::Value> Handle(std::string_view operation, const json::Value& input,
                             const CallContext& context) override {
    return table_.Run(operation, {objects_, input, context});
  }

 private:
  api::ObjectClient& objects_;
  const OperationTable<SageMakerCall> table_{"sagemaker", "ValidationException", kOperations};
};

}  // namespace

std::unique_ptr<JsonService> MakeSageMakerService(api::ObjectClient& objects, Clock&) {
  return std::make_unique<SageMakerService>(objects);
}

}  // namespace leat::awsserver
