// `leat upload`: waits beside the algorithm, ends it when it must end, and brings its results home.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "base/bytes.h"
#include "base/characters.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "engine/algorithm_process.h"
#include "engine/checkpoint_sync.h"
#include "engine/objects.h"
#include "engine/pod_annotations.h"
#include "engine/pod_context.h"
#include "engine/tar_stream.h"
#include "io/file.h"

namespace leat::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLook{100};
constexpr seconds kCheckpointEvery{30};
constexpr std::chrono::hours kRetryFor{24};
constexpr size_t kMaxFailure = 1024;

class Uploader {
 public:
  Uploader(const PodProgramOptions& options, const Job& job, const std::stop_token& stop)
      : options_(options), job_(job), stop_(stop), store_(StoreFromEnvironment(kRetryFor)) {
    if (job.checkpoints)
      checkpoints_.emplace(store_, BelowRoot(options, job.checkpoints->local_path),
                           job.checkpoints->remote);
  }

  // The report for the engine; kCancelled when stopped while uploading.
  Result<json::Value> Run() {
    std::jthread syncing;
    if (checkpoints_) syncing = std::jthread([this](const std::stop_token& done) { Keep(done); });
    auto exit_code = AwaitEnd();
    if (!exit_code) return Stopped();
    if (syncing.joinable()) {
      syncing.request_stop();
      syncing.join();
    }
    LogInfo("the algorithm has ended", {{"exit_code", *exit_code}});
    json::Value report = json::Object();
    ReadFailure(report);
    if (auto done = UploadResults(*exit_code, report); !done) {
      if (done.error().code == Code::kCancelled) return done.error();
      const std::string error = FailureText("Uploading the results failed", done.error());
      LogError(error);
      report.Set("error", error);
    }
    return report;
  }

 private:
  Result<int> AwaitEnd() {
    AlgorithmEnding ending(clock_);
    bool told = false;
    while (clock_.SleepFor(kLook, stop_)) {
      auto annotations = ReadAnnotations(options_.pod_info);
      if (!annotations) {
        if (!told)
          LogWarning("cannot read the pod's annotations yet", {{"error", annotations.error()}});
        told = true;
        continue;
      }
      if (const auto stop = annotations->find(kStopAnnotation); stop != annotations->end())
        stopped_for_ = stop->second;
      if (const auto code = annotations->find(kExitCodeAnnotation); code != annotations->end())
        if (auto number = ParseInt(code->second)) return static_cast<int>(*number);
      if (!stopped_for_.empty()) ending.Press(stopped_for_);
    }
    return Error{Code::kCancelled, "upload was told to end"};
  }

  // The pod is being ended, and nobody will tell any more how the algorithm did.
  json::Value Stopped() const {
    const std::string error = fmt::format(
        "InternalServerError: host {} was stopped from outside before its results "
        "could be uploaded. Create the job again",
        options_.host);
    LogError(error);
    return json::Object({{"error", error}, {"stopped", true}});
  }

  void Keep(const std::stop_token& done) {
    if (auto skipped = checkpoints_->SkipDownloaded(done); !skipped)
      LogWarning("uploading all checkpoints again", {{"reason", skipped.error()}});
    while (clock_.SleepFor(kCheckpointEvery, done))
      if (auto synced = checkpoints_->Sync(done); !synced && !done.stop_requested())
        LogWarning("cannot upload checkpoints; trying again", {{"error", synced.error()}});
  }

  void ReadFailure(json::Value& report) {
    auto fd = io::OpenBeneath(options_.root, "output/failure", O_RDONLY);
    if (!fd) return;
    // More than what is wanted of it, were all of it four-byte characters.
    std::string text(4 * kMaxFailure + 1, '\0');
    const ssize_t size = ::pread(fd->get(), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    const std::string_view trimmed = Trim(text);
    if (!trimmed.empty()) report.Set("failure", FirstCharacters(trimmed, kMaxFailure));
  }

  Status UploadResults(int exit_code, json::Value& report) {
    if (checkpoints_)
      if (auto synced = checkpoints_->Sync(stop_); !synced)
        return synced.error().Within("checkpoints");
    const bool first = options_.host == "algo-1";
    // Every host may have a say in output/data, in an archive of its own.
    const std::string output = first ? "output.tar.gz" : options_.host + "/output.tar.gz";
    auto has_output = UploadDir("output/data", job_.OutputUrl(output), false);
    if (!has_output) return has_output.error();
    // The hosts of a job agree on a model; SageMaker takes it from any, Leat from the first.
    if (!first || (exit_code != 0 && stopped_for_.empty())) return {};
    const objectstore::S3Url url = job_.OutputUrl("model.tar.gz");
    auto has_model = UploadDir("model", url, stopped_for_.empty());
    if (!has_model) return has_model.error();
    if (*has_model) report.Set("model", url.ToString());
    return {};
  }

  // True if it was uploaded: an empty directory is not, unless `even_empty`.
  Result<bool> UploadDir(const std::string& dir, const objectstore::S3Url& url, bool even_empty) {
    auto entries = ListTree(options_.root + "/" + dir);
    if (!entries) return entries.error();
    if (entries->empty() && !even_empty) return false;
    TarStream tar(options_.root + "/" + dir, std::move(*entries));
    uint64_t bytes = 0;
    const MonoTime began = clock_.Monotonic();
    auto done = store_.UploadStream(
        url,
        [&](std::span<char> buffer) {
          auto size = tar.Read(buffer);
          if (size) bytes += *size;
          return size;
        },
        [](uint64_t) {}, stop_);
    if (!done) return done.error().Within(url.ToString());
    const auto took = std::chrono::duration_cast<milliseconds>(clock_.Monotonic() - began).count();
    LogInfo("uploaded", {{"to", url.ToString()}, {"size", HumanBytes(bytes)}, {"ms", took}});
    return true;
  }

  const PodProgramOptions& options_;
  const Job& job_;
  const std::stop_token& stop_;
  RealClock clock_;
  objectstore::S3Client store_;
  std::optional<CheckpointSync> checkpoints_;
  std::string stopped_for_;  // why the algorithm had to end, or ""
};

}  // namespace

int Upload(const PodProgramOptions& options, const std::stop_token& stop) {
  const auto job = LoadJob(options);
  auto report = job ? Uploader(options, *job, stop).Run() : Result<json::Value>(job.error());
  if (!report) {
    const std::string reason = FailureText("Uploading the results failed", report.error());
    LogError(reason);
    WriteTerminationMessage(options, reason);
    return 1;
  }
  // A report cut in the middle would be none.
  while (json::Print(*report).size() > kMaxTerminationMessage) {
    const std::string failure = (*report)["failure"].Str();
    if (failure.empty()) break;
    report->Set("failure", failure.substr(0, Utf8Floor(failure, failure.size() * 3 / 4)));
  }
  WriteTerminationMessage(options, json::Print(*report));
  return report->Has("error") ? 1 : 0;
}

}  // namespace leat::engine
