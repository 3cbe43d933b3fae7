#include <fmt/format.h>

#include "awsserver/awsserver.h"
#include "awsserver/sagemaker_operations.h"
#include "awsserver/training_run.h"
#include "base/clock.h"

namespace leat::awsserver {
namespace {

void SetTime(json::Value& out, std::string_view key, const json::Value& time) {
  if (const auto ms = TimeMs(time)) out.Set(key, EpochSeconds(*ms));
}

void SetDefault(json::Value& object, std::string_view key, json::Value value) {
  if (object[key].IsNull()) object.Set(key, std::move(value));
}

// What SageMaker fills in where the request was silent.
void AddDefaults(json::Value& job) {
  for (const char* key : {"EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
                          "EnableManagedSpotTraining"})
    SetDefault(job, key, false);
  SetDefault(job.Mut("StoppingCondition"), "MaxRuntimeInSeconds", kDefaultMaxRuntimeSeconds);
  json::Value* channels = job.Find("InputDataConfig");
  if (!channels) return;
  for (json::Value& channel : channels->MutItems()) {
    SetDefault(channel, "CompressionType", "None");
    SetDefault(channel, "RecordWrapperType", "None");
    json::Value* s3 = channel.Mut("DataSource").Find("S3DataSource");
    if (s3) SetDefault(*s3, "S3DataDistributionType", "FullyReplicated");
  }
}

json::Value Transitions(const json::Value& run) {
  json::Value transitions = json::Array();
  for (const json::Value& step : run["status"]["secondaryStatusTransitions"].Items()) {
    json::Value out = json::Object({{"Status", step["status"]}});
    SetTime(out, "StartTime", step["startTime"]);
    SetTime(out, "EndTime", step["endTime"]);
    if (step["statusMessage"].IsString()) out.Set("StatusMessage", step["statusMessage"]);
    transitions.Push(std::move(out));
  }
  if (transitions.empty()) {
    transitions.Push(json::Object({{"Status", "Starting"},
                                   {"StartTime", EpochSeconds(CreationMs(run))},
                                   {"StatusMessage", "Preparing the hosts for training"}}));
  }
  return transitions;
}

json::Value FinalMetrics(const json::Value& metrics) {
  json::Value out = json::Array();
  for (const json::Value& metric : metrics.Items()) {
    json::Value item =
        json::Object({{"MetricName", metric["metricName"]}, {"Value", metric["value"]}});
    SetTime(item, "Timestamp", metric["timestamp"]);
    out.Push(std::move(item));
  }
  return out;
}

void AddTimes(json::Value& out, const json::Value& run) {
  const json::Value& status = run["status"];
  out.Set("CreationTime", EpochSeconds(CreationMs(run)));
  out.Set("LastModifiedTime", EpochSeconds(LastModifiedMs(run)));
  SetTime(out, "TrainingStartTime", status["trainingStartTime"]);
  SetTime(out, "TrainingEndTime", status["trainingEndTime"]);
  const auto start = TimeMs(status["trainingStartTime"]);
  const auto end = TimeMs(status["trainingEndTime"]);
  if (!start || !end) return;
  const int64_t seconds = std::max<int64_t>(1, (*end - *start) / 1000);
  out.Set("TrainingTimeInSeconds", seconds).Set("BillableTimeInSeconds", seconds);
}

json::Value Describe(const json::Value& run) {
  const json::Value& spec = run["spec"];
  const json::Value& status = run["status"];
  json::Value out = spec["job"];
  out.Erase("Tags");
  AddDefaults(out);
  // SDKs read it unasked.
  if (!out["OutputDataConfig"].Has("KmsKeyId")) out.Mut("OutputDataConfig").Set("KmsKeyId", "");
  out.Set("TrainingJobName", spec["trainingJobName"]);
  out.Set("TrainingJobArn", spec["trainingJobArn"]);
  out.Set("TrainingJobStatus", ShownStatus(run));
  out.Set("SecondaryStatus", ShownSecondaryStatus(run));
  out.Set("SecondaryStatusTransitions", Transitions(run));
  AddTimes(out, run);
  if (status["failureReason"].IsString()) out.Set("FailureReason", status["failureReason"]);
  const json::Value& model = status["modelArtifacts"]["s3ModelArtifacts"];
  if (model.IsString()) out.Set("ModelArtifacts", json::Object({{"S3ModelArtifacts", model}}));
  if (status["finalMetricDataList"].size() > 0)
    out.Set("FinalMetricDataList", FinalMetrics(status["finalMetricDataList"]));
  return out;
}

bool AskedToStop(const json::Value& run) {
  return run["spec"]["stop"].AsBool() && RunStatus(run) == "InProgress";
}

}  // namespace

Answer<json::Value> FindRun(const SageMakerCall& call, const std::string& training_job_name) {
  auto run = call.objects.Get(api::gvr::kTrainingRuns,
                              {kEngineNamespace, RunName(call.context.region, training_job_name)});
  if (!run && run.error().code != Code::kNotFound) return ClusterError(run.error());
  if (run && (*run)["spec"]["trainingJobName"].AsString() == training_job_name &&
      (*run)["spec"]["region"].AsString() == call.context.region)
    return *std::move(run);
  return AwsError{"ValidationException", "Requested resource not found."};
}

AwsError ClusterError(const Error& error) {
  const bool not_ready = error.code == Code::kNotFound || error.code == Code::kForbidden ||
                         error.code == Code::kUnauthorized;
  if (!not_ready) return ToAwsError(error);
  return {"ServiceUnavailable", "Leat's training engine is not ready: " + error.message, 503};
}

std::string ShownStatus(const json::Value& run) {
  return AskedToStop(run) ? "Stopping" : std::string(RunStatus(run));
}

std::string ShownSecondaryStatus(const json::Value& run) {
  return AskedToStop(run) ? "Stopping" : std::string(RunSecondaryStatus(run));
}

std::optional<int64_t> TimeMs(const json::Value& time) {
  const auto parsed = ParseTime(time.AsString());
  if (!parsed) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(parsed->time_since_epoch()).count();
}

int64_t CreationMs(const json::Value& run) {
  const auto creation = TimeMs(run["status"]["creationTime"]);
  return creation ? *creation : TimeMs(run["metadata"]["creationTimestamp"]).value_or(0);
}

int64_t LastModifiedMs(const json::Value& run) {
  return TimeMs(run["status"]["lastModifiedTime"]).value_or(CreationMs(run));
}

json::Value EpochSeconds(int64_t ms) {
  if (ms % 1000 == 0) return ms / 1000;
  return static_cast<double>(ms) / 1000;
}

Answer<json::Value> DescribeTrainingJob(const SageMakerCall& call) {
  auto run = FindRun(call, call.input["TrainingJobName"].Str());
  if (!run) return run.error();
  return Describe(*run);
}

Answer<json::Value> StopTrainingJob(const SageMakerCall& call) {
  auto run = FindRun(call, call.input["TrainingJobName"].Str());
  if (!run) return run.error();
  const std::string status = ShownStatus(*run);
  if (IsFinished(status)) {
    return AwsError{
        "ValidationException",
        fmt::format("The request was rejected because the training job is in status {}.", status)};
  }
  if (!(*run)["spec"]["stop"].AsBool()) {
    auto stopped =
        call.objects.Patch(api::gvr::kTrainingRuns, api::NameOf(*run), api::PatchType::kMerge,
                           json::Object({{"spec", json::Object({{"stop", true}})}}), "");
    if (!stopped) return ClusterError(stopped.error());
  }
  return json::Object();
}

}  // namespace leat::awsserver
