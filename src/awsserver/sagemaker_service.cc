#include "awsserver/sagemaker_operations.h"
#include "awsserver/sagemaker_shapes.h"
#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

struct Operation {
  std::string_view name;
  const Shape& input;
  Answer<json::Value> (*run)(const SageMakerCall& call);
  Answer<void> (*check_first)(const json::Value& input) = nullptr;
};

constexpr Operation kOperations[] = {
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
    for (const Operation& known : kOperations) {
      if (known.name != operation) continue;
      if (known.check_first) {
        if (auto right = known.check_first(input); !right) return right.error();
      }
      if (auto fits = checker_.Check(known.input, input); !fits) return fits.error();
      return known.run({objects_, input, context});
    }
    return UnknownOperation(name(), operation);
  }

 private:
  api::ObjectClient& objects_;
  const ShapeChecker checker_{
      "ValidationException",
      {&shapes::kCreateTrainingJob, &shapes::kTrainingJobNameOnly, &shapes::kListTrainingJobs,
       &shapes::kAddTags, &shapes::kListTags, &shapes::kDeleteTags}};
};

}  // namespace

std::unique_ptr<JsonService> MakeSageMakerService(api::ObjectClient& objects, Clock&) {
  return std::make_unique<SageMakerService>(objects);
}

}  // namespace leat::awsserver
