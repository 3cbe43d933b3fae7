// The operations of the SageMaker service. Each gets an input that its shape allows.
#pragma once

#include <optional>
#include <string>

#include "api/object_client.h"
#include "awsserver/service.h"
#include "json/value.h"

namespace leat::awsserver {

struct SageMakerCall {
  api::ObjectClient& objects;
  const json::Value& input;
  const CallContext& context;
  const HasBucket& has_bucket;
};

// sagemaker_create.cc
// ValidationException for the kinds of job that Leat has not. For any input: they lack members that
// the shape requires, so this is looked at before the shape.
Answer<void> CheckSupported(const json::Value& job);
Answer<json::Value> CreateTrainingJob(const SageMakerCall& call);

// sagemaker_describe.cc
Answer<json::Value> DescribeTrainingJob(const SageMakerCall& call);
Answer<json::Value> StopTrainingJob(const SageMakerCall& call);

// sagemaker_list.cc
Answer<json::Value> ListTrainingJobs(const SageMakerCall& call);

// sagemaker_tags.cc: tags are those in spec.job.Tags.
Answer<json::Value> AddTags(const SageMakerCall& call);
Answer<json::Value> ListTags(const SageMakerCall& call);
Answer<json::Value> DeleteTags(const SageMakerCall& call);
// ValidationException when a key is given twice.
Answer<void> CheckTagKeys(const json::Value& tags);

// Shared (sagemaker_describe.cc).

// The run of that job in the caller's region; ValidationException when there is none, whose text
// SDKs and the operator look for.
Answer<json::Value> FindRun(const SageMakerCall& call, const std::string& training_job_name);
// What the cluster refused: that a type is missing or forbidden is not the caller's doing, so it is
// ServiceUnavailable, which SDKs try again; else as ToAwsError.
AwsError ClusterError(const Error& error);
// As a client shall see it: a job that was asked to stop is Stopping before the engine knows.
std::string ShownStatus(const json::Value& run);
std::string ShownSecondaryStatus(const json::Value& run);
// Milliseconds since 1970 of an RFC 3339 text; nullopt when it is absent.
std::optional<int64_t> TimeMs(const json::Value& time);
int64_t CreationMs(const json::Value& run);
int64_t LastModifiedMs(const json::Value& run);
// Seconds since 1970, as JSON services write time.
json::Value EpochSeconds(int64_t ms);

}  // namespace leat::awsserver
