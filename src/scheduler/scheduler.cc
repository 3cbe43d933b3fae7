// One worker goes through all pods that wait, in the order in which they are to start, whenever a
// pod or a node has changed: whoever comes first is asked first about room that has become free.
// Nodes and pods come from informers, which lag behind our own bindings; so a pod that we bound
// counts as bound (is "assumed") until the informer shows it so.
#include "scheduler/scheduler.h"

#include <map>
#include <thread>
#include <vector>

#include "api/meta.h"
#include "base/log.h"
#include "client/informer.h"
#include "client/work_queue.h"
#include "reconcile/events.h"
#include "scheduler/fit.h"
#include "scheduler/lost_pods.h"
#include "scheduler/start_order.h"

namespace leat::scheduler {
namespace {

using reconcile::EventType;

constexpr char kName[] = "default-scheduler";

bool HasEnded(const json::Value& pod) {
  const std::string_view phase = pod["status"]["phase"].AsString();
  return phase == "Succeeded" || phase == "Failed";
}

const api::ObjectName kPass{"", "pass"};  // the only key in the queue

class PodScheduler : public Scheduler {
 public:
  PodScheduler(api::ObjectClient& client, Clock& clock)
      : client_(client),
        clock_(clock),
        events_(client, clock, kName),
        queue_(clock),
        nodes_(client, clock, api::gvr::kNodes),
        pods_(client, clock, api::gvr::kPods),
        lost_pods_(client, clock, nodes_, pods_) {
    for (client::Informer* informer : {&nodes_, &pods_}) {
      informer->AddHandler(
          [this](const client::ObjectPtr&, const client::ObjectPtr&) { queue_.Add(kPass); });
      informer->Start();
    }
    worker_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  }

 private:
  void Work(const std::stop_token& stop) {
    if (!nodes_.WaitSynced(stop) || !pods_.WaitSynced(stop)) return;
    while (const auto key = queue_.Take(stop)) {
      if (const Status passed = Pass(stop)) {
        queue_.Forget(*key);
      } else {
        LogWarning("not all pods could be scheduled; trying again", {{"error", passed.error()}});
        queue_.AddBackingOff(*key);
      }
      queue_.Done(*key);
    }
  }

  // Tries every pod that waits. What goes wrong with one keeps no other one from its turn; returns
  // the last such error.
  Status Pass(const std::stop_token& stop) {
    const std::vector<client::ObjectPtr> waiting = order_.Sort(Waiting());
    if (waiting.empty()) return {};
    std::erase_if(told_, [&](const auto& told) { return !pods_.Get(told.first); });
    std::vector<NodeState> nodes = Snapshot();
    Status passed;
    for (const client::ObjectPtr& pod : waiting) {
      if (stop.stop_requested()) return {};
      if (auto tried = Try(*pod, nodes); !tried) passed = std::move(tried);
    }
    return passed;
  }

  std::vector<client::ObjectPtr> Waiting() {
    std::vector<client::ObjectPtr> waiting;
    for (client::ObjectPtr& pod : pods_.List())
      if ((*pod)["spec"]["nodeName"].AsString().empty() && !HasEnded(*pod) &&
          !api::IsBeingDeleted(*pod) && !IsAssumed(*pod) &&
          (*pod)["spec"]["schedulingGates"].empty() &&
          (*pod)["spec"]["schedulerName"].AsString(kName) == kName)
        waiting.push_back(std::move(pod));
    return waiting;
  }

  bool IsAssumed(const json::Value& pod) const {
    const auto assumed = assumed_.find(api::NameOf(pod));
    return assumed != assumed_.end() &&
           assumed->second["metadata"]["uid"] == pod["metadata"]["uid"];
  }

  // Binds the pod when it fits a node, and counts it there; else says why it waits.
  Status Try(const json::Value& pod, std::vector<NodeState>& nodes) {
    const api::ObjectName name = api::NameOf(pod);
    const Result<std::string> node = Choose(pod, nodes);
    if (!node) return Wait(pod, node.error().message);
    if (auto bound = client_.BindPod(name, *node, pod["metadata"]["uid"].Str()); !bound) {
      // It has gone, or somebody else bound it, and the informer is about to show that.
      if (bound.error().code == Code::kNotFound || bound.error().code == Code::kConflict) return {};
      return bound.error().Within("bind " + name.ToString());
    }
    json::Value assumed = pod;
    assumed.Mut("spec").Set("nodeName", *node);
    for (NodeState& state : nodes)
      if (state.object["metadata"]["name"].Str() == *node) AddPod(state, assumed);
    assumed_[name] = std::move(assumed);
    events_.Record(pod, EventType::kNormal, "Scheduled",
                   "Successfully assigned " + name.ToString() + " to " + *node);
    return {};
  }

  // Says why the pod waits, in its status and (when the reason is new) in an event.
  Status Wait(const json::Value& pod, const std::string& reason) {
    json::Value conditions = pod["status"]["conditions"];
    if (!api::SetCondition(conditions, "PodScheduled", "False", "Unschedulable", reason,
                           FormatTime(clock_.Now())))
      return {};
    // The informer may not show yet what was said in the pass before.
    const std::string told = pod["metadata"]["uid"].Str() + ": " + reason;
    if (told_[api::NameOf(pod)] == told) return {};
    auto patched = client_.Patch(
        api::gvr::kPods, api::NameOf(pod), api::PatchType::kMerge,
        json::Object({{"status", json::Object({{"conditions", conditions}})}}), "status");
    if (!patched && patched.error().code == Code::kNotFound) return {};
    if (!patched) return patched.error();
    told_[api::NameOf(pod)] = told;
    events_.Record(pod, EventType::kWarning, "FailedScheduling", reason);
    return {};
  }

  std::vector<NodeState> Snapshot() {
    std::map<std::string, NodeState> by_name;
    for (const client::ObjectPtr& node : nodes_.List())
      by_name.emplace((*node)["metadata"]["name"].Str(), StateOf(*node));
    const auto count = [&](const json::Value& pod) {
      const auto node = by_name.find(pod["spec"]["nodeName"].Str());
      if (node != by_name.end() && !HasEnded(pod)) AddPod(node->second, pod);
    };
    for (const client::ObjectPtr& pod : pods_.List()) {
      const auto assumed = assumed_.find(api::NameOf(*pod));
      const bool same = assumed != assumed_.end() &&
                        assumed->second["metadata"]["uid"] == (*pod)["metadata"]["uid"];
      if (same && (*pod)["spec"]["nodeName"].AsString().empty()) {
        count(assumed->second);
        continue;
      }
      if (assumed != assumed_.end()) assumed_.erase(assumed);
      count(*pod);
    }
    // Bound, and the informer does not show it: not yet, or not any more.
    for (auto assumed = assumed_.begin(); assumed != assumed_.end();) {
      const bool unseen = !pods_.Get(assumed->first);
      const Result<json::Value> now = unseen ? client_.Get(api::gvr::kPods, assumed->first)
                                             : Result<json::Value>(assumed->second);
      if (unseen && now) count(assumed->second);
      assumed = now ? std::next(assumed) : assumed_.erase(assumed);
    }
    std::vector<NodeState> nodes;
    nodes.reserve(by_name.size());
    for (auto& [name, node] : by_name) nodes.push_back(std::move(node));
    return nodes;
  }

  api::ObjectClient& client_;
  Clock& clock_;
  reconcile::EventRecorder events_;
  client::WorkQueue queue_;
  client::Informer nodes_;
  client::Informer pods_;
  // The worker's own.
  std::map<api::ObjectName, json::Value> assumed_;
  std::map<api::ObjectName, std::string> told_;  // why it waits, as its status says by now
  StartOrder order_;
  LostPods lost_pods_;
  std::jthread worker_;  // last: stops first
};

}  // namespace

std::unique_ptr<Scheduler> Scheduler::Start(api::ObjectClient& client, Clock& clock) {
  return std::make_unique<PodScheduler>(client, clock);
}

}  // namespace leat::scheduler
