#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

class SageMakerService : public JsonService {
 public:
  std::string_view name() const override { return "sagemaker"; }
  std::string_view target_prefix() const override { return "SageMaker"; }
  Answer<json::Value> Handle(std::string_view operation, const json::Value&,
                             const CallContext&) override {
    return UnknownOperation(name(), operation);
  }
};

}  // namespace

std::unique_ptr<JsonService> MakeSageMakerService(api::ObjectClient&, Clock&) {
  return std::make_unique<SageMakerService>();
}

}  // namespace leat::awsserver
