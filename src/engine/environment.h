// The environment variables of a host's containers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/instance_types.h"
#include "engine/job.h"

namespace leat::engine {

using Variables = std::vector<std::pair<std::string, std::string>>;

// What SageMaker's own toolkits read (SM_*, TRAINING_JOB_NAME, ...) and the job's Environment; and
// the image's name in LEAT_TRAINING_IMAGE, since one program of Leat stands for many images.
Variables AlgorithmVariables(const Job& job, const std::string& host,
                             const HostResources& resources);

// The files below /opt/ml/input/config, as SageMaker writes them.
json::Value HyperparametersFile(const Job& job);
json::Value InputDataConfigFile(const Job& job);
json::Value ResourceConfigFile(const Job& job, const std::string& host);

}  // namespace leat::engine
