// The objects that a TrainingRun becomes: a pod per host, the job's key, and what the pods read.
// All names follow from the run, so that making them again after a crash finds them there.
#pragma once

#include <string>

#include "engine/engine.h"
#include "engine/instance_types.h"
#include "engine/job.h"
#include "json/value.h"

namespace leat::engine {

inline constexpr char kImage[] = "leat.dev/leat";
inline constexpr char kRunLabel[] = "leat.dev/training-run";
inline constexpr char kHostLabel[] = "leat.dev/host";
inline constexpr char kExitCodeAnnotation[] = "leat.dev/exit-code";
inline constexpr char kStopAnnotation[] = "leat.dev/stop";

inline constexpr char kStage[] = "stage";
inline constexpr char kAlgorithm[] = "algorithm";
inline constexpr char kUpload[] = "upload";

// Who mounts the channels in FastFile mode, whatever node or cluster the pod is on.
inline constexpr char kDataDriver[] = "data.leat.dev";

std::string PodName(const std::string& run, const std::string& host);
std::string RunSecretName(const std::string& run);
// Not secret, and always the same for a run.
std::string AccessKeyId(const json::Value& run);

// The job's temporary AWS key, with a new random secret.
json::Value MakeKeySecret(const json::Value& run, const Job& job);
// run.json (the run's spec) and, when there is one, ca.crt.
json::Value MakeRunSecret(const json::Value& run, const EngineOptions& options);
json::Value MakePod(const json::Value& run, const Job& job, const std::string& host,
                    const HostResources& resources, const EngineOptions& options);

}  // namespace leat::engine
