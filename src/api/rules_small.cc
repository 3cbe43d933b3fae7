// Secrets, config maps, nodes, events and leases.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/quantity.h"
#include "api/rules.h"
#include "api/validation.h"

namespace leat::api {
namespace {

constexpr size_t kMaxDataBytes = 1024 * 1024;

bool IsDataKey(std::string_view key) {
  return !key.empty() && key.size() <= 253 && key != "." && key != ".." &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

void CheckDataKeys(std::string_view path, const json::Value& data, FieldErrors& errors) {
  for (const json::Member& member : data.Members())
    if (!IsDataKey(member.key))
      errors.push_back(InvalidValue(
          fmt::format("{}[{}]", path, member.key), member.key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
          "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
          "'[-._a-zA-Z0-9]+')"));
}

size_t PlainBytes(const json::Value& data) {
  size_t bytes = 0;
  for (const json::Member& member : data.Members()) bytes += member.value.AsString().size();
  return bytes;
}

// Of what base64 text stands for.
size_t DecodedBytes(const json::Value& data) { return PlainBytes(data) / 4 * 3; }

void CheckImmutable(const json::Value& object, const json::Value* old,
                    std::initializer_list<const char*> members, FieldErrors& errors) {
  if (!old || !(*old)["immutable"].AsBool()) return;
  constexpr std::string_view kText = "field is immutable when `immutable` is set";
  if (!object["immutable"].AsBool()) errors.push_back(Forbidden("immutable", kText));
  for (const char* member : members)
    if (object[member] != (*old)[member]) errors.push_back(Forbidden(member, kText));
}

// The keys without which a secret of a well-known type is of no use.
std::vector<std::string_view> RequiredKeys(std::string_view type) {
  if (type == "kubernetes.io/dockerconfigjson") return {".dockerconfigjson"};
  if (type == "kubernetes.io/dockercfg") return {".dockercfg"};
  if (type == "kubernetes.io/tls") return {"tls.crt", "tls.key"};
  if (type == "kubernetes.io/ssh-auth") return {"ssh-privatekey"};
  return {};
}

void CheckSecret(const json::Value& secret, const json::Value* old, FieldErrors& errors) {
  const json::Value& data = secret["data"];
  CheckDataKeys("data", data, errors);
  if (DecodedBytes(data) > kMaxDataBytes) errors.push_back(TooLong("data", kMaxDataBytes));
  const std::string_view type = secret["type"].AsString();
  for (const std::string_view key : RequiredKeys(type))
    if (!data.Has(key)) errors.push_back(Required(fmt::format("data[{}]", key)));
  if (type == "kubernetes.io/basic-auth" && !data.Has("username") && !data.Has("password")) {
    errors.push_back(Required("data[username]"));
    errors.push_back(Required("data[password]"));
  }
  if (type == "kubernetes.io/service-account-token" &&
      secret["metadata"]["annotations"]["kubernetes.io/service-account.name"].AsString().empty())
    errors.push_back(Required("metadata.annotations[kubernetes.io/service-account.name]"));
  if (old && (*old)["type"] != secret["type"])
    errors.push_back(InvalidValue("type", secret["type"], "field is immutable"));
  CheckImmutable(secret, old, {"data"}, errors);
}

void CheckConfigMap(const json::Value& map, const json::Value* old, FieldErrors& errors) {
  CheckDataKeys("data", map["data"], errors);
  CheckDataKeys("binaryData", map["binaryData"], errors);
  for (const json::Member& member : map["data"].Members())
    if (map["binaryData"].Has(member.key))
      errors.push_back(InvalidValue(fmt::format("data[{}]", member.key), member.key,
                                    "duplicate of key present in binaryData"));
  if (PlainBytes(map["data"]) + DecodedBytes(map["binaryData"]) > kMaxDataBytes)
    errors.push_back(TooLong("data", kMaxDataBytes));
  CheckImmutable(map, old, {"data", "binaryData"}, errors);
}

void CheckNode(const json::Value& node, FieldErrors& errors) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  size_t index = 0;
  for (const json::Value& taint : node["spec"]["taints"].Items()) {
    const std::string path = Item("spec.taints", index++);
    const std::string_view key = taint["key"].AsString();
    if (!key.empty()) AddAll(Child(path, "key"), taint["key"], CheckQualifiedName(key), errors);
    AddAll(Child(path, "value"), taint["value"], CheckLabelValue(taint["value"].AsString()),
           errors);
    if (!seen.insert({key, taint["effect"].AsString()}).second)
      errors.push_back(Duplicate(path, taint));
  }
  for (const char* list : {"capacity", "allocatable"}) {
    for (const json::Member& resource : node["status"][list].Members()) {
      const std::string path = fmt::format("status.{}[{}]", list, resource.key);
      const Result<int64_t> milli = QuantityMilli(resource.value);
      if (!milli) continue;
      if (*milli < 0)
        errors.push_back(InvalidValue(path, resource.value, "must be greater than or equal to 0"));
      else if (IsExtendedResource(resource.key) && *milli % 1000 != 0)
        errors.push_back(InvalidValue(path, resource.value, "must be an integer"));
    }
  }
}

void CheckEvent(const json::Value& event, FieldErrors& errors) {
  const json::Value& about = event["involvedObject"]["namespace"];
  if (!about.AsString().empty() && about != event["metadata"]["namespace"])
    errors.push_back(
        InvalidValue("involvedObject.namespace", about, "does not match event.namespace"));
}

void CheckLease(const json::Value& lease, FieldErrors& errors) {
  const json::Value& spec = lease["spec"];
  if (spec["leaseDurationSeconds"].IsNumber() && spec["leaseDurationSeconds"].AsInt() <= 0)
    errors.push_back(InvalidValue("spec.leaseDurationSeconds", spec["leaseDurationSeconds"],
                                  "must be greater than 0"));
  if (spec["leaseTransitions"].AsInt() < 0)
    errors.push_back(InvalidValue("spec.leaseTransitions", spec["leaseTransitions"],
                                  "must be greater than or equal to 0"));
}

}  // namespace

void CheckSmallKind(const Type& type, const json::Value& object, const json::Value* old,
                    FieldErrors& errors) {
  if (type.group == "coordination.k8s.io" && type.kind == "Lease") CheckLease(object, errors);
  if (!type.group.empty()) return;
  if (type.kind == "Secret") CheckSecret(object, old, errors);
  if (type.kind == "ConfigMap") CheckConfigMap(object, old, errors);
  if (type.kind == "Node") CheckNode(object, errors);
  if (type.kind == "Event") CheckEvent(object, errors);
}

}  // namespace leat::api
