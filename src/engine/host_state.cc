#include "engine/host_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/meta.h"
#include "engine/objects.h"

namespace leat::engine {
namespace {

const json::Value& StatusOf(const json::Value& pod, const char* list, std::string_view name) {
  for (const json::Value& entry : pod["status"][list].Items())
    if (entry["name"].AsString() == name) return entry["state"];
  static const json::Value kNone;
  return kNone;
}

std::optional<WallTime> TimeOf(const json::Value& value) {
  auto time = ParseTime(value.AsString());
  if (!time) return std::nullopt;
  return *time;
}

// When a container began to run, running or ended.
std::optional<WallTime> StartOf(const json::Value& state) {
  auto running = TimeOf(state["running"]["startedAt"]);
  return running ? running : TimeOf(state["terminated"]["startedAt"]);
}

// What seldom mends itself: an image, or a channel's mount, that cannot be had.
bool IsStuck(std::string_view reason) {
  return reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "InvalidImageName" ||
         reason == "ErrImageNeverPull" || reason == "FailedMount";
}

// Waiting in the ordinary course of things.
bool IsRoutine(std::string_view reason) {
  return reason.empty() || reason == "PodInitializing" || reason == "ContainerCreating";
}

// The failure of a helper that ended badly: its own words where it left some.
std::string HelperFailure(const HostState& host, const char* helper, const json::Value& ended) {
  const std::string message = ended["message"].Str();
  if (message.starts_with("ClientError:") || message.starts_with("InternalServerError:"))
    return message;
  return fmt::format("InternalServerError: {} on host {} ended with exit code {} ({}){}", helper,
                     host.host, ended["exitCode"].AsInt(), ended["reason"].AsString("Error"),
                     message.empty() ? "" : ": " + message);
}

class Reader {
 public:
  explicit Reader(const json::Value& pod)
      : pod_(pod),
        stage_(StatusOf(pod, "initContainerStatuses", kStage)),
        algorithm_(StatusOf(pod, "containerStatuses", kAlgorithm)),
        upload_(StatusOf(pod, "containerStatuses", kUpload)) {}

  HostState Read() {
    const json::Value& metadata = pod_["metadata"];
    host_.host = metadata["labels"][kHostLabel].Str();
    host_.pod = metadata["name"].Str();
    host_.stop = metadata["annotations"][kStopAnnotation].Str();
    host_.exit_code_told = metadata["annotations"].Has(kExitCodeAnnotation);
    for (const json::Value& container : pod_["spec"]["containers"].Items())
      if (container["name"].AsString() == kAlgorithm)
        host_.memory_limit = container["resources"]["limits"]["memory"].Str();
    host_.staging_at = StartOf(stage_);
    host_.training_at = StartOf(algorithm_);
    ReadAlgorithmEnd();
    ReadPhase();
    if (host_.phase != HostPhase::kEnded) ReadWaiting();
    return host_;
  }

 private:
  void ReadAlgorithmEnd() {
    const json::Value& ended = algorithm_["terminated"];
    if (!ended.IsObject()) return;
    host_.end = AlgorithmEnd{.exit_code = static_cast<int>(ended["exitCode"].AsInt()),
                             .out_of_memory = ended["reason"].AsString() == "OOMKilled",
                             .message = ended["reason"].AsString() == "StartError" ||
                                                ended["reason"].AsString() == "ContainerCannotRun"
                                            ? ended["message"].Str()
                                            : "",
                             .at = TimeOf(ended["finishedAt"]).value_or(WallTime())};
  }

  void ReadPhase() {
    const json::Value& staged = stage_["terminated"];
    if (staged.IsObject() && staged["exitCode"].AsInt() != 0) {
      Fail(HelperFailure(host_, "preparing the input", staged));
    } else if (upload_["terminated"].IsObject()) {
      ReadResult(upload_["terminated"]);
    } else if (const std::string_view phase = pod_["status"]["phase"].AsString();
               phase == "Failed" || phase == "Succeeded") {
      // Evicted, or its node is lost: the containers' ends may never be told.
      Fail(fmt::format("InternalServerError: the pod of host {} was ended from outside: {} {}",
                       host_.host, pod_["status"]["reason"].AsString(phase),
                       pod_["status"]["message"].AsString()));
    } else if (host_.end) {
      host_.phase = HostPhase::kUploading;
    } else if (algorithm_["running"].IsObject()) {
      host_.phase = HostPhase::kTraining;
    } else if (host_.staging_at) {
      host_.phase = HostPhase::kStaging;
    }
  }

  void ReadResult(const json::Value& ended) {
    host_.phase = HostPhase::kEnded;
    auto result = json::Parse(ended["message"].AsString());
    if (result && result->IsObject()) {
      host_.result = std::move(*result);
      if (host_.end || host_.result["error"].IsString()) return;
    }
    host_.failure = HelperFailure(host_, "uploading the results", ended);
  }

  void Fail(std::string reason) {
    host_.phase = HostPhase::kEnded;
    host_.failure = std::move(reason);
  }

  void ReadWaiting() {
    for (const json::Value& condition : pod_["status"]["conditions"].Items())
      if (condition["type"].AsString() == "PodScheduled" &&
          condition["status"].AsString() == "False")
        host_.waiting = fmt::format("{} waits for a node: {}", host_.host,
                                    condition["message"].AsString(condition["reason"].AsString()));
    for (const json::Value* state : {&stage_, &algorithm_, &upload_}) {
      const json::Value& waiting = (*state)["waiting"];
      const std::string_view reason = waiting["reason"].AsString();
      if (IsRoutine(reason)) continue;
      host_.waiting =
          fmt::format("{} waits: {}: {}", host_.host, reason, waiting["message"].AsString());
      if (!IsStuck(reason)) continue;
      host_.stuck = true;
      host_.stuck_since = TimeOf(pod_["status"]["startTime"]).value_or(WallTime());
      // A kubelet pulls the main containers' images only after staging; Leat's node looks for all
      // of them before it, and once more for each before its container starts.
      if (auto staged = TimeOf(stage_["terminated"]["finishedAt"]))
        host_.stuck_since = std::max(host_.stuck_since, *staged);
      return;
    }
  }

  const json::Value& pod_;
  const json::Value& stage_;
  const json::Value& algorithm_;
  const json::Value& upload_;
  HostState host_;
};

}  // namespace

HostState ReadHost(const json::Value& pod) { return Reader(pod).Read(); }

}  // namespace leat::engine
