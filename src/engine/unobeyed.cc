#include "engine/unobeyed.h"

#include <algorithm>
#include <string_view>

namespace leat::engine {
namespace {

// Members that are obeyed, refused, or without anything to obey here. All else is told.
constexpr std::string_view kObeyed[] = {
    "TrainingJobName",
    "HyperParameters",
    "RoleArn",
    "Tags",
    "Environment",
    "EnableNetworkIsolation",
    "EnableManagedSpotTraining",  // nothing takes a node away
    "AlgorithmSpecification.TrainingImage",
    "AlgorithmSpecification.AlgorithmName",
    "AlgorithmSpecification.TrainingInputMode",
    "AlgorithmSpecification.MetricDefinitions",
    "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries",  // they are there in any case
    "AlgorithmSpecification.ContainerEntrypoint",
    "AlgorithmSpecification.ContainerArguments",
    "InputDataConfig.ChannelName",
    "InputDataConfig.ContentType",
    "InputDataConfig.CompressionType",
    "InputDataConfig.RecordWrapperType",
    "InputDataConfig.InputMode",
    "InputDataConfig.DataSource",
    "OutputDataConfig.S3OutputPath",
    "ResourceConfig.InstanceType",
    "ResourceConfig.InstanceCount",
    "ResourceConfig.VolumeSizeInGB",
    "StoppingCondition.MaxRuntimeInSeconds",
    "StoppingCondition.MaxWaitTimeInSeconds",  // see EnableManagedSpotTraining
    "CheckpointConfig.S3Uri",
    "CheckpointConfig.LocalPath",
};

bool AsksForNothing(std::string_view path, const json::Value& value) {
  // A model is packed unless it is asked not to be.
  if (path == "OutputDataConfig.CompressionType") return value.AsString() == "GZIP";
  if (path == "ProfilerConfig" && value["DisableProfiler"].AsBool()) return true;
  if (value.IsNull() || (value.IsBool() && !value.AsBool())) return true;
  if (value.IsString()) return value.AsString().empty();
  return (value.IsObject() || value.IsArray()) && value.empty();
}

bool IsObeyed(std::string_view path) {
  return std::find(std::begin(kObeyed), std::end(kObeyed), path) != std::end(kObeyed);
}

// Some of what is in it is obeyed.
bool IsPartlyObeyed(std::string_view name) {
  return std::any_of(std::begin(kObeyed), std::end(kObeyed), [&](std::string_view path) {
    return path.size() > name.size() && path.starts_with(name) && path[name.size()] == '.';
  });
}

void Collect(const json::Value& object, const std::string& prefix,
             std::vector<std::string>& unobeyed) {
  for (const auto& [name, value] : object.Members()) {
    const std::string path = prefix + std::string(name);
    if (AsksForNothing(path, value) || IsObeyed(path)) continue;
    // Of one name in several channels, the first is enough.
    if (std::find(unobeyed.begin(), unobeyed.end(), path) != unobeyed.end()) continue;
    if (!IsPartlyObeyed(path)) {
      unobeyed.push_back(path);
    } else if (value.IsArray()) {
      for (const json::Value& item : value.Items()) Collect(item, path + ".", unobeyed);
    } else {
      Collect(value, path + ".", unobeyed);
    }
  }
}

}  // namespace

std::vector<std::string> UnobeyedMembers(const json::Value& request) {
  std::vector<std::string> unobeyed;
  Collect(request, "", unobeyed);
  return unobeyed;
}

}  // namespace leat::engine
