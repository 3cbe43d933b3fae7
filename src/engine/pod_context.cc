#include "engine/pod_context.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"
#include "objectstore/s3_environment.h"

namespace leat::engine {
namespace {

constexpr std::string_view kOptMl = "/opt/ml";

bool IsClients(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kUnauthorized:
    case Code::kForbidden:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kTooLarge:
    case Code::kExhausted:
    case Code::kUnimplemented:
      return true;
    case Code::kExpired:
    case Code::kTimeout:
    case Code::kCancelled:
    case Code::kUnavailable:
    case Code::kCorrupt:
    case Code::kInternal:
      return false;
  }
  return false;
}

}  // namespace

Result<Job> LoadJob(const PodProgramOptions& options) {
  auto text = io::ReadFile(options.run_file);
  if (!text) return text.error();
  auto spec = json::Parse(*text);
  if (!spec) return spec.error().Within(options.run_file);
  auto job = ReadJob(*spec);
  if (!job) return job.error().Within(options.run_file);
  return job;
}

objectstore::S3Options StoreFromEnvironment(std::chrono::seconds retry_for) {
  objectstore::S3Options options = objectstore::S3OptionsFromEnvironment();
  options.retry_for = retry_for;
  options.on_retry = [](const std::string& message) { LogWarning(message); };
  return options;
}

std::string FailureText(std::string_view what, const Error& error) {
  return fmt::format("{}: {}: {}", IsClients(error.code) ? "ClientError" : "InternalServerError",
                     what, error.message);
}

std::string BelowRoot(const PodProgramOptions& options, std::string_view opt_ml_path) {
  LEAT_CHECK(opt_ml_path.starts_with(kOptMl), "only paths below /opt/ml are shared");
  return options.root + std::string(opt_ml_path.substr(kOptMl.size()));
}

void WriteTerminationMessage(const PodProgramOptions& options, std::string_view text) {
  // The file is the runtime's, bound into the container: it is written in place.
  auto fd = io::Open(options.termination_log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd)
    if (auto written =
            io::WriteAll(fd->get(), text.substr(0, Utf8Floor(text, kMaxTerminationMessage)));
        written)
      return;
  LogError("cannot leave a termination message", {{"path", options.termination_log}});
}

}  // namespace leat::engine
