#include "scheduler/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "api/meta.h"
#include "api/quantity.h"
#include "api/selectors.h"
#include "base/strings.h"

namespace leat::scheduler {
namespace {

// Quantities go up to the largest number, and so do their sums.
int64_t Sum(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

void Add(Resources& sum, const Resources& more) {
  for (const auto& [name, amount] : more) sum[name] = Sum(sum[name], amount);
}

void Raise(Resources& most, const Resources& other) {
  for (const auto& [name, amount] : other) most[name] = std::max(most[name], amount);
}

// The API server admitted these quantities; a wrong one counts as nothing.
Resources ReadResources(const json::Value& list) {
  Resources resources;
  for (const json::Member& member : list.Members())
    resources[member.key] = api::QuantityMilli(member.value).value_or(0);
  return resources;
}

int64_t Amount(const Resources& resources, const std::string& name) {
  const auto found = resources.find(name);
  return found == resources.end() ? 0 : found->second;
}

bool Tolerates(const json::Value& pod, const json::Value& taint) {
  for (const json::Value& toleration : pod["spec"]["tolerations"].Items()) {
    const std::string_view effect = toleration["effect"].AsString();
    if (!effect.empty() && effect != taint["effect"].AsString()) continue;
    const std::string_view key = toleration["key"].AsString();
    const bool exists = toleration["operator"].AsString() == "Exists";
    if (key.empty() ? exists
                    : key == taint["key"].AsString() &&
                          (exists || toleration["value"].AsString() == taint["value"].AsString()))
      return true;
  }
  return false;
}

bool MatchesTerm(const json::Value& term, const json::Value& node) {
  const auto labels = api::LabelSelector::FromNodeTerm(term);
  if (!labels || !labels->Matches(node["metadata"]["labels"])) return false;
  for (const json::Value& field : term["matchFields"].Items()) {
    const bool named =
        std::any_of(field["values"].Items().begin(), field["values"].Items().end(),
                    [&](const json::Value& value) { return value == node["metadata"]["name"]; });
    if (named != (field["operator"].AsString() == "In")) return false;
  }
  return !term["matchExpressions"].empty() || !term["matchFields"].empty();
}

bool MatchesNodeSelection(const json::Value& pod, const json::Value& node) {
  for (const json::Member& wanted : pod["spec"]["nodeSelector"].Members())
    if (node["metadata"]["labels"][wanted.key] != wanted.value) return false;
  const json::Value& required =
      pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
  if (!required.IsObject()) return true;
  const json::ArrayItems& terms = required["nodeSelectorTerms"].Items();
  return std::any_of(terms.begin(), terms.end(),
                     [&](const json::Value& term) { return MatchesTerm(term, node); });
}

HostPorts HostPortsOf(const json::Value& pod) {
  HostPorts ports;
  for (const json::Value& container : pod["spec"]["containers"].Items())
    for (const json::Value& port : container["ports"].Items())
      if (const int64_t number = port["hostPort"].AsInt(); number > 0)
        ports.emplace(port["protocol"].AsString("TCP"), number,
                      port["hostIP"].AsString().empty() ? "0.0.0.0" : port["hostIP"].AsString());
  return ports;
}

// As upstream: "0.0.0.0" meets every address, "::" only itself.
bool PortsAreTaken(const HostPorts& wanted, const HostPorts& taken) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const auto& port) {
    const auto& [protocol, number, address] = port;
    for (auto at = taken.lower_bound({protocol, number, ""}); at != taken.end(); ++at) {
      const auto& [other_protocol, other_number, other] = *at;
      if (other_protocol != protocol || other_number != number) break;
      if (other == address || other == "0.0.0.0" || address == "0.0.0.0") return true;
    }
    return false;
  });
}

}  // namespace

Resources RequestsOf(const json::Value& pod) {
  Resources running, sidecars, starting;
  for (const json::Value& container : pod["spec"]["initContainers"].Items()) {
    Resources requests = ReadResources(container["resources"]["requests"]);
    if (container["restartPolicy"].AsString() == "Always") {
      Add(sidecars, requests);
      Raise(starting, sidecars);
    } else {
      Add(requests, sidecars);
      Raise(starting, requests);
    }
  }
  for (const json::Value& container : pod["spec"]["containers"].Items())
    Add(running, ReadResources(container["resources"]["requests"]));
  Add(running, sidecars);
  Raise(running, starting);
  Add(running, ReadResources(pod["spec"]["overhead"]));
  return running;
}

NodeState StateOf(json::Value node) {
  NodeState state;
  state.allocatable = ReadResources(node["status"]["allocatable"]);
  state.object = std::move(node);
  return state;
}

void AddPod(NodeState& node, const json::Value& pod) {
  Add(node.requested, RequestsOf(pod));
  ++node.pods;
  node.host_ports.merge(HostPortsOf(pod));
}

std::vector<std::string> Reject(const json::Value& pod, const NodeState& node) {
  std::vector<std::string> reasons;
  const json::Value& spec = node.object["spec"];
  if (api::FindCondition(node.object["status"]["conditions"], "Ready")["status"].AsString() !=
      "True")
    return {"node(s) were not ready"};
  if (spec["unschedulable"].AsBool()) return {"node(s) were unschedulable"};
  for (const json::Value& taint : spec["taints"].Items()) {
    if (taint["effect"].AsString() == "PreferNoSchedule" || Tolerates(pod, taint)) continue;
    return {fmt::format("node(s) had untolerated taint {{{}: {}}}", taint["key"].AsString(),
                        taint["value"].AsString())};
  }
  if (!MatchesNodeSelection(pod, node.object))
    return {"node(s) didn't match Pod's node affinity/selector"};
  if (PortsAreTaken(HostPortsOf(pod), node.host_ports))
    reasons.push_back("node(s) didn't have free ports for the requested pod ports");
  if ((node.pods + 1) * 1000 > Amount(node.allocatable, "pods")) reasons.push_back("Too many pods");
  for (const auto& [name, wanted] : RequestsOf(pod))
    if (wanted > 0 && Sum(Amount(node.requested, name), wanted) > Amount(node.allocatable, name))
      reasons.push_back("Insufficient " + name);
  return reasons;
}

int Score(const json::Value& pod, const NodeState& node) {
  const Resources wanted = RequestsOf(pod);
  double free_sum = 0, free_cpu = 0, free_memory = 0;
  for (const char* name : {"cpu", "memory"}) {
    const auto all = static_cast<double>(Amount(node.allocatable, name));
    const auto used = static_cast<double>(Sum(Amount(node.requested, name), Amount(wanted, name)));
    const double free = all > 0 ? std::max(0.0, 1 - used / all) : 0;
    (std::string_view(name) == "cpu" ? free_cpu : free_memory) = free;
    free_sum += free;
  }
  const double even = 1 - std::abs(free_cpu - free_memory);
  return static_cast<int>(100 * (free_sum / 2 * 0.75 + even * 0.25));
}

Result<std::string> Choose(const json::Value& pod, const std::vector<NodeState>& nodes) {
  if (nodes.empty()) return Error{Code::kExhausted, "no nodes available to schedule pods"};
  const NodeState* best = nullptr;
  int best_score = -1;
  std::map<std::string, int> reasons;
  for (const NodeState& node : nodes) {
    const std::vector<std::string> rejections = Reject(pod, node);
    for (const std::string& reason : rejections) ++reasons[reason];
    if (!rejections.empty()) continue;
    if (const int score = Score(pod, node); score > best_score) best = &node, best_score = score;
  }
  if (best != nullptr) return best->object["metadata"]["name"].Str();
  std::vector<std::string> counted;
  for (const auto& [reason, count] : reasons)
    counted.push_back(fmt::format("{} {}", count, reason));
  std::sort(counted.begin(), counted.end());
  return Error{Code::kExhausted,
               fmt::format("0/{} nodes are available: {}.", nodes.size(), Join(counted, ", "))};
}

}  // namespace leat::scheduler
