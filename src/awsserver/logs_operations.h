// The operations of the CloudWatch Logs service. Each gets an input that its shape allows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "awsserver/log_store.h"
#include "awsserver/service.h"
#include "json/value.h"

namespace leat::awsserver {

struct LogsCall {
  LogStore& logs;
  Clock& clock;
  const json::Value& input;
  const CallContext& context;
};

// logs_groups.cc
Answer<json::Value> CreateLogGroup(const LogsCall& call);
Answer<json::Value> CreateLogStream(const LogsCall& call);
Answer<json::Value> DeleteLogGroup(const LogsCall& call);
Answer<json::Value> DeleteLogStream(const LogsCall& call);
Answer<json::Value> DescribeLogGroups(const LogsCall& call);
Answer<json::Value> DescribeLogStreams(const LogsCall& call);

// logs_events.cc
Answer<json::Value> GetLogEvents(const LogsCall& call);
Answer<json::Value> FilterLogEvents(const LogsCall& call);
Answer<json::Value> PutLogEvents(const LogsCall& call);

// Shared (logs_groups.cc).

// logGroupName in the caller's region.
LogGroup NamedGroup(const LogsCall& call);
// The same, or what logGroupIdentifier names, which may be an ARN, but of no other region.
Answer<LogGroup> GroupOf(const LogsCall& call);
AwsError InvalidParameter(std::string message);
// ResourceNotFoundException, ResourceAlreadyExistsException, or what ToAwsError says.
AwsError ToLogsError(const Error& error);

}  // namespace leat::awsserver
