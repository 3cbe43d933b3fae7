// Whether a pod fits a node, and which of those that fit is best: pure functions over a snapshot.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::scheduler {

// Amounts by resource name, in thousandths of the unit (api::ParseQuantityMilli).
using Resources = std::map<std::string, int64_t>;

// Of a node's own addresses: protocol, port, and the address ("0.0.0.0": all).
using HostPorts = std::set<std::tuple<std::string, int64_t, std::string>>;

struct NodeState {
  json::Value object;     // the Node
  Resources allocatable;  // with "pods"
  Resources requested;    // of the pods on it that have not ended
  int64_t pods = 0;       // how many those are
  HostPorts host_ports;   // that they listen at
};

// What a pod asks of a node: for each resource the larger of its containers (and sidecars) together
// and its greediest init container (with the sidecars started before it), plus overhead.
Resources RequestsOf(const json::Value& pod);

// The state of a node before any pod is counted.
NodeState StateOf(json::Value node);
// Counts a pod on the node.
void AddPod(NodeState& node, const json::Value& pod);

// Why the pod cannot run on the node, in the words kubectl users know ("Insufficient cpu",
// "node(s) were unschedulable"); all reasons, none when it fits.
std::vector<std::string> Reject(const json::Value& pod, const NodeState& node);

// 0 to 100: how much of the node's cpu and memory is free with the pod on it, and how evenly.
int Score(const json::Value& pod, const NodeState& node);

// The node to bind the pod to, or kExhausted with the text of FailedScheduling:
// "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable."
Result<std::string> Choose(const json::Value& pod, const std::vector<NodeState>& nodes);

}  // namespace leat::scheduler
