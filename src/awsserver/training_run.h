// TrainingRun objects as this endpoint makes them and the engine runs them;
// docs/semantics/training.md is their specification.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "awsserver/log_store.h"
#include "json/value.h"

namespace leat::awsserver {

// Where the engine writes the log of each host, in the job's region, and clients look for it.
inline constexpr char kTrainingLogGroup[] = "/aws/sagemaker/TrainingJobs";
inline LogGroup TrainingLogs(std::string region) { return {std::move(region), kTrainingLogGroup}; }
// Of a job whose StoppingCondition does not say.
inline constexpr int64_t kDefaultMaxRuntimeSeconds = 24 * 3600;

// The object's name for a SageMaker job: in us-east-1 the job's own name when it is a valid object
// name, else its lower-case form and a hash of region and name, at most 63 characters. Two jobs may
// share it, if hardly ever by chance: compare spec.trainingJobName and spec.region.
std::string RunName(std::string_view region, std::string_view training_job_name);

std::string TrainingJobArn(std::string_view region, std::string_view training_job_name);

// status.trainingJobStatus and status.secondaryStatus; a run without a status is InProgress and
// Starting. The views are valid while `run` lives unchanged.
std::string_view RunStatus(const json::Value& run);
std::string_view RunSecondaryStatus(const json::Value& run);
// Completed, Failed or Stopped: nothing will change any more.
bool IsFinished(std::string_view training_job_status);

}  // namespace leat::awsserver
