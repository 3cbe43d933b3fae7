#include "scheduler/lost_pods.h"

#include <chrono>
#include <set>

#include "api/meta.h"
#include "base/log.h"

namespace leat::scheduler {
namespace {

using namespace std::chrono_literals;

constexpr auto kPeriod = 20s;
constexpr auto kQuarantine = 40s;

}  // namespace

LostPods::LostPods(api::ObjectClient& client, Clock& clock, client::Informer& nodes,
                   client::Informer& pods)
    : client_(client),
      clock_(clock),
      nodes_(nodes),
      pods_(pods),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void LostPods::Run(const std::stop_token& stop) {
  if (!nodes_.WaitSynced(stop) || !pods_.WaitSynced(stop)) return;
  while (clock_.SleepFor(kPeriod, stop)) Look();
}

void LostPods::Look() {
  std::map<std::string, std::vector<client::ObjectPtr>> bound;
  for (client::ObjectPtr& pod : pods_.List())
    if (std::string node = (*pod)["spec"]["nodeName"].Str();
        !node.empty() && !nodes_.Get({"", node}))
      bound[std::move(node)].push_back(std::move(pod));
  std::erase_if(missing_, [&](const auto& node) { return !bound.contains(node.first); });
  const MonoTime now = clock_.Monotonic();
  for (const auto& [node, pods] : bound) {
    const MonoTime since = missing_.try_emplace(node, now).first->second;
    if (now - since < kQuarantine) continue;
    // The informer may lag behind.
    const auto there = client_.Get(api::gvr::kNodes, {"", node});
    if (there || there.error().code != Code::kNotFound) continue;
    LogWarning("ending the pods of a node that is gone", {{"node", node}, {"pods", pods.size()}});
    for (const client::ObjectPtr& pod : pods)
      if (const Status ended = End(*pod); !ended)
        LogWarning("cannot end the pod of a node that is gone; trying again",
                   {{"pod", api::NameOf(*pod).ToString()}, {"error", ended.error()}});
  }
}

Status LostPods::End(const json::Value& pod) {
  const std::string_view phase = pod["status"]["phase"].AsString();
  if (phase != "Succeeded" && phase != "Failed") {
    json::Value failed = pod;
    json::Value& status = failed.Mut("status");
    json::Value conditions = status["conditions"];
    api::SetCondition(conditions, "DisruptionTarget", "True", "DeletionByPodGC",
                      "PodGC: node no longer exists", FormatTime(clock_.Now()));
    status.Set("phase", "Failed").Set("conditions", std::move(conditions));
    const auto written = client_.UpdateStatus(api::gvr::kPods, failed);
    if (!written && written.error().code == Code::kNotFound) return {};
    if (!written) return written.error();
  }
  const Status deleted =
      client_.Delete(api::gvr::kPods, api::NameOf(pod),
                     {.grace_period_seconds = 0, .uid = pod["metadata"]["uid"].Str()});
  if (!deleted && deleted.error().code == Code::kNotFound) return {};
  return deleted;
}

}  // namespace leat::scheduler
