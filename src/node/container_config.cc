#include "node/container_config.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "api/quantity.h"
#include "base/strings.h"
#include "io/file.h"
#include "node/pids_limit.h"
#include "node/sub_path.h"

namespace leat::node {
namespace {

using Env = std::vector<std::pair<std::string, std::string>>;

void SetVariable(Env& env, std::string name, std::string value) {
  const auto found =
      std::find_if(env.begin(), env.end(), [&](auto& one) { return one.first == name; });
  if (found != env.end())
    found->second = std::move(value);
  else
    env.emplace_back(std::move(name), std::move(value));
}

const std::string* Find(const Env& env, std::string_view name) {
  const auto found =
      std::find_if(env.begin(), env.end(), [&](const auto& one) { return one.first == name; });
  return found == env.end() ? nullptr : &found->second;
}

// `value` tells what comes in place of "$(name)"; "$$" is a literal dollar.
template <class Value>
std::string Expand(std::string_view text, Value value) {
  std::string expanded;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '$' && i + 1 < text.size() ? text[i + 1] : '\0';
    const size_t end = next == '(' ? text.find(')', i) : std::string_view::npos;
    if (end != std::string_view::npos) {
      expanded += value(text.substr(i + 2, end - i - 2));
      i = end;
    } else {
      expanded += text[i];
      if (next == '$') ++i;
    }
  }
  return expanded;
}

std::vector<std::string> Expanded(const json::Value& list, const Env& env) {
  std::vector<std::string> strings;
  for (const json::Value& item : list.Items())
    strings.push_back(ExpandVariables(item.AsString(), env));
  return strings;
}

class EnvResolver {
 public:
  EnvResolver(const ContainerInputs& inputs, api::ObjectClient& client)
      : inputs_(inputs), client_(client), ns_(inputs.pod["metadata"]["namespace"].Str()) {}

  Result<Env> Resolve() {
    Env env = inputs_.image.env;
    SetVariable(env, "HOSTNAME",
                inputs_.pod["spec"]["hostname"].AsString().empty()
                    ? inputs_.pod["metadata"]["name"].Str()
                    : inputs_.pod["spec"]["hostname"].Str());
    for (const json::Value& from : inputs_.container["envFrom"].Items())
      if (auto added = AddAll(from, env); !added) return added.error();
    for (const json::Value& variable : inputs_.container["env"].Items()) {
      const std::string name = variable["name"].Str();
      if (!variable["valueFrom"].IsObject()) {
        SetVariable(env, name, ExpandVariables(variable["value"].AsString(), env));
        continue;
      }
      auto value = ValueFrom(variable["valueFrom"]);
      if (!value) return value.error();
      if (*value) SetVariable(env, name, std::move(**value));
    }
    return env;
  }

 private:
  // The decoded data of a Secret or ConfigMap; null when it is absent and optional.
  Result<std::optional<json::Value>> Data(const api::Gvr& type, const json::Value& reference) {
    auto object = client_.Get(type, {ns_, reference["name"].Str()});
    if (object) return std::optional((*object)["data"]);
    if (object.error().code == Code::kNotFound && reference["optional"].AsBool())
      return std::optional<json::Value>();
    return object.error();
  }

  static Result<std::string> Plain(const api::Gvr& type, const json::Value& value) {
    if (type == api::gvr::kSecrets) return Base64Decode(value.AsString());
    return value.Str();
  }

  Status AddAll(const json::Value& from, Env& env) {
    const bool secret = from.Has("secretRef");
    const api::Gvr& type = secret ? api::gvr::kSecrets : api::gvr::kConfigMaps;
    auto data = Data(type, from[secret ? "secretRef" : "configMapRef"]);
    if (!data) return data.error();
    if (!*data) return {};
    for (const json::Member& member : (**data).Members()) {
      auto value = Plain(type, member.value);
      if (!value) return value.error().Within(member.key);
      SetVariable(env, from["prefix"].Str() + member.key, *value);
    }
    return {};
  }

  // nullopt: absent and optional.
  Result<std::optional<std::string>> ValueFrom(const json::Value& from) {
    Result<std::string> value = Error{Code::kInvalid, "valueFrom names no source"};
    if (from.Has("fieldRef")) {
      value = DownwardField(inputs_.pod, from["fieldRef"]["fieldPath"].AsString());
    } else if (from.Has("resourceFieldRef")) {
      value =
          DownwardResource(inputs_.pod, inputs_.container["name"].Str(), from["resourceFieldRef"]);
    } else {
      const bool secret = from.Has("secretKeyRef");
      const api::Gvr& type = secret ? api::gvr::kSecrets : api::gvr::kConfigMaps;
      const json::Value& reference = from[secret ? "secretKeyRef" : "configMapKeyRef"];
      auto data = Data(type, reference);
      if (!data) return data.error();
      const json::Value* found = *data ? (**data).Find(reference["key"].AsString()) : nullptr;
      if (found != nullptr) {
        value = Plain(type, *found);
      } else if (reference["optional"].AsBool() || !*data) {
        return std::optional<std::string>();
      } else {
        return Error{
            Code::kInvalid,
            fmt::format("couldn't find key {} in {} {}/{}", reference["key"].AsString(),
                        secret ? "Secret" : "ConfigMap", ns_, reference["name"].AsString())};
      }
    }
    if (!value) return value.error();
    return std::optional(*value);
  }

  const ContainerInputs& inputs_;
  api::ObjectClient& client_;
  const std::string ns_;
};

// Whether the node keeps the volume's files up to date. A container that could write among them
// could plant links there, for us to follow as root.
bool IsOurs(const json::Value& pod, const std::string& volume) {
  for (const json::Value& one : pod["spec"]["volumes"].Items())
    if (one["name"].AsString() == volume) return !one.Has("emptyDir") && !one.Has("hostPath");
  return true;
}

// What a mount's subPath or subPathExpr names beneath its volume; "" for all of it.
Result<std::string> SubPathOf(const json::Value& mount, const Env& env) {
  std::string path = mount["subPath"].Str();
  if (const std::string_view pattern = mount["subPathExpr"].AsString(); !pattern.empty()) {
    std::set<std::string> missing;
    path = Expand(pattern, [&](std::string_view name) {
      const std::string* value = Find(env, name);
      if (value != nullptr && !value->empty()) return *value;
      missing.emplace(name);
      return std::string();
    });
    if (!missing.empty()) return Error{Code::kInvalid, "missing value for " + Join(missing, ", ")};
  }
  if (path.starts_with('/'))
    return Error{Code::kInvalid,
                 fmt::format("error SubPath `{}` must not be an absolute path", path)};
  for (const std::string_view part : Split(path, '/'))
    if (part == "..")
      return Error{Code::kInvalid,
                   fmt::format("unable to provision SubPath `{}`: must not contain '..'", path)};
  return path;
}

Status AddMounts(const ContainerInputs& inputs, const PodDirs& dirs, ContainerConfig& config) {
  int sub_paths = 0;
  for (const json::Value& mount : inputs.container["volumeMounts"].Items()) {
    const auto volume = inputs.volumes.find(mount["name"].Str());
    if (volume == inputs.volumes.end())
      return Error{Code::kInvalid,
                   fmt::format("volume \"{}\" is not in the pod", mount["name"].AsString())};
    std::string path = volume->second;
    const auto sub = SubPathOf(mount, config.env);
    if (!sub) return sub.error();
    if (!sub->empty()) {
      const std::string place = dirs.SubPath(UidOf(inputs.pod), config.name, sub_paths++);
      if (auto bound = BindSubPath(path, *sub, place); !bound)
        return Error{bound.error().code,
                     "subPath of volume \"" + volume->first + "\": " + bound.error().message};
      path = place;
    }
    config.mounts.push_back(
        {.host_path = path,
         .container_path = mount["mountPath"].Str(),
         .read_only = mount["readOnly"].AsBool() || IsOurs(inputs.pod, volume->first)});
  }
  const std::string message =
      dirs.TerminationMessage(UidOf(inputs.pod), config.name, config.attempt);
  if (auto made = io::MakeDirs(message.substr(0, message.rfind('/')), 0700); !made) return made;
  if (auto made = io::WriteFile(message, "", 0666); !made) return made;
  if (chmod(message.c_str(), 0666) != 0) return io::ErrnoError(errno, "chmod " + message);
  config.mounts.push_back(
      {.host_path = message,
       .container_path = std::string(
           inputs.container["terminationMessagePath"].AsString("/dev/termination-log"))});
  return {};
}

Status AddSecurity(const ContainerInputs& inputs, ContainerConfig& config) {
  const json::Value& pod = inputs.pod["spec"]["securityContext"];
  const json::Value& own = inputs.container["securityContext"];
  const auto either = [&](const char* key) -> const json::Value& {
    return own.Has(key) ? own[key] : pod[key];
  };
  config.user = either("runAsUser").AsInt(0);
  config.group = either("runAsGroup").AsInt(0);
  if (either("runAsNonRoot").AsBool() && config.user == 0)
    return Error{Code::kInvalid,
                 "container has runAsNonRoot and image will run as root: set runAsUser"};
  for (const json::Value& group : pod["supplementalGroups"].Items())
    config.groups.push_back(group.AsInt());
  if (pod.Has("fsGroup")) config.groups.push_back(pod["fsGroup"].AsInt());
  config.privileged = own["privileged"].AsBool();
  config.read_only_root = own["readOnlyRootFilesystem"].AsBool();
  config.no_new_privileges = !own["allowPrivilegeEscalation"].AsBool(false);
  config.unconfined_seccomp = either("seccompProfile")["type"].AsString() == "Unconfined";
  const auto names = [](const json::Value& list) {
    std::vector<std::string> plain;
    for (const json::Value& name : list.Items()) {
      const std::string_view text = name.AsString();
      plain.emplace_back(text.starts_with("CAP_") ? text.substr(4) : text);
    }
    return plain;
  };
  config.add_capabilities = names(own["capabilities"]["add"]);
  config.drop_capabilities = names(own["capabilities"]["drop"]);
  if (!config.privileged &&
      std::count(config.add_capabilities.begin(), config.add_capabilities.end(), "NET_RAW") > 0)
    return Error{Code::kInvalid,
                 "capability NET_RAW cannot be added: pods share this machine's network, and with "
                 "it a container could read what others send; leave it out, or make the container "
                 "privileged if it may"};
  return {};
}

Status AddLimits(const json::Value& resources, ContainerConfig& config) {
  auto cpu = api::QuantityMilli(resources["limits"]["cpu"]);
  if (!cpu) return cpu.error();
  auto shares = api::QuantityMilli(resources["requests"]["cpu"]);
  if (!shares) return shares.error();
  auto memory = api::QuantityUnits(resources["limits"]["memory"]);
  if (!memory) return memory.error();
  config.cpu_milli = *cpu;
  config.cpu_shares_milli = *shares;
  config.memory_bytes = *memory;
  config.pids =
      PodPidsLimit({.pid_max = "/proc/sys/kernel/pid_max",
                    .threads_max = "/proc/sys/kernel/threads-max",
                    .cgroup_max = {"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"}});
  return {};
}

}  // namespace

std::string ExpandVariables(std::string_view text, const Env& env) {
  return Expand(text, [&](std::string_view name) {
    const std::string* value = Find(env, name);
    return value != nullptr ? *value : fmt::format("$({})", name);
  });
}

Result<ContainerConfig> MakeContainerConfig(const ContainerInputs& inputs, const PodDirs& dirs,
                                            api::ObjectClient& client) {
  ContainerConfig config{
      .name = inputs.container["name"].Str(), .attempt = inputs.attempt, .image = inputs.image};
  auto env = EnvResolver(inputs, client).Resolve();
  if (!env) return env.error();
  config.env = std::move(*env);

  std::vector<std::string> command = Expanded(inputs.container["command"], config.env);
  std::vector<std::string> args = Expanded(inputs.container["args"], config.env);
  // As with any container: a command hides the image's entrypoint and its default arguments.
  config.argv = command.empty() ? inputs.image.entrypoint : command;
  if (args.empty() && command.empty()) args = inputs.image.command;
  config.argv.insert(config.argv.end(), args.begin(), args.end());
  if (config.argv.empty())
    return Error{Code::kInvalid,
                 fmt::format("no command specified: the image {} has none of its own",
                             inputs.image.reference)};
  config.working_dir = inputs.container["workingDir"].Str();
  if (config.working_dir.empty()) config.working_dir = inputs.image.working_dir;

  config.log_path = dirs.Log(UidOf(inputs.pod), config.name, config.attempt);
  if (auto made = io::MakeDirs(config.log_path.substr(0, config.log_path.rfind('/')), 0700); !made)
    return made.error();
  if (auto added = AddMounts(inputs, dirs, config); !added) return added.error();
  if (auto added = AddSecurity(inputs, config); !added) return added.error();
  if (auto added = AddLimits(inputs.container["resources"], config); !added) return added.error();
  return config;
}

}  // namespace leat::node
