// What a TrainingRun asks for. The engine reads it from the run's spec; `stage` and `upload` read
// the same spec from run.json.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "objectstore/s3_client.h"

namespace leat::engine {

enum class DataType { kS3Prefix, kManifestFile };
// How the algorithm gets a channel: as files that were downloaded before, or as a mount.
enum class InputMode { kFile, kFastFile };

struct Channel {
  std::string name;
  objectstore::S3Url source;
  InputMode mode = InputMode::kFile;
  DataType type = DataType::kS3Prefix;
  bool sharded = false;  // ShardedByS3Key: each host gets every n-th object
  bool gzip = false;
  std::string content_type;    // "" when not given
  std::string record_wrapper;  // "None" when not given
};

// What a kFastFile channel shows: its source as a directory ("s3://bucket/prefix/").
objectstore::S3Url MountedPrefix(const Channel& channel);

struct Checkpoints {
  objectstore::S3Url remote;  // its key ends in '/', or is empty
  std::string local_path;
};

// A metric as its owner described it: `regex` has one group, which takes the number.
struct MetricDefinition {
  std::string name;
  std::string regex;
};

struct Job {
  std::string name;
  std::string arn;
  std::string region;
  std::string image;
  std::vector<std::string> entrypoint;  // ContainerEntrypoint; empty: the image's own
  std::vector<std::string> arguments{"train"};
  std::vector<MetricDefinition> metrics;  // MetricDefinitions
  std::map<std::string, std::string> hyperparameters;
  std::map<std::string, std::string> environment;
  std::vector<Channel> channels;
  objectstore::S3Url output;  // S3OutputPath
  std::optional<Checkpoints> checkpoints;
  std::string instance_type;
  int instance_count = 1;
  int64_t volume_gb = 1;
  std::chrono::seconds max_runtime{86'400};
  bool network_isolation = false;  // asked for; see Environment in objects.cc for what it does

  // "algo-1" to "algo-N".
  std::vector<std::string> Hosts() const;
  // "<S3OutputPath>/<job>/", all that the job may write.
  objectstore::S3Url OutputPrefix() const;
  // "<S3OutputPath>/<job>/output/<file>".
  objectstore::S3Url OutputUrl(std::string_view file) const;
};

// Reads `spec` of a TrainingRun. kInvalid says what is missing or not supported, in words for the
// job's FailureReason.
Result<Job> ReadJob(const json::Value& spec);

// "s3://bucket/key", and the https forms of S3's own addresses, which SageMaker takes too.
Result<objectstore::S3Url> ParseDataUrl(std::string_view text);

}  // namespace leat::engine
