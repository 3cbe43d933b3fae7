// What `stage` and `upload` have in common: the run, its store, and how they tell of a failure.
#pragma once

#include <chrono>
#include <string>

#include "engine/job.h"
#include "engine/pod_programs.h"
#include "objectstore/s3_client.h"

namespace leat::engine {

// The job of run.json.
Result<Job> LoadJob(const PodProgramOptions& options);

// From the environment; retries are told on stderr.
objectstore::S3Options StoreFromEnvironment(std::chrono::seconds retry_for);

// What went wrong with `what` ("Data download failed"), as a FailureReason: a ClientError when the
// job's own input is to blame, else an InternalServerError.
std::string FailureText(std::string_view what, const Error& error);

// Where /opt/ml/x is, when `root` stands for /opt/ml.
std::string BelowRoot(const PodProgramOptions& options, std::string_view opt_ml_path);

// What Kubernetes keeps of a termination message, in bytes; the rest is cut off.
inline constexpr size_t kMaxTerminationMessage = 4096;
void WriteTerminationMessage(const PodProgramOptions& options, std::string_view text);

}  // namespace leat::engine
