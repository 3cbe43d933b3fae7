// What SageMaker's instance types become on the machines that are there.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "json/value.h"

namespace leat::engine {

// What a host's algorithm container asks for and may use.
struct HostResources {
  int64_t request_milli_cpu = 0, limit_milli_cpu = 0;
  int64_t request_memory = 0, limit_memory = 0;
  int gpus = 0;                                      // of NVIDIA
  std::vector<std::pair<std::string, int>> devices;  // extended resources, as Kubernetes calls them
  // For people, "" when it does not apply: how this differs from the instance type;
  std::string adaptation;
  // and which devices no node has enough of, so that no host can ever be placed.
  std::string unmet;
};

// What `upload` asks for beside the algorithm.
inline constexpr int64_t kUploadMilliCpu = 10;
inline constexpr int64_t kUploadMemory = 32 << 20;

// A job is never unschedulable for CPU or memory: requests are at most the host's share of the
// nodes' allocatable, limits at most the largest node's. Devices are not adapted: a job that asks
// for GPUs shall not run without. While they are unmet, the limits are the type's own, so that a
// node that comes later is used as far as the type goes. `nodes` are Node objects, at least one.
HostResources FitInstance(const std::string& type_name, int instance_count,
                          const std::vector<json::Value>& nodes);

}  // namespace leat::engine
