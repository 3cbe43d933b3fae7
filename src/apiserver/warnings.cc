#include "apiserver/warnings.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <tuple>

#include "apiserver/kind_rules.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

void WarnOfFinalizers(const json::Value& object, const json::Value* old,
                      std::vector<std::string>& warnings) {
  std::set<std::string_view> before;
  if (old != nullptr)
    for (const json::Value& finalizer : (*old)["metadata"]["finalizers"].Items())
      before.insert(finalizer.AsString());
  for (const json::Value& finalizer : object["metadata"]["finalizers"].Items()) {
    const std::string_view name = finalizer.AsString();
    if (name.find('/') != std::string_view::npos || name == kOrphanFinalizer ||
        name == kForegroundFinalizer || name == kNamespaceFinalizer || before.contains(name)) {
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

using Names = std::span<const std::string_view>;

// Members that Leat's node and scheduler obey, or that ask for nothing where images are mapped to
// programs and all pods share one network.
constexpr std::string_view kPodMembers[] = {"affinity",
                                            "automountServiceAccountToken",
                                            "containers",
                                            "dnsPolicy",
                                            "enableServiceLinks",
                                            "hostAliases",
                                            "hostIPC",
                                            "hostNetwork",
                                            "hostPID",
                                            "hostname",
                                            "imagePullSecrets",
                                            "initContainers",
                                            "nodeName",
                                            "nodeSelector",
                                            "overhead",
                                            "preemptionPolicy",
                                            "priority",
                                            "priorityClassName",
                                            "restartPolicy",
                                            "schedulerName",
                                            "schedulingGates",
                                            "securityContext",
                                            "serviceAccount",
                                            "serviceAccountName",
                                            "shareProcessNamespace",
                                            "subdomain",
                                            "terminationGracePeriodSeconds",
                                            "tolerations",
                                            "volumes"};
constexpr std::string_view kContainerMembers[] = {"args",
                                                  "command",
                                                  "env",
                                                  "envFrom",
                                                  "image",
                                                  "imagePullPolicy",
                                                  "name",
                                                  "ports",
                                                  "resources",
                                                  "securityContext",
                                                  "terminationMessagePath",
                                                  "terminationMessagePolicy",
                                                  "volumeMounts",
                                                  "workingDir"};
constexpr std::string_view kPodSecurity[] = {"fsGroup",   "runAsGroup",     "runAsNonRoot",
                                             "runAsUser", "seccompProfile", "supplementalGroups"};
constexpr std::string_view kAffinity[] = {"nodeAffinity"};
constexpr std::string_view kContainerSecurity[] = {"allowPrivilegeEscalation",
                                                   "capabilities",
                                                   "privileged",
                                                   "readOnlyRootFilesystem",
                                                   "runAsGroup",
                                                   "runAsNonRoot",
                                                   "runAsUser",
                                                   "seccompProfile"};

// What is kept and not obeyed must not be believed to work. A member that asks for what is so
// anyway (false, empty) is no reason.
void WarnOfOthers(const std::string& path, const json::Value& object, Names obeyed,
                  std::vector<std::string>& warnings) {
  for (const json::Member& member : object.Members()) {
    if (std::find(obeyed.begin(), obeyed.end(), member.key) != obeyed.end()) continue;
    const json::Value& value = member.value;
    const bool nothing = value.IsNull() || (value.IsBool() && !value.AsBool()) ||
                         (value.IsString() && value.AsString().empty()) ||
                         ((value.IsObject() || value.IsArray()) && value.empty());
    if (nothing) continue;
    Warn(warnings, path + "." + member.key +
                       ": is kept, but has no effect: this release of Leat does not obey it");
  }
}

void WarnOfUnobeyed(const json::Value& spec, std::vector<std::string>& warnings) {
  WarnOfOthers("spec", spec, kPodMembers, warnings);
  WarnOfOthers("spec.securityContext", spec["securityContext"], kPodSecurity, warnings);
  WarnOfOthers("spec.affinity", spec["affinity"], kAffinity, warnings);
  for (const char* kind : {"initContainers", "containers"}) {
    for (size_t i = 0; i < spec[kind].size(); ++i) {
      const json::Value& container = spec[kind][i];
      const std::string path = "spec." + std::string(kind) + "[" + std::to_string(i) + "]";
      WarnOfOthers(path, container, kContainerMembers, warnings);
      WarnOfOthers(path + ".securityContext", container["securityContext"], kContainerSecurity,
                   warnings);
    }
  }
}

}  // namespace

void Warn(std::vector<std::string>& warnings, std::string text) {
  constexpr size_t kMost = 20;
  if (warnings.size() < kMost &&
      std::find(warnings.begin(), warnings.end(), text) == warnings.end())
    warnings.push_back(std::move(text));
}

void DropDuplicateOwners(json::Value& object, std::vector<std::string>& warnings) {
  if (object["metadata"]["ownerReferences"].size() < 2) return;
  json::ArrayItems kept;
  std::vector<std::string> uids;
  std::set<std::string> seen;
  for (const json::Value& owner : object["metadata"]["ownerReferences"].Items()) {
    if (seen.insert(json::Print(owner)).second) {
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
  WarnOfUnobeyed(object["spec"], warnings);
}

}  // namespace leat::apiserver
