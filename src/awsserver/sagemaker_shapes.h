// The inputs of the SageMaker operations that this endpoint answers, as AWS describes them.
#pragma once

#include "awsserver/json_shape.h"

namespace leat::awsserver::shapes {

// AlgorithmSpecification, ResourceConfig and its InstanceType and InstanceCount are required here:
// AWS lets them be absent only for serverless jobs and heterogeneous clusters, which Leat has not.
extern const Shape kCreateTrainingJob;
extern const Shape kTrainingJobNameOnly;  // DescribeTrainingJob, StopTrainingJob
extern const Shape kListTrainingJobs;
extern const Shape kAddTags;
extern const Shape kListTags;
extern const Shape kDeleteTags;

extern const Shape kTrainingInstanceType;

}  // namespace leat::awsserver::shapes
