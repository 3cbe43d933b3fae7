// The inputs of the CloudWatch Logs operations that this endpoint answers, as AWS describes them.
#pragma once

#include "awsserver/json_shape.h"

namespace leat::awsserver::shapes {

extern const Shape kCreateLogGroup;
extern const Shape kCreateLogStream;
extern const Shape kDeleteLogGroup;
extern const Shape kDeleteLogStream;
extern const Shape kDescribeLogGroups;
extern const Shape kDescribeLogStreams;
extern const Shape kFilterLogEvents;
extern const Shape kGetLogEvents;
extern const Shape kPutLogEvents;

}  // namespace leat::awsserver::shapes
