#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/rules.h"
#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

constexpr int64_t kMaxInt32 = 2147483647;

bool IsEnvName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
  };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

constexpr std::string_view kEnvNameRule =
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or "
    "'.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or "
    "'MyEnvName1', "
    "regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";

// How many of the members are there.
template <size_t N>
size_t CountOf(const json::Value& object, const std::array<const char*, N>& keys) {
  return static_cast<size_t>(std::count_if(keys.begin(), keys.end(),
                                           [&](const char* key) { return !object[key].IsNull(); }));
}

void CheckFieldPath(const std::string& path, const json::Value& reference, FieldErrors& errors) {
  constexpr std::array kWhole = {"metadata.name",
                                 "metadata.namespace",
                                 "metadata.uid",
                                 "spec.nodeName",
                                 "spec.serviceAccountName",
                                 "status.hostIP",
                                 "status.hostIPs",
                                 "status.podIP",
                                 "status.podIPs"};
  const std::string_view field = reference["fieldPath"].AsString();
  const bool subscript =
      (field.starts_with("metadata.labels['") || field.starts_with("metadata.annotations['")) &&
      field.ends_with("']");
  if (field.empty() || subscript || std::find(kWhole.begin(), kWhole.end(), field) != kWhole.end())
    return;
  errors.push_back(NotSupported(Child(path, "fieldPath"), reference["fieldPath"],
                                {kWhole.begin(), kWhole.end()}));
}

void CheckValueFrom(const std::string& path, const json::Value& variable, FieldErrors& errors) {
  constexpr std::array kSources = {"fieldRef", "resourceFieldRef", "configMapKeyRef",
                                   "secretKeyRef"};
  const json::Value& source = variable["valueFrom"];
  if (source.IsNull()) return;
  const size_t given = CountOf(source, kSources);
  if (given == 0)
    errors.push_back(InvalidValue(path, "",
                                  "must specify one of: `fieldRef`, `resourceFieldRef`, "
                                  "`configMapKeyRef` or `secretKeyRef`"));
  else if (!variable["value"].AsString().empty())
    errors.push_back(InvalidValue(path, "", "may not be specified when `value` is not empty"));
  else if (given > 1)
    errors.push_back(
        InvalidValue(path, "", "may not have more than one field specified at a time"));
  if (source["fieldRef"].IsObject())
    CheckFieldPath(Child(path, "fieldRef"), source["fieldRef"], errors);
}

void CheckEnvironment(const std::string& path, const json::Value& container, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& variable : container["env"].Items()) {
    const std::string at = Item(Child(path, "env"), index++);
    const std::string_view name = variable["name"].AsString();
    if (!name.empty() && !IsEnvName(name))
      errors.push_back(InvalidValue(Child(at, "name"), variable["name"], kEnvNameRule));
    CheckValueFrom(Child(at, "valueFrom"), variable, errors);
  }
  index = 0;
  for (const json::Value& source : container["envFrom"].Items()) {
    const std::string at = Item(Child(path, "envFrom"), index++);
    const size_t given = CountOf(source, std::array{"configMapRef", "secretRef"});
    if (given == 0)
      errors.push_back(InvalidValue(at, "", "must specify one of: `configMapRef` or `secretRef`"));
    else if (given > 1)
      errors.push_back(
          InvalidValue(at, "", "may not have more than one field specified at a time"));
    for (const char* key : {"configMapRef", "secretRef"})
      if (source[key].IsObject() && source[key]["name"].AsString().empty())
        errors.push_back(Required(Child(at, Child(key, "name"))));
  }
}

void CheckPorts(const std::string& path, const json::Value& container, bool host_network,
                FieldErrors& errors) {
  std::set<std::string_view> names;
  size_t index = 0;
  for (const json::Value& port : container["ports"].Items()) {
    const std::string at = Item(Child(path, "ports"), index++);
    CheckRange(Child(at, "containerPort"), port["containerPort"], 1, 65535, errors);
    if (port["hostPort"].AsInt() != 0)
      CheckRange(Child(at, "hostPort"), port["hostPort"], 1, 65535, errors);
    if (host_network && port["hostPort"].AsInt() != 0 && port["hostPort"] != port["containerPort"])
      errors.push_back(InvalidValue(Child(at, "hostPort"), port["hostPort"],
                                    "must match `containerPort` when `hostNetwork` is true"));
    const std::string_view name = port["name"].AsString();
    if (name.empty()) continue;
    if (name.size() > 15)
      errors.push_back(
          InvalidValue(Child(at, "name"), port["name"], "must be no more than 15 characters"));
    else if (!CheckDns1123Label(name).empty())
      errors.push_back(
          InvalidValue(Child(at, "name"), port["name"],
                       "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"));
    if (!names.insert(name).second) errors.push_back(Duplicate(Child(at, "name"), port["name"]));
  }
}

void CheckMounts(const std::string& path, const json::Value& container,
                 const std::set<std::string_view>& volumes, FieldErrors& errors) {
  std::set<std::string_view> places;
  size_t index = 0;
  for (const json::Value& mount : container["volumeMounts"].Items()) {
    const std::string at = Item(Child(path, "volumeMounts"), index++);
    const std::string_view name = mount["name"].AsString();
    if (!name.empty() && !volumes.contains(name))
      errors.push_back(NotFoundValue(Child(at, "name"), mount["name"]));
    const json::Value& place = mount["mountPath"];
    if (!place.AsString().empty() && !places.insert(place.AsString()).second)
      errors.push_back(InvalidValue(Child(at, "mountPath"), place, "must be unique"));
    CheckLocalPath(Child(at, "subPath"), mount["subPath"], errors);
    CheckLocalPath(Child(at, "subPathExpr"), mount["subPathExpr"], errors);
    if (!mount["subPath"].AsString().empty() && !mount["subPathExpr"].AsString().empty())
      errors.push_back(InvalidValue(Child(at, "subPathExpr"), mount["subPathExpr"],
                                    "subPathExpr and subPath are mutually exclusive"));
  }
}

// Exactly one of exec, httpGet, ...; `what` is how the error calls them.
void CheckHandler(const std::string& path, const json::Value& handler, FieldErrors& errors) {
  constexpr std::array kKinds = {"exec", "httpGet", "tcpSocket", "grpc", "sleep"};
  size_t given = 0;
  for (const char* kind : kKinds) {
    const json::Value& one = handler[kind];
    if (one.IsNull()) continue;
    if (++given > 1)
      errors.push_back(Forbidden(Child(path, kind), "may not specify more than 1 handler type"));
    const std::string port_path = Child(path, Child(kind, "port"));
    CheckRange(port_path, one["port"], 1, 65535, errors);
    if (std::string_view(kind) == "exec" && one["command"].empty())
      errors.push_back(Required(Child(path, "exec.command")));
    if (std::string_view(kind) == "httpGet" && !one["path"].AsString().starts_with('/') &&
        one["path"].IsString())
      errors.push_back(
          InvalidValue(Child(path, "httpGet.path"), one["path"], "must be an absolute path"));
  }
  if (given == 0) errors.push_back(Required(path, "must specify a handler type"));
}

void CheckProbes(const std::string& path, const json::Value& container, bool may_have,
                 FieldErrors& errors) {
  for (const char* key : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    const json::Value& probe = container[key];
    if (probe.IsNull()) continue;
    const std::string at = Child(path, key);
    if (!may_have) {
      errors.push_back(
          Forbidden(at, "may not be set for init containers without restartPolicy=Always"));
      continue;
    }
    CheckHandler(at, probe, errors);
    if (std::string_view(key) != "readinessProbe" && probe["successThreshold"].AsInt(1) != 1)
      errors.push_back(
          InvalidValue(Child(at, "successThreshold"), probe["successThreshold"], "must be 1"));
    if (probe["terminationGracePeriodSeconds"].IsNumber() &&
        probe["terminationGracePeriodSeconds"].AsInt() <= 0)
      errors.push_back(InvalidValue(Child(at, "terminationGracePeriodSeconds"),
                                    probe["terminationGracePeriodSeconds"],
                                    "must be greater than 0"));
  }
  const json::Value& lifecycle = container["lifecycle"];
  if (lifecycle.IsNull()) return;
  if (!may_have) {
    errors.push_back(Forbidden(Child(path, "lifecycle"),
                               "may not be set for init containers without restartPolicy=Always"));
    return;
  }
  for (const char* key : {"postStart", "preStop"})
    if (!lifecycle[key].IsNull())
      CheckHandler(Child(path, Child("lifecycle", key)), lifecycle[key], errors);
}

void CheckSecurity(const std::string& path, const json::Value& context, FieldErrors& errors) {
  for (const char* key : {"runAsUser", "runAsGroup"})
    CheckRange(Child(path, key), context[key], 0, kMaxInt32, errors);
  if (context["privileged"].AsBool() && context["allowPrivilegeEscalation"].IsBool() &&
      !context["allowPrivilegeEscalation"].AsBool())
    errors.push_back(InvalidValue(path, context,
                                  "cannot set `allowPrivilegeEscalation` to false and `privileged` "
                                  "to true"));
}

struct ListRules {
  const char* list;
  bool init;
};

void CheckContainer(const std::string& path, const json::Value& container, const ListRules& rules,
                    bool host_network, const std::set<std::string_view>& volumes,
                    FieldErrors& errors) {
  const std::string_view name = container["name"].AsString();
  if (!name.empty())
    AddAll(Child(path, "name"), container["name"], CheckDns1123Label(name), errors);
  const std::string_view image = container["image"].AsString();
  if (image.empty())
    errors.push_back(Required(Child(path, "image")));
  else if (Trim(image).size() != image.size())
    errors.push_back(InvalidValue(Child(path, "image"), container["image"],
                                  "must not have leading or trailing whitespace"));
  const std::string_view restart = container["restartPolicy"].AsString();
  if (!restart.empty() && !rules.init)
    errors.push_back(
        Forbidden(Child(path, "restartPolicy"), "may not be set for non-init containers"));
  else if (!restart.empty() && restart != "Always")
    errors.push_back(
        NotSupported(Child(path, "restartPolicy"), container["restartPolicy"], {"Always"}));
  CheckPorts(path, container, host_network, errors);
  CheckEnvironment(path, container, errors);
  CheckMounts(path, container, volumes, errors);
  CheckProbes(path, container, !rules.init || restart == "Always", errors);
  CheckResources(Child(path, "resources"), container["resources"], errors);
  CheckSecurity(Child(path, "securityContext"), container["securityContext"], errors);
}

}  // namespace

void CheckContainers(const json::Value& spec, FieldErrors& errors) {
  std::set<std::string_view> volumes;
  for (const json::Value& volume : spec["volumes"].Items())
    volumes.insert(volume["name"].AsString());
  const bool host_network = spec["hostNetwork"].AsBool();
  std::set<std::string_view> names;
  for (const ListRules& rules : {ListRules{"containers", false}, ListRules{"initContainers", true},
                                 ListRules{"ephemeralContainers", false}}) {
    size_t index = 0;
    for (const json::Value& container : spec[rules.list].Items()) {
      const std::string path = Item(Child("spec", rules.list), index++);
      CheckContainer(path, container, rules, host_network, volumes, errors);
      const std::string_view name = container["name"].AsString();
      if (!name.empty() && !names.insert(name).second)
        errors.push_back(Duplicate(Child(path, "name"), container["name"]));
    }
  }
}

}  // namespace leat::api
