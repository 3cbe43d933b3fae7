#include "awsserver/logs_operations.h"
#include "awsserver/logs_shapes.h"
#include "awsserver/service.h"

namespace leat::awsserver {
namespace {

struct Operation {
  std::string_view name;
  const Shape& input;
  Answer<json::Value> (*run)(const LogsCall& call);
};

constexpr Operation kOperations[] = {
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
    for (const Operation& known : kOperations) {
      if (known.name != operation) continue;
      if (auto fits = checker_.Check(known.input, input); !fits) return fits.error();
      return known.run({logs_, clock_, input, context});
    }
    return UnknownOperation(name(), operation);
  }

 private:
  LogStore& logs_;
  Clock& clock_;
  const ShapeChecker checker_{
      "InvalidParameterException",
      {&shapes::kCreateLogGroup, &shapes::kCreateLogStream, &shapes::kDescribeLogGroups,
       &shapes::kDescribeLogStreams, &shapes::kFilterLogEvents, &shapes::kGetLogEvents,
       &shapes::kPutLogEvents}};
};

}  // namespace

std::unique_ptr<JsonService> MakeLogsService(LogStore& logs, Clock& clock) {
  return std::make_unique<LogsService>(logs, clock);
}

}  // namespace leat::awsserver
