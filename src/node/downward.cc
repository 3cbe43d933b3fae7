#include <fmt/format.h>

#include "api/quantity.h"
#include "base/strings.h"
#include "node/volumes.h"

namespace leat::node {
namespace {

// key="value" lines with the value quoted, as Kubernetes writes labels and annotations.
std::string QuotedLines(const json::Value& map) {
  std::string lines;
  for (const json::Member& member : map.Members())
    lines += member.key + "=" + json::Print(member.value) + "\n";
  if (!lines.empty()) lines.pop_back();
  return lines;
}

}  // namespace

Result<std::string> DownwardField(const json::Value& pod, std::string_view field_path) {
  const json::Value& metadata = pod["metadata"];
  for (const std::string_view map : {"labels", "annotations"}) {
    const std::string prefix = fmt::format("metadata.{}", map);
    if (field_path == prefix) return QuotedLines(metadata[map]);
    if (field_path.starts_with(prefix + "['") && field_path.ends_with("']"))
      return metadata[map]
                     [field_path.substr(prefix.size() + 2, field_path.size() - prefix.size() - 4)]
                         .Str();
  }
  for (const std::string_view plain :
       {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
        "spec.serviceAccountName", "status.podIP", "status.hostIP", "status.phase"}) {
    if (field_path != plain) continue;
    const auto parts = Cut(plain, ".");
    return pod[parts->first][parts->second].Str();
  }
  if (field_path == "status.podIPs") return pod["status"]["podIP"].Str();
  if (field_path == "status.hostIPs") return pod["status"]["hostIP"].Str();
  return Error{Code::kInvalid, fmt::format("the downward API has no field \"{}\"", field_path)};
}

Result<std::string> DownwardResource(const json::Value& pod, const std::string& container,
                                     const json::Value& resource_field_ref) {
  const std::string name(resource_field_ref["containerName"].AsString(container));
  const auto parts = Cut(resource_field_ref["resource"].AsString(), ".");
  if (!parts)
    return Error{Code::kInvalid,
                 fmt::format("\"{}\" is not a resource: use limits.cpu, requests.memory, ...",
                             resource_field_ref["resource"].AsString())};
  for (const char* list : {"containers", "initContainers"}) {
    for (const json::Value& one : pod["spec"][list].Items()) {
      if (one["name"].AsString() != name) continue;
      auto milli = api::QuantityMilli(one["resources"][parts->first][parts->second]);
      if (!milli) return milli.error();
      int64_t divisor = api::QuantityMilli(resource_field_ref["divisor"]).value_or(0);
      if (divisor <= 0) divisor = 1000;
      return std::to_string((*milli + divisor - 1) / divisor);
    }
  }
  return Error{Code::kInvalid, fmt::format("the pod has no container \"{}\"", name)};
}

}  // namespace leat::node
