#include "api/table_cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/meta.h"
#include "base/strings.h"

namespace leat::api {
namespace {

json::ArrayItems Pod(const json::Value& pod, WallTime now) {
  const PodSummary summary = SummarizePod(pod, now);
  std::string gates = "<none>";
  const json::Value& readiness = pod["spec"]["readinessGates"];
  if (readiness.size() > 0) {
    const auto passed = std::count_if(
        readiness.Items().begin(), readiness.Items().end(), [&](const json::Value& gate) {
          return FindCondition(pod["status"]["conditions"],
                               gate["conditionType"].AsString())["status"]
                     .AsString() == "True";
        });
    gates = fmt::format("{}/{}", passed, readiness.size());
  }
  return {pod["metadata"]["name"],
          fmt::format("{}/{}", summary.ready, summary.total),
          summary.reason,
          summary.restarts,
          AgeSince(pod["metadata"]["creationTimestamp"], now),
          OrNone(pod["status"]["podIP"].AsString()),
          OrNone(pod["spec"]["nodeName"].AsString()),
          OrNone(pod["status"]["nominatedNodeName"].AsString()),
          gates};
}

std::string NodeStatus(const json::Value& node) {
  const json::Value& ready = FindCondition(node["status"]["conditions"], "Ready");
  std::string status = ready.IsNull()                         ? "Unknown"
                       : ready["status"].AsString() == "True" ? "Ready"
                                                              : "NotReady";
  if (node["spec"]["unschedulable"].AsBool()) status += ",SchedulingDisabled";
  return status;
}

std::string NodeRoles(const json::Value& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const json::Member& label : node["metadata"]["labels"].Members()) {
    if (label.key.starts_with(kPrefix) && label.key.size() > kPrefix.size())
      roles.insert(label.key.substr(kPrefix.size()));
    if (label.key == "kubernetes.io/role" && !label.value.AsString().empty())
      roles.insert(label.value.Str());
  }
  return OrNone(Join(roles, ","));
}

std::string NodeAddress(const json::Value& node, std::string_view type) {
  for (const json::Value& address : node["status"]["addresses"].Items())
    if (address["type"].AsString() == type) return address["address"].Str();
  return "<none>";
}

json::ArrayItems Node(const json::Value& node, WallTime now) {
  const json::Value& info = node["status"]["nodeInfo"];
  const auto known = [&](const char* key) {
    const std::string_view text = info[key].AsString();
    return std::string(text.empty() ? "<unknown>" : text);
  };
  return {node["metadata"]["name"],
          NodeStatus(node),
          NodeRoles(node),
          AgeSince(node["metadata"]["creationTimestamp"], now),
          info["kubeletVersion"].AsString(),
          NodeAddress(node, "InternalIP"),
          NodeAddress(node, "ExternalIP"),
          known("osImage"),
          known("kernelVersion"),
          known("containerRuntimeVersion")};
}

json::ArrayItems Event(const json::Value& event, WallTime now) {
  const json::Value& series = event["series"];
  const json::Value& first =
      event["firstTimestamp"].IsString() ? event["firstTimestamp"] : event["eventTime"];
  const json::Value& last = series.IsObject()                   ? series["lastObservedTime"]
                            : event["lastTimestamp"].IsString() ? event["lastTimestamp"]
                                                                : first;
  const int64_t count =
      series.IsObject() ? series["count"].AsInt() : std::max<int64_t>(event["count"].AsInt(), 1);
  const json::Value& about = event["involvedObject"];
  std::string object = Lower(about["kind"].AsString());
  if (!about["name"].AsString().empty()) object += "/" + about["name"].Str();
  std::string source = event["source"]["component"].Str();
  std::string_view host = event["source"]["host"].AsString();
  if (source.empty()) {
    source = event["reportingComponent"].Str();
    host = event["reportingInstance"].AsString();
  }
  if (!host.empty()) source += ", " + std::string(host);
  return {AgeSince(last, now),
          event["type"].AsString(),
          event["reason"].AsString(),
          object,
          about["fieldPath"].AsString(),
          source,
          Trim(event["message"].AsString()),
          AgeSince(first, now),
          count,
          event["metadata"]["name"]};
}

}  // namespace

std::string AgeOf(WallTime then, WallTime now) {
  // The difference of any two times would not fit into nanoseconds.
  constexpr std::chrono::hours kCentury{24 * 36525};
  return HumanDuration(now - std::max(then, now - kCentury));
}

std::string AgeSince(const json::Value& time, WallTime now) {
  if (time.AsString().empty()) return "<unknown>";
  const Result<WallTime> parsed = ParseTime(time.AsString());
  return parsed ? AgeOf(*parsed, now) : "<invalid>";
}

std::string OrNone(std::string_view text) { return std::string(text.empty() ? "<none>" : text); }

json::ArrayItems BuiltinCells(std::string_view group, std::string_view kind,
                              const json::Value& object, WallTime now) {
  const json::Value& name = object["metadata"]["name"];
  const auto age = [&] { return AgeSince(object["metadata"]["creationTimestamp"], now); };
  if (group == "coordination.k8s.io" && kind == "Lease")
    return {name, object["spec"]["holderIdentity"].AsString(), age()};
  if (group == "apiextensions.k8s.io" && kind == "CustomResourceDefinition")
    return {name, object["metadata"]["creationTimestamp"]};
  if (!group.empty()) return {};
  if (kind == "Pod") return Pod(object, now);
  if (kind == "Node") return Node(object, now);
  if (kind == "Event") return Event(object, now);
  if (kind == "Namespace") return {name, object["status"]["phase"].AsString(), age()};
  if (kind == "Secret") return {name, object["type"].AsString(), object["data"].size(), age()};
  if (kind == "ConfigMap")
    return {name, object["data"].size() + object["binaryData"].size(), age()};
  if (kind == "ServiceAccount") return {name, object["secrets"].size(), age()};
  return {};
}

}  // namespace leat::api
