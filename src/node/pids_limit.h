// How many processes and threads a pod may have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leat::node {

// Files with what the machine can have: numbers, or "max" for no limit.
struct PidLimitFiles {
  std::string pid_max, threads_max;
  std::vector<std::string> cgroup_max;  // of the cgroup that Leat sees as the root
};

// A quarter of the least of them, so that a fork bomb leaves the others enough. At least 1024, and
// as with a pid_max of 32768 when none can be read.
int64_t PodPidsLimit(const PidLimitFiles& files);

}  // namespace leat::node
