#include "awsserver/logs_shapes.h"

namespace leat::awsserver::shapes {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

constexpr Shape kGroupName = Text(1, 512, R"([\.\-_/#A-Za-z0-9]+)");
constexpr Shape kGroupPattern = Text(0, 512, R"([\.\-_/#A-Za-z0-9]*)");
constexpr Shape kGroupIdentifier = Text(1, 2048, R"([\w#+=/:,.@-]*)");
constexpr Shape kStreamName = Text(1, 512, "[^:*]*");
constexpr Shape kToken = Text(1, kNoLimit);
constexpr Shape kTime = Long(0);
constexpr Shape kDescribeLimit = Integer(1, 50);
constexpr Shape kEventsLimit = Integer(1, 10'000);
constexpr const char* kOrders[] = {"LogStreamName", "LastEventTime"};
constexpr Shape kOrder = OneOf(kOrders);
constexpr Shape kStreamNames = ListOf(kStreamName, 1, 100);
constexpr Shape kFilterPattern = Text(0, 1024);
constexpr Shape kMessage = Text(1, kNoLimit);

constexpr ShapeMember kEventMembers[] = {{"timestamp", &kTime, kRequired},
                                         {"message", &kMessage, kRequired}};
constexpr Shape kEvent = Structure(kEventMembers);
constexpr Shape kEvents = ListOf(kEvent, 1, 10'000);

constexpr ShapeMember kGroupMembers[] = {{"logGroupName", &kGroupName, kRequired}};
constexpr ShapeMember kStreamMembers[] = {{"logGroupName", &kGroupName, kRequired},
                                          {"logStreamName", &kStreamName, kRequired}};
constexpr ShapeMember kDescribeGroupsMembers[] = {{"logGroupNamePrefix", &kGroupName},
                                                  {"logGroupNamePattern", &kGroupPattern},
                                                  {"nextToken", &kToken},
                                                  {"limit", &kDescribeLimit}};
constexpr ShapeMember kDescribeStreamsMembers[] = {{"logGroupName", &kGroupName},
                                                   {"logGroupIdentifier", &kGroupIdentifier},
                                                   {"logStreamNamePrefix", &kStreamName},
                                                   {"orderBy", &kOrder},
                                                   {"descending", &kBooleanShape},
                                                   {"nextToken", &kToken},
                                                   {"limit", &kDescribeLimit}};
constexpr ShapeMember kGetMembers[] = {{"logGroupName", &kGroupName},
                                       {"logGroupIdentifier", &kGroupIdentifier},
                                       {"logStreamName", &kStreamName, kRequired},
                                       {"startTime", &kTime},
                                       {"endTime", &kTime},
                                       {"nextToken", &kToken},
                                       {"limit", &kEventsLimit},
                                       {"startFromHead", &kBooleanShape},
                                       {"unmask", &kBooleanShape}};
constexpr ShapeMember kFilterMembers[] = {{"logGroupName", &kGroupName},
                                          {"logGroupIdentifier", &kGroupIdentifier},
                                          {"logStreamNames", &kStreamNames},
                                          {"logStreamNamePrefix", &kStreamName},
                                          {"startTime", &kTime},
                                          {"endTime", &kTime},
                                          {"filterPattern", &kFilterPattern},
                                          {"nextToken", &kToken},
                                          {"limit", &kEventsLimit},
                                          {"interleaved", &kBooleanShape},
                                          {"unmask", &kBooleanShape}};
constexpr ShapeMember kPutMembers[] = {{"logGroupName", &kGroupName, kRequired},
                                       {"logStreamName", &kStreamName, kRequired},
                                       {"logEvents", &kEvents, kRequired},
                                       {"sequenceToken", &kToken}};

}  // namespace

constexpr Shape kCreateLogGroup = Structure(kGroupMembers);
constexpr Shape kCreateLogStream = Structure(kStreamMembers);
constexpr Shape kDeleteLogGroup = Structure(kGroupMembers);
constexpr Shape kDeleteLogStream = Structure(kStreamMembers);
constexpr Shape kDescribeLogGroups = Structure(kDescribeGroupsMembers);
constexpr Shape kDescribeLogStreams = Structure(kDescribeStreamsMembers);
constexpr Shape kFilterLogEvents = Structure(kFilterMembers);
constexpr Shape kGetLogEvents = Structure(kGetMembers);
constexpr Shape kPutLogEvents = Structure(kPutMembers);

}  // namespace leat::awsserver::shapes
