#include "engine/instance_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/quantity.h"
#include "awsserver/instance_types.h"
#include "base/bytes.h"

namespace leat::engine {
namespace {

constexpr char kGpu[] = "nvidia.com/gpu";
constexpr char kNeuron[] = "aws.amazon.com/neuron";

struct Offer {
  int64_t milli_cpu = 0;
  int64_t memory = 0;
};

Offer LargestNode(const std::vector<json::Value>& nodes) {
  Offer largest;
  for (const json::Value& node : nodes) {
    const json::Value& allocatable = node["status"]["allocatable"];
    const Offer offer{api::QuantityMilli(allocatable["cpu"]).value_or(0),
                      api::QuantityUnits(allocatable["memory"]).value_or(0)};
    if (std::pair(offer.milli_cpu, offer.memory) > std::pair(largest.milli_cpu, largest.memory))
      largest = offer;
  }
  return largest;
}

// The most of a device that any node offers.
int64_t MostOf(const char* resource, const std::vector<json::Value>& nodes) {
  int64_t most = 0;
  for (const json::Value& node : nodes)
    most = std::max(most, api::QuantityUnits(node["status"]["allocatable"][resource]).value_or(0));
  return most;
}

std::string Described(int64_t milli_cpu, int64_t memory) {
  return fmt::format("{} CPUs and {}", static_cast<double>(milli_cpu) / 1000,
                     HumanBytes(static_cast<uint64_t>(std::max<int64_t>(memory, 0))));
}

}  // namespace

HostResources FitInstance(const std::string& type_name, int instance_count,
                          const std::vector<json::Value>& nodes) {
  const awsserver::InstanceType* type = awsserver::FindInstanceType(type_name);
  const Offer node = LargestNode(nodes);
  const int count = static_cast<int>(std::max<size_t>(1, nodes.size()));
  const int hosts_per_node = (instance_count + count - 1) / count;
  const Offer share{std::max<int64_t>(1, node.milli_cpu / hosts_per_node - kUploadMilliCpu),
                    std::max<int64_t>(1 << 20, node.memory / hosts_per_node - kUploadMemory)};
  const bool known = type != nullptr;
  const Offer wanted =
      known ? Offer{type->vcpus * int64_t{1000}, static_cast<int64_t>(type->gib * (1 << 30))}
            : node;

  HostResources fit{.request_milli_cpu = std::min(wanted.milli_cpu, share.milli_cpu),
                    .limit_milli_cpu = std::min(wanted.milli_cpu, node.milli_cpu),
                    .request_memory = std::min(wanted.memory, share.memory),
                    .limit_memory = std::min(wanted.memory, node.memory)};
  const auto demand = [&](const char* resource, const char* what, int number) {
    if (number == 0) return;
    fit.devices.emplace_back(resource, number);
    if (const int64_t most = MostOf(resource, nodes); most < number)
      fit.unmet = fmt::format("{} needs {} {}{} ({}), and the most that a node offers is {}",
                              type_name, number, what, number == 1 ? "" : "s", resource, most);
  };
  if (known) {
    fit.gpus = type->gpus;
    demand(kGpu, "GPU", type->gpus);
    demand(kNeuron, "Neuron device", type->neurons);
  }
  if (!fit.unmet.empty()) {  // no node that is there runs it
    fit.limit_milli_cpu = wanted.milli_cpu;
    fit.limit_memory = wanted.memory;
  }
  // A node too small for the helper still gives the algorithm something.
  fit.limit_milli_cpu = std::max(fit.limit_milli_cpu, fit.request_milli_cpu);
  fit.limit_memory = std::max(fit.limit_memory, fit.request_memory);
  const std::string uses = fmt::format("each host asks for {} and may use {}",
                                       Described(fit.request_milli_cpu, fit.request_memory),
                                       Described(fit.limit_milli_cpu, fit.limit_memory));
  if (!known)
    fit.adaptation = fmt::format("{} is not an instance type that Leat knows: {}", type_name, uses);
  else if (fit.request_milli_cpu < wanted.milli_cpu || fit.request_memory < wanted.memory)
    fit.adaptation = fmt::format("{} has {}, the largest node offers {}: {}", type_name,
                                 Described(wanted.milli_cpu, wanted.memory),
                                 Described(node.milli_cpu, node.memory), uses);
  return fit;
}

}  // namespace leat::engine
