#include <arpa/inet.h>

#include <algorithm>

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
  // A pod that waits at its gates may be directed to other nodes.
  if (!old_spec["schedulingGates"].empty()) {
    spec.Erase("nodeSelector");
    spec.Erase("affinity");
  }
}

void CheckAdditionsOnly(const json::Value& spec, const json::Value& old_spec, FieldErrors& errors) {
  const json::ArrayItems& now = spec["tolerations"].Items();
  for (const json::Value& toleration : old_spec["tolerations"].Items()) {
    if (std::find(now.begin(), now.end(), toleration) != now.end()) continue;
    errors.push_back(Forbidden("spec.tolerations",
                               "existing toleration can not be modified except its "
                               "tolerationSeconds"));
    break;
  }
  const json::ArrayItems& gates = old_spec["schedulingGates"].Items();
  size_t index = 0;
  for (const json::Value& gate : spec["schedulingGates"].Items()) {
    if (std::find(gates.begin(), gates.end(), gate) == gates.end())
      errors.push_back(Forbidden(
          Item("spec.schedulingGates", index),
          "only deletion is allowed, but found new scheduling gate '" + gate["name"].Str() + "'"));
    ++index;
  }
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
