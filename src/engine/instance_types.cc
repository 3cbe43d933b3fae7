#include "engine/instance_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "api/quantity.h"
#include "base/bytes.h"
#include "base/strings.h"

namespace leat::engine {
namespace {

// The general families: `xlarge` has 4 vCPUs and memory in proportion.
struct Family {
  std::string_view name;
  int gib_per_vcpu_times_4;
};
constexpr std::array kFamilies = {
    Family{"m4", 16},  Family{"m5", 16}, Family{"m5d", 16}, Family{"m6i", 16}, Family{"m6id", 16},
    Family{"m7i", 16}, Family{"c5", 8},  Family{"c5d", 8},  Family{"c5n", 8},  Family{"c6i", 8},
    Family{"c6id", 8}, Family{"c7i", 8}, Family{"r5", 32},  Family{"r5d", 32}, Family{"r6i", 32},
    Family{"r7i", 32}, Family{"t3", 16},
};

// What does not follow its family's proportion, and everything with GPUs.
struct Special {
  std::string_view name;
  int vcpus;
  double gib;
  int gpus;
};
constexpr std::array kSpecials = {
    Special{"c4.xlarge", 4, 7.5, 0},      Special{"c4.2xlarge", 8, 15, 0},
    Special{"c4.4xlarge", 16, 30, 0},     Special{"c4.8xlarge", 36, 60, 0},
    Special{"c5.9xlarge", 36, 72, 0},     Special{"c5.18xlarge", 72, 144, 0},
    Special{"c5d.9xlarge", 36, 72, 0},    Special{"c5d.18xlarge", 72, 144, 0},
    Special{"c5n.xlarge", 4, 10.5, 0},    Special{"c5n.2xlarge", 8, 21, 0},
    Special{"c5n.4xlarge", 16, 42, 0},    Special{"c5n.9xlarge", 36, 96, 0},
    Special{"c5n.18xlarge", 72, 192, 0},  Special{"t3.medium", 2, 4, 0},
    Special{"t3.large", 2, 8, 0},         Special{"p2.xlarge", 4, 61, 1},
    Special{"p2.8xlarge", 32, 488, 8},    Special{"p2.16xlarge", 64, 732, 16},
    Special{"p3.2xlarge", 8, 61, 1},      Special{"p3.8xlarge", 32, 244, 4},
    Special{"p3.16xlarge", 64, 488, 8},   Special{"p3dn.24xlarge", 96, 768, 8},
    Special{"p4d.24xlarge", 96, 1152, 8}, Special{"p4de.24xlarge", 96, 1152, 8},
    Special{"p5.48xlarge", 192, 2048, 8}, Special{"g4dn.xlarge", 4, 16, 1},
    Special{"g4dn.2xlarge", 8, 32, 1},    Special{"g4dn.4xlarge", 16, 64, 1},
    Special{"g4dn.8xlarge", 32, 128, 1},  Special{"g4dn.12xlarge", 48, 192, 4},
    Special{"g4dn.16xlarge", 64, 256, 1}, Special{"g5.xlarge", 4, 16, 1},
    Special{"g5.2xlarge", 8, 32, 1},      Special{"g5.4xlarge", 16, 64, 1},
    Special{"g5.8xlarge", 32, 128, 1},    Special{"g5.12xlarge", 48, 192, 4},
    Special{"g5.16xlarge", 64, 256, 1},   Special{"g5.24xlarge", 96, 384, 4},
    Special{"g5.48xlarge", 192, 768, 8},  Special{"g6.xlarge", 4, 16, 1},
    Special{"g6.2xlarge", 8, 32, 1},      Special{"g6.4xlarge", 16, 64, 1},
    Special{"g6.8xlarge", 32, 128, 1},    Special{"g6.12xlarge", 48, 192, 4},
    Special{"g6.16xlarge", 64, 256, 1},   Special{"g6.24xlarge", 96, 384, 4},
    Special{"g6.48xlarge", 192, 768, 8},
};

// vCPUs of a size: "large" is 2, "xlarge" 4, "12xlarge" 48; 0 when it is no size.
int VcpusOfSize(std::string_view size) {
  if (size == "large") return 2;
  if (size == "xlarge") return 4;
  if (!size.ends_with("xlarge")) return 0;
  const auto times = ParseInt(size.substr(0, size.size() - 6));
  return times && *times >= 2 && *times <= 48 ? static_cast<int>(*times) * 4 : 0;
}

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

std::string Described(int64_t milli_cpu, int64_t memory) {
  return fmt::format("{} CPUs and {}", static_cast<double>(milli_cpu) / 1000,
                     HumanBytes(static_cast<uint64_t>(std::max<int64_t>(memory, 0))));
}

}  // namespace

InstanceType FindInstanceType(std::string_view name) {
  if (name.starts_with("ml.")) name.remove_prefix(3);
  for (const Special& special : kSpecials)
    if (name == special.name)
      return {special.vcpus, static_cast<int64_t>(special.gib * (1 << 30)), special.gpus};
  const auto parts = Cut(name, ".");
  if (!parts) return {};
  const int vcpus = VcpusOfSize(parts->second);
  for (const Family& family : kFamilies)
    if (parts->first == family.name)
      return {vcpus, static_cast<int64_t>(vcpus) * family.gib_per_vcpu_times_4 / 4 << 30, 0};
  return {};
}

HostResources FitInstance(const std::string& type_name, int instance_count,
                          const std::vector<json::Value>& nodes) {
  const InstanceType type = FindInstanceType(type_name);
  const Offer node = LargestNode(nodes);
  const int count = static_cast<int>(std::max<size_t>(1, nodes.size()));
  const int hosts_per_node = (instance_count + count - 1) / count;
  const Offer share{std::max<int64_t>(1, node.milli_cpu / hosts_per_node - kUploadMilliCpu),
                    std::max<int64_t>(1 << 20, node.memory / hosts_per_node - kUploadMemory)};
  const bool known = type.vcpus > 0;
  const Offer wanted = known ? Offer{type.vcpus * int64_t{1000}, type.memory_bytes} : node;

  HostResources fit{.request_milli_cpu = std::min(wanted.milli_cpu, share.milli_cpu),
                    .limit_milli_cpu = std::min(wanted.milli_cpu, node.milli_cpu),
                    .request_memory = std::min(wanted.memory, share.memory),
                    .limit_memory = std::min(wanted.memory, node.memory),
                    .gpus = type.gpus};
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
