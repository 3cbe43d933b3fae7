#include "scheduler/start_order.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"

namespace leat::scheduler {
namespace {

std::string UidOf(const json::Value& pod) { return pod["metadata"]["uid"].Str(); }

// A pod that nothing has changed since its creation has that revision; one that waits is changed
// when it is told why, which happens in the order in which pods are tried.
bool CameBefore(const client::ObjectPtr& a, const client::ObjectPtr& b) {
  const auto key = [](const json::Value& pod) {
    const json::Value& metadata = pod["metadata"];
    return std::tuple(metadata["creationTimestamp"].AsString(),
                      ParseInt(metadata["resourceVersion"].AsString()).value_or(0),
                      metadata["namespace"].AsString(), metadata["name"].AsString());
  };
  return key(*a) < key(*b);
}

}  // namespace

int64_t PriorityOf(const json::Value& pod) {
  constexpr int64_t kClusterCritical = 2'000'000'000, kNodeCritical = 2'000'001'000;
  const json::Value& spec = pod["spec"];
  if (const int64_t given = spec["priority"].AsInt(0); given != 0) return given;
  const std::string_view name = spec["priorityClassName"].AsString();
  if (name == "system-node-critical") return kNodeCritical;
  return name == "system-cluster-critical" ? kClusterCritical : 0;
}

std::vector<client::ObjectPtr> StartOrder::Sort(std::vector<client::ObjectPtr> waiting) {
  std::sort(waiting.begin(), waiting.end(), CameBefore);
  std::map<std::string, uint64_t> known;
  for (const client::ObjectPtr& pod : waiting) {
    const auto seen = arrivals_.find(UidOf(*pod));
    known.emplace(UidOf(*pod), seen != arrivals_.end() ? seen->second : next_++);
  }
  arrivals_ = std::move(known);
  const auto key = [this](const json::Value& pod) {
    return std::pair(-PriorityOf(pod), arrivals_.at(UidOf(pod)));
  };
  std::stable_sort(
      waiting.begin(), waiting.end(),
      [&](const client::ObjectPtr& a, const client::ObjectPtr& b) { return key(*a) < key(*b); });
  return waiting;
}

}  // namespace leat::scheduler
