#include "apiserver/warnings.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "apiserver/kind_rules.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

void WarnOfFinalizers(const json::Value& object, const json::Value* old,
                      std::vector<std::string>& warnings) {
  const json::Value none;
  const auto& before = (old == nullptr ? none : (*old)["metadata"]["finalizers"]).Items();
  for (const json::Value& finalizer : object["metadata"]["finalizers"].Items()) {
    const std::string_view name = finalizer.AsString();
    if (name.find('/') != std::string_view::npos || name == kOrphanFinalizer ||
        name == kForegroundFinalizer || name == kNamespaceFinalizer ||
        std::find(before.begin(), before.end(), finalizer) != before.end()) {
      continue;
    }
    Warn(warnings, "metadata.finalizers: " + json::Print(finalizer) +
                       ": prefer a domain-qualified finalizer name including a path (/) to avoid "
                       "accidental conflicts with other finalizer writers");
  }
}

void WarnOfContainer(const std::string& path, const json::Value& container,
                     std::vector<std::string>& warnings) {
  std::set<std::string_view> variables;
  for (size_t i = 0; i < container["env"].size(); ++i) {
    const json::Value& name = container["env"][i]["name"];
    if (variables.insert(name.AsString()).second) continue;
    Warn(warnings, path + ".env[" + std::to_string(i) + "]: hides previous definition of " +
                       json::Print(name) + ", which may be dropped when using apply");
  }
  std::map<std::tuple<int64_t, int64_t, std::string, std::string>, size_t> ports;
  for (size_t i = 0; i < container["ports"].size(); ++i) {
    const json::Value& port = container["ports"][i];
    const auto [first, fresh] =
        ports.try_emplace({port["containerPort"].AsInt(), port["hostPort"].AsInt(),
                           port["hostIP"].Str(), port["protocol"].Str()},
                          i);
    if (fresh) continue;
    const std::string ports_path = path + ".ports[";
    Warn(warnings, ports_path + std::to_string(i) + "]: duplicate port definition with " +
                       ports_path + std::to_string(first->second) + "]");
  }
}

}  // namespace

void Warn(std::vector<std::string>& warnings, std::string text) {
  if (std::find(warnings.begin(), warnings.end(), text) == warnings.end())
    warnings.push_back(std::move(text));
}

void DropDuplicateOwners(json::Value& object, std::vector<std::string>& warnings) {
  if (object["metadata"]["ownerReferences"].size() < 2) return;
  json::ArrayItems kept;
  std::vector<std::string> uids;
  for (const json::Value& owner : object["metadata"]["ownerReferences"].Items()) {
    if (std::find(kept.begin(), kept.end(), owner) == kept.end()) {
      kept.push_back(owner);
    } else {
      uids.push_back(owner["uid"].Str());
    }
  }
  if (uids.empty()) return;
  object.Mut("metadata").Set("ownerReferences", std::move(kept));
  Warn(
      warnings,
      ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in "
      "1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate "
      "UID(s) observed: " +
          Join(uids, ", "));
}

void AddWarnings(const api::Type& type, const json::Value& object, const json::Value* old,
                 std::vector<std::string>& warnings) {
  WarnOfFinalizers(object, old, warnings);
  if (!IsPod(type) || old != nullptr) return;
  for (const char* kind : {"initContainers", "containers"}) {
    const json::Value& containers = object["spec"][kind];
    for (size_t i = 0; i < containers.size(); ++i) {
      WarnOfContainer("spec." + std::string(kind) + "[" + std::to_string(i) + "]", containers[i],
                      warnings);
    }
  }
}

}  // namespace leat::apiserver
