#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

class LogsService : public JsonService {
 public:
  std::string_view name() const override { return "logs"; }
  std::string_view target_prefix() const override { return "Logs_20140328"; }
  Answer<json::Value> Handle(std::string_view operation, const json::Value&,
                             const CallContext&) override {
    return UnknownOperation(name(), operation);
  }
};

}  // namespace

std::unique_ptr<JsonService> MakeLogsService(LogStore&, Clock&) {
  return std::make_unique<LogsService>();
}

}  // namespace leat::awsserver
