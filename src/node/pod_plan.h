// What to do next for a pod, and what to say of it: pure functions from its spec and its
// containers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "json/value.h"
#include "node/runtime.h"

namespace leat::node {

// The runs of a pod's containers, newest attempt last.
using Runs = std::map<std::string, std::vector<ContainerStatus>>;
Runs GroupRuns(std::vector<ContainerStatus> containers);

struct PodPlan {
  // Containers to start now, with the attempt each gets.
  struct Start {
    const json::Value* container;
    int attempt;
  };
  std::vector<Start> start;
  // All that the pod asks for has ended: what still runs (sidecars) must end too. Then the phase is
  // set to this.
  std::optional<std::string> finished;  // "Succeeded" or "Failed"
  // When to look again although nothing happened (a restart's back-off ends).
  std::optional<std::chrono::nanoseconds> look_again;
};

// Init containers in order, each to its end (sidecars: only started); then all others; restarts by
// policy, the first at once, then after 10 s, doubling to 5 min.
PodPlan PlanPod(const json::Value& pod, const Runs& runs, WallTime now);

// Why a container without a run waits: {reason, message} by container name.
struct Waiting {
  std::string reason;
  std::string message;
};
using WaitingReasons = std::map<std::string, Waiting>;

struct StatusInputs {
  const json::Value& pod;
  const Runs& runs;
  const WaitingReasons& waiting;
  const std::map<std::string, std::string>& messages;  // termination messages by container id
  std::string pod_ip, host_ip;
  std::optional<std::string> finished;  // of the plan, once nothing runs any more
};

// The pod's status as the API shows it: phase, conditions (those of others are kept), container
// statuses. An unchanged input gives an equal status.
json::Value PodStatus(const StatusInputs& inputs, WallTime now);

}  // namespace leat::node
