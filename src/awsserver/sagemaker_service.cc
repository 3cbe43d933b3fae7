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
  SageMakerService(api::ObjectClient& objects, HasBucket has_bucket)
      : objects_(objects), has_bucket_(std::move(has_bucket)) {}
  std::string_view name() const override { return "sagemaker"; }
  std::string_view target_prefix() const override { return "SageMaker"; }
  Answer<json::Value> Handle(std::string_view operation, const json::Value& input,
                             const CallContext& context) override {
    return table_.Run(operation, {objects_, input, context, has_bucket_});
  }

 private:
  api::ObjectClient& objects_;
  const HasBucket has_bucket_;
  const OperationTable<SageMakerCall> table_{"sagemaker", "ValidationException", kOperations};
};

}  // namespace

std::unique_ptr<JsonService> MakeSageMakerService(api::ObjectClient& objects,
                                                  HasBucket has_bucket) {
  return std::make_unique<SageMakerService>(objects, std::move(has_bucket));
}

}  // namespace leat::awsserver
