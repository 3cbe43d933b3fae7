#include "engine/instance_types.h"

#include <gtest/gtest.h>

namespace leat::engine {
namespace {

constexpr int64_t kGi = int64_t{1} << 30;

std::vector<json::Value> Nodes(int count, const char* allocatable) {
  return std::vector<json::Value>(
      static_cast<size_t>(count),
      json::Object({{"status", json::Object({{"allocatable", *json::Parse(allocatable)}})}}));
}

TEST(InstanceTypes, KnowsFamiliesAndTheirExceptions) {
  EXPECT_EQ(FindInstanceType("ml.m4.xlarge").vcpus, 4);
  EXPECT_EQ(FindInstanceType("ml.m4.xlarge").memory_bytes, 16 * kGi);
  EXPECT_EQ(FindInstanceType("ml.m5.large").memory_bytes, 8 * kGi);
  EXPECT_EQ(FindInstanceType("ml.c5.9xlarge").vcpus, 36);
  EXPECT_EQ(FindInstanceType("ml.c5.9xlarge").memory_bytes, 72 * kGi);
  EXPECT_EQ(FindInstanceType("ml.r5.24xlarge").memory_bytes, 768 * kGi);
  EXPECT_EQ(FindInstanceType("ml.p3.2xlarge").gpus, 1);
  EXPECT_EQ(FindInstanceType("ml.m5.huge").vcpus, 0);
  EXPECT_EQ(FindInstanceType("local").vcpus, 0);
}

TEST(InstanceTypes, ATypeThatFitsIsTakenAsItIs) {
  const HostResources fit =
      FitInstance("ml.m5.xlarge", 1, Nodes(1, R"({"cpu": "8", "memory": "64Gi"})"));
  EXPECT_EQ(fit.request_milli_cpu, 4000);
  EXPECT_EQ(fit.limit_milli_cpu, 4000);
  EXPECT_EQ(fit.request_memory, 16 * kGi);
  EXPECT_EQ(fit.adaptation, "");
}

TEST(InstanceTypes, ATypeLargerThanTheNodeAsksForWhatThereIs) {
  const HostResources fit =
      FitInstance("ml.m4.xlarge", 1, Nodes(1, R"({"cpu": "2", "memory": "8Gi"})"));
  EXPECT_EQ(fit.request_milli_cpu, 2000 - kUploadMilliCpu);
  EXPECT_EQ(fit.limit_milli_cpu, 2000);
  EXPECT_EQ(fit.request_memory, 8 * kGi - kUploadMemory);
  EXPECT_EQ(fit.limit_memory, 8 * kGi);
  EXPECT_EQ(
      fit.adaptation,
      "ml.m4.xlarge has 4 CPUs and 16.0 GiB, the largest node offers 2 CPUs and 8.0 GiB: each "
      "host asks for 1.99 CPUs and 8.0 GiB and may use 2 CPUs and 8.0 GiB");
}

TEST(InstanceTypes, HostsOfARunShareANode) {
  const auto nodes = Nodes(1, R"({"cpu": "2", "memory": "8Gi"})");
  const HostResources fit = FitInstance("ml.m4.xlarge", 2, nodes);
  EXPECT_LE(2 * (fit.request_milli_cpu + kUploadMilliCpu), 2000);
  EXPECT_LE(2 * (fit.request_memory + kUploadMemory), 8 * kGi);
  // Spread over enough nodes, each host has one to itself.
  EXPECT_EQ(FitInstance("ml.m4.xlarge", 2, Nodes(2, R"({"cpu": "2", "memory": "8Gi"})"))
                .request_milli_cpu,
            2000 - kUploadMilliCpu);
}

TEST(InstanceTypes, AnUnknownTypeGetsAWholeNode) {
  const HostResources fit =
      FitInstance("ml.x99.giant", 1, Nodes(1, R"({"cpu": "2", "memory": "8Gi"})"));
  EXPECT_EQ(fit.limit_milli_cpu, 2000);
  EXPECT_TRUE(fit.adaptation.starts_with("ml.x99.giant is not an instance type that Leat knows"));
}

}  // namespace
}  // namespace leat::engine
