#include "awsserver/training_run.h"

#include <fmt/format.h>

#include "awsserver/awsserver.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

constexpr char kPlainRegion[] = "us-east-1";  // where most jobs are: their runs have their names
constexpr size_t kMaxName = 63;
constexpr size_t kHashDigits = 8;

}  // namespace

std::string RunName(std::string_view region, std::string_view training_job_name) {
  const std::string lower = Lower(training_job_name);
  const bool plain = region == kPlainRegion;
  if (plain && lower == training_job_name && lower.size() <= kMaxName) return lower;
  const std::string hashed =
      plain ? std::string(training_job_name) : fmt::format("{}/{}", region, training_job_name);
  const std::string hash =
      HexEncode(hash::Digest(hash::Algorithm::kSha256, hashed)).substr(0, kHashDigits);
  return lower.substr(0, kMaxName - kHashDigits - 1) + "-" + hash;
}

std::string TrainingJobArn(std::string_view region, std::string_view training_job_name) {
  return fmt::format("arn:aws:sagemaker:{}:{}:training-job/{}", region, kAccountId,
                     training_job_name);
}

std::string_view RunStatus(const json::Value& run) {
  const std::string_view status = run["status"]["trainingJobStatus"].AsString();
  return status.empty() ? "InProgress" : status;
}

std::string_view RunSecondaryStatus(const json::Value& run) {
  const std::string_view status = run["status"]["secondaryStatus"].AsString();
  return status.empty() ? "Starting" : status;
}

bool IsFinished(std::string_view status) {
  return status == "Completed" || status == "Failed" || status == "Stopped";
}

}  // namespace leat::awsserver
