#include "awsserver/logs_operations.h"
#include "awsserver/logs_shapes.h"
#include "awsserver/operation_table.h"
#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

constexpr Operation<LogsCall> kOperations[] = {
    {"CreateLogGroup", shapes::kCreateLogGroup, CreateLogGroup},
    {"CreateLogStream", shapes::kCreateLogStream, CreateLogStream},
    {"DeleteLogGroup", shapes::kDeleteLogGroup, DeleteLogGroup},
    {"DeleteLogStream", shapes::kDeleteLogStream, DeleteLogStream},
    {"DescribeLogGroups", shapes::kDescribeLogGroups, DescribeLogGroups},
    {"DescribeLogStreams", shapes::kDescribeLogStreams, DescribeLogStreams},
    {"FilterLogEvents", shapes::kFilterLogEvents, FilterLogEvents},
    {"GetLogEvents", shapes::kGetLogEvents, GetLogEvents},
    {"PutLogEvents", shapes::kPutLogEvents, PutLogEvents},
};

class LogsService : public JsonService {
 public:
  LogsService(LogStore& logs, Clock& clock) : logs_(logs), clock_(clock) {}
  std::string_view name() const override { return "logs"; }
  std::string_view target_prefix() const override { return "Logs_20140328"; }
  Answer<json::Value> Handle(std::string_view operation, const json::Value& input,
                             const CallContext& context) override {
    return table_.Run(operation, {logs_, clock_, input, context});
  }

 private:
  LogStore& logs_;
  Clock& clock_;
  const OperationTable<LogsCall> table_{"logs", "InvalidParameterException", kOperations};
};

}  // namespace

std::unique_ptr<JsonService> MakeLogsService(LogStore& logs, Clock& clock) {
  return std::make_unique<LogsService>(logs, clock);
}

}  // namespace leat::awsserver
