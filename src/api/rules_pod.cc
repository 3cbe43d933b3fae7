#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <string>

#include "api/rules.h"
#include "api/validation.h"

namespace leat::api {
namespace {

constexpr int64_t kMaxInt32 = 2147483647;

void CheckNamesIn(const json::Value& spec, FieldErrors& errors) {
  for (const char* key : {"hostname", "subdomain"})
    if (!spec[key].AsString().empty())
      AddAll(Child("spec", key), spec[key], CheckDns1123Label(spec[key].AsString()), errors);
  for (const char* key : {"nodeName", "serviceAccountName", "priorityClassName"})
    if (!spec[key].AsString().empty())
      AddAll(Child("spec", key), spec[key], CheckDns1123Subdomain(spec[key].AsString()), errors);
  size_t index = 0;
  for (const json::Value& gate : spec["schedulingGates"].Items())
    AddAll(Item("spec.schedulingGates", index++), gate["name"],
           CheckQualifiedName(gate["name"].AsString()), errors);
}

void CheckDns(const json::Value& spec, FieldErrors& errors) {
  const json::Value& config = spec["dnsConfig"];
  if (spec["dnsPolicy"].AsString() == "None" && config["nameservers"].empty())
    errors.push_back(Required("spec.dnsConfig.nameservers",
                              "must provide at least one DNS nameserver when `dnsPolicy` is None"));
  if (config["nameservers"].size() > 3)
    errors.push_back(InvalidValue("spec.dnsConfig.nameservers", config["nameservers"],
                                  "must not have more than 3 nameservers"));
}

// They become lines of /etc/hosts.
void CheckHostAliases(const json::Value& spec, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& alias : spec["hostAliases"].Items()) {
    const std::string at = Item("spec.hostAliases", index++);
    const std::string ip = alias["ip"].Str();
    unsigned char buffer[16];
    if (ip.find('\0') != std::string::npos || (inet_pton(AF_INET, ip.c_str(), buffer) != 1 &&
                                               inet_pton(AF_INET6, ip.c_str(), buffer) != 1))
      errors.push_back(
          InvalidValue(Child(at, "ip"), alias["ip"],
                       "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
    size_t name = 0;
    for (const json::Value& hostname : alias["hostnames"].Items())
      AddAll(Item(Child(at, "hostnames"), name++), hostname,
             CheckDns1123Subdomain(hostname.AsString()), errors);
  }
}

void CheckIds(const json::Value& context, FieldErrors& errors) {
  constexpr const char* kPath = "spec.securityContext";
  for (const char* key : {"runAsUser", "runAsGroup", "fsGroup"})
    CheckRange(Child(kPath, key), context[key], 0, kMaxInt32, errors);
  size_t index = 0;
  for (const json::Value& group : context["supplementalGroups"].Items())
    CheckRange(Item(Child(kPath, "supplementalGroups"), index++), group, 0, kMaxInt32, errors);
}

// The members of a pod's spec that may change, taken out of both to compare what is left.
void EraseChangeable(const json::Value& old_spec, json::Value& spec) {
  for (const char* list : {"containers", "initContainers"})
    if (json::Value* containers = spec.Find(list); containers && containers->IsArray())
      for (json::Value& container : containers->MutItems()) container.Erase("image");
  for (const char* key : {"activeDeadlineSeconds", "tolerations", "schedulingGates"})
    spec.Erase(key);
  if (old_spec["terminationGracePeriodSeconds"].AsInt() < 0)
    spec.Erase("terminationGracePeriodSeconds");
  if (!old_spec["schedulingGates"].empty()) {  // see CheckNarrowerPlace
    spec.Erase("nodeSelector");
    if (json::Value* affinity = spec.Find("affinity"); affinity && affinity->IsObject()) {
      affinity->Erase("nodeAffinity");
      if (affinity->empty()) spec.Erase("affinity");
    }
  }
}

std::set<std::string> Printed(const json::Value& list) {
  std::set<std::string> printed;
  for (const json::Value& item : list.Items()) printed.insert(json::Print(item));
  return printed;
}

json::Value WithoutSeconds(const json::Value& tolerations) {
  json::Value without = tolerations;
  if (without.IsArray())
    for (json::Value& toleration : without.MutItems()) toleration.Erase("tolerationSeconds");
  return without;
}

void CheckAdditionsOnly(const json::Value& spec, const json::Value& old_spec, FieldErrors& errors) {
  const std::set<std::string> now = Printed(WithoutSeconds(spec["tolerations"]));
  for (const std::string& toleration : Printed(WithoutSeconds(old_spec["tolerations"]))) {
    if (now.contains(toleration)) continue;
    errors.push_back(Forbidden("spec.tolerations",
                               "existing toleration can not be modified except its "
                               "tolerationSeconds"));
    break;
  }
  const std::set<std::string> gates = Printed(old_spec["schedulingGates"]);
  size_t index = 0;
  for (const json::Value& gate : spec["schedulingGates"].Items()) {
    if (!gates.contains(json::Print(gate)))
      errors.push_back(Forbidden(
          Item("spec.schedulingGates", index),
          "only deletion is allowed, but found new scheduling gate '" + gate["name"].Str() + "'"));
    ++index;
  }
}

// Terms are alternatives: a term more lets the pod go elsewhere, an expression more does not.
void CheckNarrowerTerms(const json::Value& now, const json::Value& before, FieldErrors& errors) {
  const std::string path =
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  if (before.empty()) return;
  if (now.size() != before.size()) {
    errors.push_back(InvalidValue(
        path, now, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"));
    return;
  }
  for (size_t i = 0; i < now.size(); ++i) {
    bool narrower = !before[i].empty() || now[i].empty();
    for (const char* list : {"matchExpressions", "matchFields"}) {
      const json::ArrayItems& old_items = before[i][list].Items();
      const json::ArrayItems& items = now[i][list].Items();
      narrower = narrower && items.size() >= old_items.size() &&
                 std::equal(old_items.begin(), old_items.end(), items.begin());
    }
    if (!narrower)
      errors.push_back(InvalidValue(Item(path, i), now[i],
                                    "only additions are allowed (no mutations or deletions)"));
  }
}

// A pod that waits at its gates may be directed to fewer nodes, not to others.
void CheckNarrowerPlace(const json::Value& spec, const json::Value& old_spec, FieldErrors& errors) {
  const json::Value& selector = spec["nodeSelector"];
  for (const json::Member& member : old_spec["nodeSelector"].Members()) {
    if (selector.Has(member.key) && selector[member.key] == member.value) continue;
    errors.push_back(InvalidValue(
        "spec.nodeSelector", selector,
        "only additions to spec.nodeSelector are allowed (no mutations or deletions)"));
    break;
  }
  constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
  const auto terms = [&](const json::Value& of) -> const json::Value& {
    return of["affinity"]["nodeAffinity"][kRequired]["nodeSelectorTerms"];
  };
  CheckNarrowerTerms(terms(spec), terms(old_spec), errors);
}

}  // namespace

void CheckPod(const json::Value& pod, const json::Value* old, FieldErrors& errors) {
  const json::Value& spec = pod["spec"];
  CheckContainers(spec, errors);
  CheckVolumes(spec, errors);
  CheckPlacement(spec, errors);
  CheckNamesIn(spec, errors);
  CheckDns(spec, errors);
  CheckHostAliases(spec, errors);
  CheckIds(spec["securityContext"], errors);
  if (!old && !spec["ephemeralContainers"].empty())
    errors.push_back(Forbidden("spec.ephemeralContainers", "cannot be set on create"));
  CheckRange("spec.activeDeadlineSeconds", spec["activeDeadlineSeconds"], 1, kMaxInt32, errors);
  if (const json::Value& grace = spec["terminationGracePeriodSeconds"]; !old) {
    constexpr const char* kPath = "spec.terminationGracePeriodSeconds";
    if (grace.AsInt() < 0)
      errors.push_back(InvalidValue(kPath, grace, "must be greater than or equal to 0"));
    if (grace.AsInt() > kMaxInt32)
      errors.push_back(InvalidValue(kPath, grace, "must be less than or equal to 2147483647"));
  }
  if (old && spec != (*old)["spec"]) CheckPodUpdate(spec, (*old)["spec"], errors);
}

void CheckPodUpdate(const json::Value& spec, const json::Value& old_spec, FieldErrors& errors) {
  for (const char* list : {"containers", "initContainers"}) {
    if (spec[list].size() == old_spec[list].size()) continue;
    errors.push_back(
        Forbidden(Child("spec", list), "pod updates may not add or remove containers"));
    return;
  }
  const json::Value& deadline = spec["activeDeadlineSeconds"];
  const json::Value& old_deadline = old_spec["activeDeadlineSeconds"];
  if (!old_deadline.IsNull() && (deadline.IsNull() || deadline.AsInt() > old_deadline.AsInt()))
    errors.push_back(InvalidValue("spec.activeDeadlineSeconds", deadline,
                                  "must be less than or equal to previous value"));
  CheckAdditionsOnly(spec, old_spec, errors);
  if (!old_spec["schedulingGates"].empty()) CheckNarrowerPlace(spec, old_spec, errors);
  json::Value now = spec;
  json::Value before = old_spec;
  EraseChangeable(old_spec, now);
  EraseChangeable(old_spec, before);
  if (now == before) return;
  errors.push_back(Forbidden(
      "spec",
      "pod updates may not change fields other than "
      "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
      "`spec.tolerations` (only additions to existing tolerations),"
      "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
      "negative)"));
}

}  // namespace leat::api
