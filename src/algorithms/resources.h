// What this process may use of the machine, cgroup limits (v1 and v2) included.
#pragma once

#include <cstdint>
#include <string>

namespace leat::algorithms {

// At least 1: the smaller of the CPUs we may run on and the CPU quota, rounded up. The files are
// read below `root` ("" for the real ones).
int CoresAvailable(const std::string& root = "");
// In bytes: what the kernel says is available, at most the memory limit; 0 when unknown.
uint64_t MemoryAvailable(const std::string& root = "");

}  // namespace leat::algorithms
