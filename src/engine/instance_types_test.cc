#include "engine/instance_types.h"

#include <gtest/gtest.h>

#include "awsserver/instance_types.h"

namespace leat::engine {
namespace {

constexpr int64_t kGi = int64_t{1} << 30;

std::vector<json::Value> Nodes(int count, const char* allocatable) {
  return std::vector<json::Value>(
      static_cast<size_t>(count),
      json::Object({{"status", json::Object({{"allocatable", *json::Parse(allocatable)}})}}));
}

// What a host gets on a node that has plenty of everything.
HostResources OnLargeNode(const std::string& type) {
  return FitInstance(type, 1, Nodes(1, R"({"cpu": "4096", "memory": "65536Gi",
      "nvidia.com/gpu": "64", "aws.amazon.com/neuron": "64"})"));
}

TEST(InstanceTypes, EveryTypeThatTheApiTakesGetsWhatItsNameStandsFor) {
  for (const awsserver::InstanceType& type : awsserver::InstanceTypes()) {
    const HostResources fit = OnLargeNode(type.name);
    EXPECT_EQ(fit.adaptation, "") << type.name;
    EXPECT_EQ(fit.unmet, "") << type.name;
    EXPECT_EQ(fit.request_milli_cpu, type.vcpus * 1000) << type.name;
    EXPECT_GE(fit.request_memory, 4 * kGi) << type.name;
    const char family = type.name[3];
    EXPECT_EQ(fit.gpus > 0, family == 'g' || family == 'p') << type.name;
    const bool trainium = std::string_view(type.name).starts_with("ml.trn");
    EXPECT_EQ(fit.devices.size(), fit.gpus > 0 || trainium ? 1u : 0u) << type.name;
  }
}

TEST(InstanceTypes, AreAsAwsSellsThem) {
  EXPECT_EQ(OnLargeNode("ml.m4.xlarge").request_milli_cpu, 4000);
  EXPECT_EQ(OnLargeNode("ml.m4.xlarge").request_memory, 16 * kGi);
  EXPECT_EQ(OnLargeNode("ml.m5.large").request_memory, 8 * kGi);
  EXPECT_EQ(OnLargeNode("ml.c5.9xlarge").request_milli_cpu, 36'000);
  EXPECT_EQ(OnLargeNode("ml.c5.9xlarge").request_memory, 72 * kGi);
  EXPECT_EQ(OnLargeNode("ml.r5.24xlarge").request_memory, 768 * kGi);
  EXPECT_EQ(OnLargeNode("ml.p3.2xlarge").gpus, 1);
  EXPECT_EQ(OnLargeNode("ml.g6e.12xlarge").gpus, 4);
  EXPECT_EQ(OnLargeNode("ml.trn1.32xlarge").devices[0],
            std::pair(std::string("aws.amazon.com/neuron"), 16));
}

TEST(InstanceTypes, DevicesThatNoNodeHasEnoughOfAreUnmet) {
  const auto nodes = Nodes(2, R"({"cpu": "64", "memory": "512Gi", "nvidia.com/gpu": "2"})");
  EXPECT_EQ(FitInstance("ml.p3.2xlarge", 1, nodes).unmet, "");
  EXPECT_EQ(FitInstance("ml.p3.8xlarge", 1, nodes).unmet,
            "ml.p3.8xlarge needs 4 GPUs (nvidia.com/gpu), and the most that a node offers is 2");
}

TEST(InstanceTypes, NodesThatLackTheDevicesDoNotLimitTheOneThatWillHaveThem) {
  const HostResources fit =
      FitInstance("ml.p3.2xlarge", 1, Nodes(1, R"({"cpu": "2", "memory": "8Gi"})"));
  EXPECT_EQ(fit.request_milli_cpu, 2000 - kUploadMilliCpu);
  EXPECT_EQ(fit.limit_milli_cpu, 8000);
  EXPECT_EQ(fit.request_memory, 8 * kGi - kUploadMemory);
  EXPECT_EQ(fit.limit_memory, 61 * kGi);
  EXPECT_TRUE(fit.adaptation.ends_with("and may use 8 CPUs and 61.0 GiB")) << fit.adaptation;
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
