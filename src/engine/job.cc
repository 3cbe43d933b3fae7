#include "engine/job.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "engine/metric_lines.h"

namespace leat::engine {
namespace {

constexpr int kMaxInstances = 100;

Error Refuse(const std::string& what) { return {Code::kInvalid, what}; }

std::vector<std::string> Strings(const json::Value& list) {
  std::vector<std::string> strings;
  for (const json::Value& item : list.Items()) strings.push_back(item.Str());
  return strings;
}

std::map<std::string, std::string> StringMap(const json::Value& object) {
  std::map<std::string, std::string> map;
  for (const json::Member& member : object.Members()) map[member.key] = member.value.Str();
  return map;
}

std::string AsDirectory(const std::string& key) {
  return key.empty() || key.ends_with('/') ? key : key + "/";
}

// A channel becomes a directory of that name.
bool IsChannelName(std::string_view name) {
  if (name.empty() || name.size() > 64 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

Result<Channel> ReadChannel(const json::Value& from, std::string_view job_input_mode) {
  Channel channel{.name = from["ChannelName"].Str()};
  if (!IsChannelName(channel.name))
    return Refuse(
        fmt::format("\"{}\" cannot be the name of a channel: use letters, digits, '.', "
                    "'-' and '_'",
                    channel.name));
  const auto refuse = [&](const std::string& what) {
    return Refuse(fmt::format("channel {}: {}", channel.name, what));
  };
  const std::string_view mode = from["InputMode"].AsString(job_input_mode);
  if (mode == "FastFile")
    channel.mode = InputMode::kFastFile;
  else if (mode != "File")
    return refuse(fmt::format("input mode {} is not supported yet; use File or FastFile", mode));
  const json::Value& s3 = from["DataSource"]["S3DataSource"];
  if (!s3.IsObject())
    return refuse("only S3 data sources are supported; give DataSource.S3DataSource");
  const std::string_view type = s3["S3DataType"].AsString("S3Prefix");
  if (type == "ManifestFile")
    channel.type = DataType::kManifestFile;
  else if (type != "S3Prefix")
    return refuse(
        fmt::format("S3DataType {} needs Pipe mode, which is not supported yet; use "
                    "S3Prefix or ManifestFile",
                    type));
  auto source = ParseDataUrl(s3["S3Uri"].AsString());
  if (!source) return refuse(source.error().message);
  channel.source = std::move(*source);
  channel.sharded = s3["S3DataDistributionType"].AsString() == "ShardedByS3Key";
  channel.gzip = from["CompressionType"].AsString() == "Gzip";
  channel.content_type = from["ContentType"].Str();
  channel.record_wrapper = from["RecordWrapperType"].AsString("None");
  if (channel.mode != InputMode::kFastFile) return channel;
  for (const auto& [given, what] :
       {std::pair(channel.type == DataType::kManifestFile, "S3DataType ManifestFile"),
        std::pair(channel.sharded, "S3DataDistributionType ShardedByS3Key"),
        std::pair(channel.gzip, "CompressionType Gzip")})
    if (given) return refuse(fmt::format("{} is not supported yet with FastFile; use File", what));
  return channel;
}

Status ReadChannels(const json::Value& request, Job& job) {
  const std::string_view mode =
      request["AlgorithmSpecification"]["TrainingInputMode"].AsString("File");
  for (const json::Value& from : request["InputDataConfig"].Items()) {
    auto channel = ReadChannel(from, mode);
    if (!channel) return channel.error();
    for (const Channel& other : job.channels)
      if (other.name == channel->name)
        return Refuse(fmt::format("channel {} is there twice", channel->name));
    job.channels.push_back(std::move(*channel));
  }
  return {};
}

Status ReadCheckpoints(const json::Value& config, Job& job) {
  if (config["S3Uri"].AsString().empty()) return {};
  auto remote = ParseDataUrl(config["S3Uri"].AsString());
  if (!remote) return remote.error().Within("CheckpointConfig");
  remote->key = AsDirectory(remote->key);
  std::string local(config["LocalPath"].AsString());
  if (local.empty()) local = "/opt/ml/checkpoints";
  // Only /opt/ml is shared with the containers that move the files.
  if (!local.starts_with("/opt/ml/") || local.find("/..") != std::string::npos)
    return Refuse("CheckpointConfig.LocalPath must be below /opt/ml, not " + local);
  job.checkpoints = Checkpoints{std::move(*remote), local};
  return {};
}

Status ReadAlgorithm(const json::Value& algorithm, Job& job) {
  job.image = algorithm["TrainingImage"].Str();
  if (job.image.empty())
    return Refuse(algorithm["AlgorithmName"].AsString().empty()
                      ? "AlgorithmSpecification.TrainingImage is missing"
                      : "algorithms from AWS's marketplace are not available here; give "
                        "AlgorithmSpecification.TrainingImage");
  job.entrypoint = Strings(algorithm["ContainerEntrypoint"]);
  const std::vector<std::string> arguments = Strings(algorithm["ContainerArguments"]);
  if (!arguments.empty() || !job.entrypoint.empty()) job.arguments = arguments;
  for (const json::Value& metric : algorithm["MetricDefinitions"].Items())
    job.metrics.push_back({metric["Name"].Str(), metric["Regex"].Str()});
  return {};
}

}  // namespace

objectstore::S3Url MountedPrefix(const Channel& channel) {
  return {channel.source.bucket, AsDirectory(channel.source.key)};
}

std::vector<std::string> Job::Hosts() const {
  std::vector<std::string> hosts;
  for (int i = 1; i <= instance_count; ++i) hosts.push_back(fmt::format("algo-{}", i));
  return hosts;
}

objectstore::S3Url Job::OutputPrefix() const {
  return {output.bucket, fmt::format("{}{}/", AsDirectory(output.key), name)};
}

objectstore::S3Url Job::OutputUrl(std::string_view file) const {
  return {output.bucket, fmt::format("{}output/{}", OutputPrefix().key, file)};
}

Result<Job> ReadJob(const json::Value& spec) {
  const json::Value& request = spec["job"];
  Job job{.name = spec["trainingJobName"].Str(),
          .arn = spec["trainingJobArn"].Str(),
          .region = spec["region"].Str(),
          .hyperparameters = StringMap(request["HyperParameters"]),
          .environment = StringMap(request["Environment"])};
  if (job.name.empty()) return Refuse("the run has no trainingJobName");
  if (auto read = ReadAlgorithm(request["AlgorithmSpecification"], job); !read) return read.error();
  if (auto read = ReadChannels(request, job); !read) return read.error();
  if (auto read = ReadCheckpoints(request["CheckpointConfig"], job); !read) return read.error();
  auto output = ParseDataUrl(request["OutputDataConfig"]["S3OutputPath"].AsString());
  if (!output) return output.error().Within("OutputDataConfig.S3OutputPath");
  job.output = std::move(*output);

  const json::Value& resources = request["ResourceConfig"];
  job.instance_type = resources["InstanceType"].Str();
  const int64_t count = resources["InstanceCount"].AsInt(1);
  if (count < 1 || count > kMaxInstances)
    return Refuse(
        fmt::format("ResourceConfig.InstanceCount must be 1 to {}, not {}", kMaxInstances, count));
  job.instance_count = static_cast<int>(count);
  if (count > 1 && IsBuiltInXgboost(job.image))
    return Refuse(
        fmt::format("Leat's XGBoost does not do distributed training: set "
                    "ResourceConfig.InstanceCount to 1, not {}, or train with an image of your own",
                    count));
  job.volume_gb = std::max<int64_t>(1, resources["VolumeSizeInGB"].AsInt(1));
  const int64_t runtime = request["StoppingCondition"]["MaxRuntimeInSeconds"].AsInt(0);
  if (runtime > 0) job.max_runtime = std::chrono::seconds(runtime);
  job.network_isolation = request["EnableNetworkIsolation"].AsBool();
  return job;
}

Result<objectstore::S3Url> ParseDataUrl(std::string_view text) {
  constexpr std::string_view kHttps = "https://";
  if (!text.starts_with(kHttps)) return objectstore::S3Url::Parse(text);
  const auto parts = Cut(text.substr(kHttps.size()), "/");
  const std::string_view host = parts ? parts->first : text.substr(kHttps.size());
  const std::string_view path = parts ? parts->second : std::string_view();
  // "bucket.s3.region.amazonaws.com/key" or "s3-region.amazonaws.com/bucket/key".
  const size_t s3 = std::min(host.find(".s3."), host.find(".s3-"));
  if (s3 != std::string_view::npos && host.find(".amazonaws.com") != std::string_view::npos)
    return objectstore::S3Url::Parse(fmt::format("s3://{}/{}", host.substr(0, s3), path));
  return objectstore::S3Url::Parse(fmt::format("s3://{}", path));
}

}  // namespace leat::engine
