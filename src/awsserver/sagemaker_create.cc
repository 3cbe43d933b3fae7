#include <fmt/format.h>

#include <set>

#include "awsserver/awsserver.h"
#include "awsserver/sagemaker_operations.h"
#include "awsserver/training_run.h"
#include "objectstore/s3_client.h"

namespace leat::awsserver {
namespace {

AwsError Invalid(std::string message) { return {"ValidationException", std::move(message)}; }

Answer<void> CheckAlgorithm(const json::Value& algorithm) {
  const bool image = !algorithm["TrainingImage"].AsString().empty();
  const bool name = !algorithm["AlgorithmName"].AsString().empty();
  if (image && name) {
    return Invalid(
        "You can't specify both AlgorithmName and TrainingImage in AlgorithmSpecification; give "
        "TrainingImage");
  }
  if (name) {
    return Invalid(
        fmt::format("AlgorithmName {} names an algorithm resource or a subscription, "
                    "which Leat has not; give its image as TrainingImage in "
                    "AlgorithmSpecification",
                    algorithm["AlgorithmName"].AsString()));
  }
  if (!image) return Invalid("You must specify TrainingImage in AlgorithmSpecification");
  return {};
}

// A mount shows all objects of a prefix as they are.
Answer<void> CheckFastFile(const json::Value& channel) {
  const json::Value& s3 = channel["DataSource"]["S3DataSource"];
  const auto refuse = [&](std::string_view member, std::string_view value) {
    return Invalid(fmt::format("Channel {}: {} {} is not supported yet with FastFile; use File",
                               channel["ChannelName"].AsString(), member, value));
  };
  if (s3["S3DataDistributionType"].AsString() == "ShardedByS3Key")
    return refuse("S3DataDistributionType", "ShardedByS3Key");
  if (const std::string_view type = s3["S3DataType"].AsString("S3Prefix"); type != "S3Prefix")
    return refuse("S3DataType", type);
  if (channel["CompressionType"].AsString() == "Gzip") return refuse("CompressionType", "Gzip");
  return {};
}

Answer<void> CheckChannel(const json::Value& channel, std::string_view job_input_mode) {
  const std::string_view name = channel["ChannelName"].AsString();
  const json::Value& source = channel["DataSource"];
  const json::Value& s3 = source["S3DataSource"];
  if (s3.IsObject() == source["FileSystemDataSource"].IsObject()) {
    return Invalid(fmt::format(
        "Channel {} must have one data source: either S3DataSource or FileSystemDataSource", name));
  }
  const bool augmented = s3["S3DataType"].AsString() == "AugmentedManifestFile";
  if (s3.IsObject() && augmented != (s3["AttributeNames"].size() > 0)) {
    return Invalid(fmt::format(
        "Channel {} must have AttributeNames when its S3DataType is AugmentedManifestFile, and "
        "only then",
        name));
  }
  if (channel["InputMode"].AsString(job_input_mode) == "FastFile") return CheckFastFile(channel);
  return {};
}

Answer<void> CheckChannels(const json::Value& job) {
  const std::string_view mode = job["AlgorithmSpecification"]["TrainingInputMode"].AsString();
  std::set<std::string_view> names;
  for (const json::Value& channel : job["InputDataConfig"].Items()) {
    if (auto right = CheckChannel(channel, mode); !right) return right;
    const std::string_view name = channel["ChannelName"].AsString();
    if (!names.insert(name).second) {
      return Invalid(fmt::format(
          "Channel names must be unique within InputDataConfig: {} is given more than once", name));
    }
  }
  return {};
}

Answer<void> CheckStopping(const json::Value& job) {
  const json::Value& stopping = job["StoppingCondition"];
  const int64_t runtime = stopping["MaxRuntimeInSeconds"].AsInt(kDefaultMaxRuntimeSeconds);
  const json::Value& wait = stopping["MaxWaitTimeInSeconds"];
  if (job["EnableManagedSpotTraining"].AsBool()) {
    if (wait.IsNull() || wait.AsInt() < runtime) {
      return Invalid(
          "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
          "MaxRuntimeInSeconds");
    }
  } else if (!wait.IsNull()) {
    return Invalid(
        "Invalid MaxWaitTimeInSeconds. It can be specified only when EnableManagedSpotTraining is "
        "true");
  }
  return {};
}

// What no shape can say of a request.
Answer<void> CheckSense(const json::Value& job) {
  if (auto right = CheckAlgorithm(job["AlgorithmSpecification"]); !right) return right;
  if (auto right = CheckChannels(job); !right) return right;
  if (auto right = CheckStopping(job); !right) return right;
  return CheckTagKeys(job["Tags"]);
}

// The buckets of the job's data must be there, so that nobody finds out after hours of training.
Answer<void> CheckBuckets(const SageMakerCall& call) {
  const json::Value& job = call.input;
  const auto check = [&](const std::string& member, const json::Value& url) -> Answer<void> {
    const auto parsed = objectstore::S3Url::Parse(url.AsString());
    // An https address may name its bucket in several ways: staging reads them.
    if (!parsed || call.has_bucket(parsed->bucket)) return {};
    return Invalid(
        fmt::format("The S3 bucket {} of {} ({}) does not exist: create it, or correct "
                    "the address",
                    parsed->bucket, member, url.AsString()));
  };
  if (auto there = check("OutputDataConfig.S3OutputPath", job["OutputDataConfig"]["S3OutputPath"]);
      !there)
    return there;
  if (auto there = check("CheckpointConfig.S3Uri", job["CheckpointConfig"]["S3Uri"]); !there)
    return there;
  for (const json::Value& channel : job["InputDataConfig"].Items()) {
    const std::string member = fmt::format("channel {}", channel["ChannelName"].AsString());
    if (auto there = check(member, channel["DataSource"]["S3DataSource"]["S3Uri"]); !there)
      return there;
  }
  return {};
}

// AWS takes a null member for an absent one, and so does who reads the run later.
json::Value WithoutNulls(const json::Value& value) {
  if (value.IsArray()) {
    json::Value items = json::Array();
    for (const json::Value& item : value.Items()) items.Push(WithoutNulls(item));
    return items;
  }
  if (!value.IsObject()) return value;
  json::ObjectMembers members;
  for (const json::Member& member : value.Members())
    if (!member.value.IsNull()) members.push_back({member.key, WithoutNulls(member.value)});
  return json::Value(std::move(members));
}

AwsError NameTaken(const std::string& region, const std::string& name) {
  return {"ResourceInUse",
          fmt::format("Training job names must be unique within an AWS account and region, and a "
                      "training job with this name already exists ({})",
                      TrainingJobArn(region, name))};
}

}  // namespace

Answer<void> CheckSupported(const json::Value& job) {
  if (job["ServerlessJobConfig"].IsObject()) {
    return Invalid(
        "ServerlessJobConfig is not supported by Leat: give AlgorithmSpecification and "
        "ResourceConfig");
  }
  if (job["ResourceConfig"]["InstanceGroups"].size() > 0) {
    return Invalid(
        "ResourceConfig.InstanceGroups is not supported by Leat: give InstanceType and "
        "InstanceCount");
  }
  return {};
}

Answer<json::Value> CreateTrainingJob(const SageMakerCall& call) {
  const json::Value& input = call.input;
  if (auto right = CheckSense(input); !right) return right.error();
  if (auto there = CheckBuckets(call); !there) return there.error();
  const std::string name = input["TrainingJobName"].Str();
  const std::string arn = TrainingJobArn(call.context.region, name);
  const std::string run_name = RunName(call.context.region, name);
  const json::Value run = json::Object(
      {{"apiVersion", api::gvr::kTrainingRuns.ApiVersion()},
       {"kind", "TrainingRun"},
       {"metadata", json::Object({{"name", run_name}, {"namespace", kEngineNamespace}})},
       {"spec", json::Object({{"region", call.context.region},
                              {"trainingJobName", name},
                              {"trainingJobArn", arn},
                              {"job", WithoutNulls(input)}})}});
  auto created = call.objects.Create(api::gvr::kTrainingRuns, run);
  if (created) return json::Object({{"TrainingJobArn", arn}});
  if (created.error().code != Code::kAlreadyExists) return ClusterError(created.error());
  auto holder = call.objects.Get(api::gvr::kTrainingRuns, {kEngineNamespace, run_name});
  if (!holder) return NameTaken(call.context.region, name);
  return NameTaken((*holder)["spec"]["region"].Str(), (*holder)["spec"]["trainingJobName"].Str());
}

}  // namespace leat::awsserver
