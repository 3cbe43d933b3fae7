#include "node/pod_plan.h"

#include <algorithm>

namespace leat::node {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kMaxBackOff = minutes(5);
constexpr nanoseconds kForgetFailuresAfter = minutes(10);

bool IsSidecar(const json::Value& container) {
  return container["restartPolicy"].AsString() == "Always";
}

const ContainerStatus* Newest(const Runs& runs, const json::Value& container) {
  const auto found = runs.find(container["name"].Str());
  return found == runs.end() || found->second.empty() ? nullptr : &found->second.back();
}

bool Restarts(std::string_view policy, const ContainerStatus& ended) {
  return policy == "Always" || (policy == "OnFailure" && ended.exit_code != 0);
}

// How long after its end a container may run again.
nanoseconds BackOff(const ContainerStatus& ended) {
  if (ended.attempt == 0) return seconds(0);
  const bool started = ended.started_at != WallTime();  // it may have failed to
  if (started && ended.finished_at - ended.started_at > kForgetFailuresAfter) return seconds(0);
  return std::min<nanoseconds>(seconds(10) * (1LL << std::min(ended.attempt - 1, 6)), kMaxBackOff);
}

class Planner {
 public:
  Planner(const json::Value& pod, const Runs& runs, WallTime now)
      : spec_(pod["spec"]),
        policy_(spec_["restartPolicy"].AsString("Always")),
        runs_(runs),
        now_(now) {}

  PodPlan Plan() {
    const json::ArrayItems& containers = spec_["containers"].Items();
    const bool all_ended =
        std::all_of(containers.begin(), containers.end(), [&](const auto& container) {
          const ContainerStatus* run = Newest(runs_, container);
          return run != nullptr && run->state == ContainerState::kExited &&
                 !Restarts(policy_, *run);
        });
    if (all_ended) {
      const bool good = std::all_of(
          containers.begin(), containers.end(),
          [&](const auto& container) { return Newest(runs_, container)->exit_code == 0; });
      plan_.finished = good ? "Succeeded" : "Failed";
      return plan_;
    }
    if (!Initialize()) return plan_;
    for (const json::Value& container : containers) Keep(container, policy_);
    return plan_;
  }

 private:
  // True once every init container has done its part.
  bool Initialize() {
    // Once a main container ran, the init containers are done; only sidecars are kept up.
    const json::ArrayItems& mains = spec_["containers"].Items();
    const bool initialized = std::any_of(mains.begin(), mains.end(), [&](const auto& main) {
      return Newest(runs_, main) != nullptr;
    });
    const std::string_view init_policy = policy_ == "Never" ? "Never" : "OnFailure";
    for (const json::Value& container : spec_["initContainers"].Items()) {
      const ContainerStatus* run = Newest(runs_, container);
      if (IsSidecar(container)) {
        Keep(container, "Always");
        if (!initialized && (run == nullptr || run->state != ContainerState::kRunning))
          return false;
        continue;
      }
      if (initialized) continue;
      if (run != nullptr && run->state == ContainerState::kExited && run->exit_code == 0) continue;
      if (run != nullptr && run->state == ContainerState::kExited && !Restarts(init_policy, *run))
        plan_.finished = "Failed";
      else
        Keep(container, init_policy);
      return false;
    }
    return true;
  }

  // Starts the container if it has no run, or if it ended and its policy and back-off let it run
  // again.
  void Keep(const json::Value& container, std::string_view policy) {
    const ContainerStatus* run = Newest(runs_, container);
    if (run == nullptr) {
      plan_.start.push_back({&container, 0});
      return;
    }
    if (run->state != ContainerState::kExited || !Restarts(policy, *run)) return;
    const nanoseconds wait = run->finished_at + BackOff(*run) - now_;
    if (wait <= nanoseconds::zero())
      plan_.start.push_back({&container, run->attempt + 1});
    else
      plan_.look_again = std::min(plan_.look_again.value_or(wait), wait);
  }

  const json::Value& spec_;
  const std::string_view policy_;
  const Runs& runs_;
  const WallTime now_;
  PodPlan plan_;
};

}  // namespace

Runs GroupRuns(std::vector<ContainerStatus> containers) {
  Runs runs;
  for (ContainerStatus& container : containers)
    runs[container.name].push_back(std::move(container));
  for (auto& [name, all] : runs)
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.attempt < b.attempt; });
  return runs;
}

PodPlan PlanPod(const json::Value& pod, const Runs& runs, WallTime now) {
  return Planner(pod, runs, now).Plan();
}

}  // namespace leat::node
