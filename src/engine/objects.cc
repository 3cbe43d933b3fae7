#include "engine/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "api/meta.h"
#include "api/quantity.h"
#include "awsserver/awsserver.h"
#include "base/ids.h"
#include "base/strings.h"
#include "engine/environment.h"
#include "hash/hash.h"

namespace leat::engine {
namespace {

using json::Array;
using json::Object;

constexpr char kChannels[] = "/opt/ml/input/data/";
constexpr char kCaPath[] = "/leat/ca/ca.crt";

json::Value Metadata(const json::Value& run, const std::string& name) {
  return Object({{"name", name},
                 {"namespace", run["metadata"]["namespace"]},
                 {"labels", Object({{kRunLabel, run["metadata"]["name"]}})},
                 {"ownerReferences", Array({api::ControllerReference(run)})}});
}

json::Value MakeSecret(const json::Value& run, const std::string& name, const char* type,
                       const std::map<std::string, std::string>& contents) {
  json::Value data = Object();
  for (const auto& [key, value] : contents) data.Set(key, Base64Encode(value));
  return Object({{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"type", type},
                 {"metadata", Metadata(run, name)},
                 {"data", data}});
}

// As a policy entry, which covers every key that starts with it.
std::string Entry(const objectstore::S3Url& url) { return url.bucket + "/" + url.key; }

json::Value Policy(const Job& job) {
  json::Value read = Array(), write = Array({Entry(job.OutputPrefix())});
  for (const Channel& channel : job.channels)
    // A manifest names objects anywhere in a bucket; which ones, only the manifest knows.
    read.Push(channel.type == DataType::kManifestFile ? channel.source.bucket + "/"
                                                      : Entry(channel.source));
  if (job.checkpoints) write.Push(Entry(job.checkpoints->remote));
  return Object({{"read", read}, {"write", write}});
}

// Variables are expanded where they are used: a literal '$' is written twice.
std::string Literal(std::string_view text) {
  std::string literal;
  for (char c : text) literal += c == '$' ? "$$" : std::string(1, c);
  return literal;
}

class PodMaker {
 public:
  PodMaker(const json::Value& run, const Job& job, const std::string& host,
           const HostResources& resources, const EngineOptions& options)
      : run_(run), job_(job), host_(host), resources_(resources), options_(options) {}

  json::Value Make() {
    const std::string run_name = run_["metadata"]["name"].Str();
    json::Value metadata = Metadata(run_, PodName(run_name, host_));
    metadata.Mut("labels").Set(kHostLabel, host_);
    json::Value spec = Object({{"restartPolicy", "Never"},
                               {"hostname", host_},
                               {"subdomain", run_name},
                               {"shareProcessNamespace", true},
                               {"automountServiceAccountToken", false},
                               {"enableServiceLinks", false},
                               {"volumes", Volumes()},
                               {"initContainers", Array({Helper(kStage)})},
                               {"containers", Array({Algorithm(), Helper(kUpload)})}});
    return Object({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", spec}});
  }

 private:
  json::Value Volumes() const {
    const std::string secret = RunSecretName(run_["metadata"]["name"].Str());
    const auto file_of_secret = [&](const char* volume, const char* key) {
      return Object(
          {{"name", volume},
           {"secret", Object({{"secretName", secret},
                              {"items", Array({Object({{"key", key}, {"path", key}})})}})}});
    };
    json::Value volumes = Array(
        {Object({{"name", "opt-ml"},
                 {"emptyDir", Object({{"sizeLimit", fmt::format("{}Gi", job_.volume_gb)}})}}),
         file_of_secret("run", "run.json"),
         Object({{"name", "podinfo"},
                 {"downwardAPI",
                  Object({{"items", Array({Object({{"path", "annotations"},
                                                   {"fieldRef",
                                                    Object({{"fieldPath",
                                                             "metadata.annotations"}})}})})}})}})});
    if (!options_.aws_ca_pem.empty()) volumes.Push(file_of_secret("ca", "ca.crt"));
    for (size_t i = 0; i < job_.channels.size(); ++i)
      if (job_.channels[i].mode == InputMode::kFastFile) volumes.Push(ChannelVolume(i));
    return volumes;
  }

  // A channel's own name may be none for a volume.
  static std::string ChannelVolumeName(size_t index) { return fmt::format("channel-{}", index); }

  json::Value ChannelVolume(size_t index) const {
    json::Value attributes = Object({{"source", MountedPrefix(job_.channels[index]).ToString()},
                                     {"endpoint", options_.aws_endpoint},
                                     {"region", job_.region}});
    if (!options_.aws_ca_pem.empty()) attributes.Set("ca", options_.aws_ca_pem);
    const std::string key = awsserver::KeySecretName(AccessKeyId(run_));
    return Object({{"name", ChannelVolumeName(index)},
                   {"csi", Object({{"driver", kDataDriver},
                                   {"readOnly", true},
                                   {"volumeAttributes", attributes},
                                   {"nodePublishSecretRef", Object({{"name", key}})}})}});
  }

  json::Value Mounts(bool ours) const {
    const auto mount = [](const std::string& volume, const std::string& path, bool read_only) {
      json::Value made = Object({{"name", volume}, {"mountPath", path}});
      if (read_only) made.Set("readOnly", true);
      return made;
    };
    json::Value mounts = Array({mount("opt-ml", "/opt/ml", false)});
    if (ours) {
      mounts.Push(mount("run", "/leat/run", true));
      mounts.Push(mount("podinfo", "/leat/podinfo", true));
    } else {
      for (size_t i = 0; i < job_.channels.size(); ++i)
        if (job_.channels[i].mode == InputMode::kFastFile)
          mounts.Push(mount(ChannelVolumeName(i), kChannels + job_.channels[i].name, true));
    }
    if (!options_.aws_ca_pem.empty()) mounts.Push(mount("ca", "/leat/ca", true));
    return mounts;
  }

  json::Value Environment(bool ours) const {
    std::map<std::string, json::Value> variables;
    const auto set = [&](const std::string& name, const std::string& value) {
      variables[name] = Object({{"name", name}, {"value", Literal(value)}});
    };
    if (!ours)
      for (const auto& [name, value] : AlgorithmVariables(job_, host_, resources_))
        set(name, value);
    set("TRAINING_JOB_NAME", job_.name);
    set("TRAINING_JOB_ARN", job_.arn);
    set("AWS_REGION", job_.region);
    set("AWS_DEFAULT_REGION", job_.region);
    set("AWS_ENDPOINT_URL", options_.aws_endpoint);
    if (!options_.aws_ca_pem.empty()) {
      set("AWS_CA_BUNDLE", kCaPath);
      set("SSL_CERT_FILE", kCaPath);
    }
    // Of network isolation this is all that there is while pods share the host's network: the
    // algorithm is not handed a key. It could still find the one of `upload` beside it.
    if (ours || !job_.network_isolation) {
      const std::string secret = awsserver::KeySecretName(AccessKeyId(run_));
      for (const auto& [name, key] : {std::pair("AWS_ACCESS_KEY_ID", "accessKeyId"),
                                      std::pair("AWS_SECRET_ACCESS_KEY", "secretAccessKey"),
                                      std::pair("AWS_SESSION_TOKEN", "sessionToken")})
        variables[name] = Object(
            {{"name", name},
             {"valueFrom", Object({{"secretKeyRef", Object({{"name", secret}, {"key", key}})}})}});
    }
    json::Value list = Array();
    for (auto& [name, variable] : variables) list.Push(std::move(variable));
    return list;
  }

  json::Value Helper(const char* name) const {
    return Object(
        {{"name", name},
         {"image", kImage},
         {"args", Array({name, "--host", host_})},
         {"env", Environment(true)},
         {"volumeMounts", Mounts(true)},
         {"resources",
          Object({{"requests", Object({{"cpu", api::FormatMilli(kUploadMilliCpu)},
                                       {"memory", api::FormatBytes(kUploadMemory)}})}})}});
  }

  json::Value Algorithm() const {
    json::Value args = Array(), command = Array();
    for (const std::string& argument : job_.arguments) args.Push(Literal(argument));
    for (const std::string& argument : job_.entrypoint) command.Push(Literal(argument));
    json::Value requests = Object({{"cpu", api::FormatMilli(resources_.request_milli_cpu)},
                                   {"memory", api::FormatBytes(resources_.request_memory)}});
    json::Value limits = Object({{"cpu", api::FormatMilli(resources_.limit_milli_cpu)},
                                 {"memory", api::FormatBytes(resources_.limit_memory)}});
    for (const auto& [resource, number] : resources_.devices) {
      requests.Set(resource, std::to_string(number));
      limits.Set(resource, std::to_string(number));
    }
    json::Value container =
        Object({{"name", kAlgorithm},
                {"image", job_.image},
                {"args", args},
                {"env", Environment(false)},
                {"volumeMounts", Mounts(false)},
                {"resources", Object({{"requests", requests}, {"limits", limits}})}});
    if (!command.empty()) container.Set("command", command);
    // Who has fewer capabilities than a process may not look into it: at upload's key in its
    // environment, which the process namespace that they share would show.
    if (job_.network_isolation)
      container.Set("securityContext",
                    Object({{"capabilities", Object({{"drop", Array({"AUDIT_WRITE"})}})}}));
    return container;
  }

  const json::Value& run_;
  const Job& job_;
  const std::string& host_;
  const HostResources& resources_;
  const EngineOptions& options_;
};

}  // namespace

std::string PodName(const std::string& run, const std::string& host) { return run + "-" + host; }

std::string RunSecretName(const std::string& run) { return run + "-run"; }

std::string AccessKeyId(const json::Value& run) {
  constexpr size_t kDigits = 16;
  std::string id = "ASIA";
  for (char c : HexEncode(hash::Digest(hash::Algorithm::kSha256, run["metadata"]["uid"].AsString()))
                    .substr(0, kDigits))
    id += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  return id;
}

json::Value MakeKeySecret(const json::Value& run, const Job& job) {
  const std::string id = AccessKeyId(run);
  return MakeSecret(run, awsserver::KeySecretName(id), "leat.dev/aws-key",
                    {{"accessKeyId", id},
                     {"secretAccessKey", Base64Encode(RandomBytes(30))},
                     {"sessionToken", Base64Encode(RandomBytes(48))},
                     {"policy", json::Print(Policy(job))}});
}

json::Value MakeRunSecret(const json::Value& run, const EngineOptions& options) {
  std::map<std::string, std::string> contents = {{"run.json", json::Print(run["spec"])}};
  if (!options.aws_ca_pem.empty()) contents["ca.crt"] = options.aws_ca_pem;
  return MakeSecret(run, RunSecretName(run["metadata"]["name"].Str()), "Opaque", contents);
}

json::Value MakePod(const json::Value& run, const Job& job, const std::string& host,
                    const HostResources& resources, const EngineOptions& options) {
  return PodMaker(run, job, host, resources, options).Make();
}

}  // namespace leat::engine
