// SageMaker's instance types, and what they become on the machines that are there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace leat::engine {

struct InstanceType {
  int vcpus = 0;
  int64_t memory_bytes = 0;
  int gpus = 0;
};

// "ml.m4.xlarge"; a type of zeros when it is not known.
InstanceType FindInstanceType(std::string_view name);

// What a host's algorithm container asks for and may use.
struct HostResources {
  int64_t request_milli_cpu = 0, limit_milli_cpu = 0;
  int64_t request_memory = 0, limit_memory = 0;
  int gpus = 0;
  std::string
      adaptation;  // how this differs from the instance type, for people; "" when it doesn't
};

// What `upload` asks for beside the algorithm.
inline constexpr int64_t kUploadMilliCpu = 10;
inline constexpr int64_t kUploadMemory = 32 << 20;

// A job is never unschedulable for CPU or memory: requests are at most the host's share of the
// nodes' allocatable, limits at most the largest node's. `nodes` are Node objects, at least one.
HostResources FitInstance(const std::string& type_name, int instance_count,
                          const std::vector<json::Value>& nodes);

}  // namespace leat::engine
