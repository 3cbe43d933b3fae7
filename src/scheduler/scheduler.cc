// One worker takes pending pods in order of arrival. Nodes and pods come from informers, which lag
// behind our own bindings; so a pod that we bound counts as bound (is "assumed") until the informer
// shows it so. A pod that fits nowhere waits, and is tried again when a node changes or when a pod
// that held resources changes.
#include "scheduler/scheduler.h"

#include <map>
#include <set>

#include "api/meta.h"
#include "base/log.h"
#include "client/informer.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"
#include "scheduler/fit.h"

namespace leat::scheduler {
namespace {

using reconcile::EventType;
using reconcile::Outcome;

constexpr char kName[] = "default-scheduler";

bool HasEnded(const json::Value& pod) {
  const std::string_view phase = pod["status"]["phase"].AsString();
  return phase == "Succeeded" || phase == "Failed";
}

class PodScheduler : public Scheduler, public reconcile::Reconciler {
 public:
  PodScheduler(api::ObjectClient& client, Clock& clock)
      : client_(client),
        clock_(clock),
        events_(client, clock, kName),
        nodes_(client, clock, api::gvr::kNodes),
        pods_(client, clock, api::gvr::kPods) {
    nodes_.Start();
    pods_.Start();
    const auto pending_too = [this](const json::Value&) { return Pending(); };
    controller_ = std::make_unique<reconcile::Controller>(
        client, clock,
        reconcile::ControllerOptions{
            .name = "scheduler",
            .sources = {{.type = api::gvr::kPods,
                         .selection = {},
                         .keys_of = [this](const json::Value& pod) { return KeysOf(pod); }},
                        {.type = api::gvr::kNodes, .selection = {}, .keys_of = pending_too}},
            .workers = 1},
        *this);
  }

 private:
  std::vector<api::ObjectName> Pending() {
    MutexLock lock(mu_);
    return {pending_.begin(), pending_.end()};
  }

  // A bound pod's change may free resources for those that wait.
  std::vector<api::ObjectName> KeysOf(const json::Value& pod) {
    if (!pod["spec"]["nodeName"].AsString().empty()) return Pending();
    return {api::NameOf(pod)};
  }

  void SetPending(const api::ObjectName& pod, bool pending) {
    MutexLock lock(mu_);
    pending ? void(pending_.insert(pod)) : void(pending_.erase(pod));
  }

  Result<Outcome> Reconcile(const api::ObjectName& key, const std::stop_token& stop) override {
    if (!nodes_.WaitSynced(stop) || !pods_.WaitSynced(stop)) return Outcome{};
    auto pod = client_.Get(api::gvr::kPods, key);
    if (!pod && pod.error().code != Code::kNotFound) return pod.error();
    const bool ours = pod && (*pod)["spec"]["nodeName"].AsString().empty() && !HasEnded(*pod) &&
                      !api::IsBeingDeleted(*pod) &&
                      (*pod)["spec"]["schedulerName"].AsString(kName) == kName;
    SetPending(key, ours);
    if (!ours) return Outcome{};
    const Result<std::string> node = Choose(*pod, Snapshot());
    if (!node) return Wait(*pod, node.error().message);
    if (auto bound = client_.BindPod(key, *node); !bound) {
      if (bound.error().code == Code::kNotFound) return Outcome{};
      return bound.error();
    }
    pod->Mut("spec").Set("nodeName", *node);
    assumed_[key] = *pod;
    SetPending(key, false);
    events_.Record(*pod, EventType::kNormal, "Scheduled",
                   "Successfully assigned " + key.ToString() + " to " + *node);
    return Outcome{};
  }

  // Says why the pod waits, in its status and (when the reason is new) in an event.
  Result<Outcome> Wait(const json::Value& pod, const std::string& reason) {
    json::Value conditions = pod["status"]["conditions"];
    if (!api::SetCondition(conditions, "PodScheduled", "False", "Unschedulable", reason,
                           FormatTime(clock_.Now())))
      return Outcome{};
    auto patched = client_.Patch(
        api::gvr::kPods, api::NameOf(pod), api::PatchType::kMerge,
        json::Object({{"status", json::Object({{"conditions", conditions}})}}), "status");
    if (!patched && patched.error().code != Code::kNotFound) return patched.error();
    events_.Record(pod, EventType::kWarning, "FailedScheduling", reason);
    return Outcome{};
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
  client::Informer nodes_;
  client::Informer pods_;
  std::map<api::ObjectName, json::Value> assumed_;  // the one worker's
  Mutex mu_;
  std::set<api::ObjectName> pending_ GUARDED_BY(mu_);
  std::unique_ptr<reconcile::Controller> controller_;  // last: stops first
};

}  // namespace

std::unique_ptr<Scheduler> Scheduler::Start(api::ObjectClient& client, Clock& clock) {
  return std::make_unique<PodScheduler>(client, clock);
}

}  // namespace leat::scheduler
