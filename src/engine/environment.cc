#include "engine/environment.h"

#include <algorithm>

namespace leat::engine {
namespace {

// The only network that hosts of a run share.
constexpr char kInterface[] = "lo";

// "learning-rate" is LEARNING_RATE.
std::string VariableName(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  return name;
}

// Hyperparameters are JSON texts, or else plain strings.
json::Value Decoded(const std::string& text) {
  auto value = json::Parse(text);
  return value ? *value : json::Value(text);
}

json::Value Names(const std::vector<std::string>& names) {
  json::Value list = json::Array();
  for (const std::string& name : names) list.Push(name);
  return list;
}

}  // namespace

json::Value HyperparametersFile(const Job& job) {
  json::Value file = json::Object();
  for (const auto& [name, value] : job.hyperparameters) file.Set(name, value);
  return file;
}

json::Value InputDataConfigFile(const Job& job) {
  json::Value file = json::Object();
  for (const Channel& channel : job.channels) {
    json::Value entry = json::Object(
        {{"TrainingInputMode", channel.mode == InputMode::kFastFile ? "FastFile" : "File"},
         {"S3DistributionType", channel.sharded ? "ShardedByS3Key" : "FullyReplicated"},
         {"RecordWrapperType", channel.record_wrapper}});
    if (!channel.content_type.empty()) entry.Set("ContentType", channel.content_type);
    file.Set(channel.name, std::move(entry));
  }
  return file;
}

json::Value ResourceConfigFile(const Job& job, const std::string& host) {
  const json::Value hosts = Names(job.Hosts());
  return json::Object(
      {{"current_host", host},
       {"hosts", hosts},
       {"network_interface_name", kInterface},
       {"current_instance_type", job.instance_type},
       {"current_group_name", "homogeneousCluster"},
       {"instance_groups", json::Array({json::Object({{"instance_group_name", "homogeneousCluster"},
                                                      {"instance_type", job.instance_type},
                                                      {"hosts", hosts}})})}});
}

Variables AlgorithmVariables(const Job& job, const std::string& host,
                             const HostResources& resources) {
  const int64_t cpus = std::max<int64_t>(1, resources.limit_milli_cpu / 1000);
  std::vector<std::string> channels;
  for (const Channel& channel : job.channels) channels.push_back(channel.name);
  json::Value hyperparameters = json::Object();
  for (const auto& [name, value] : job.hyperparameters) hyperparameters.Set(name, Decoded(value));

  Variables variables = {
      {"SM_MODEL_DIR", "/opt/ml/model"},
      {"SM_INPUT_DIR", "/opt/ml/input"},
      {"SM_INPUT_CONFIG_DIR", "/opt/ml/input/config"},
      {"SM_OUTPUT_DIR", "/opt/ml/output"},
      {"SM_OUTPUT_DATA_DIR", "/opt/ml/output/data"},
      {"SM_CHANNELS", json::Print(Names(channels))},
      {"SM_HPS", json::Print(hyperparameters)},
      {"SM_HOSTS", json::Print(Names(job.Hosts()))},
      {"SM_CURRENT_HOST", host},
      {"SM_CURRENT_INSTANCE_TYPE", job.instance_type},
      {"SM_NETWORK_INTERFACE_NAME", kInterface},
      {"SM_NUM_CPUS", std::to_string(cpus)},
      {"SM_NUM_GPUS", std::to_string(resources.gpus)},
      {"LEAT_TRAINING_IMAGE", job.image},
  };
  for (const std::string& channel : channels)
    variables.emplace_back("SM_CHANNEL_" + VariableName(channel), "/opt/ml/input/data/" + channel);
  for (const auto& [name, value] : hyperparameters.Members())
    variables.emplace_back("SM_HP_" + VariableName(name),
                           value.IsString() ? value.Str() : job.hyperparameters.at(name));
  for (const auto& [name, value] : job.environment) variables.emplace_back(name, value);
  return variables;
}

}  // namespace leat::engine
