// What a mount is to show, and how: what `leat mount` sends to the data node.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

struct MountSpec {
  std::string source;      // as the user wrote it
  std::string mountpoint;  // absolute, no symbolic links in it
  objectstore::StoreOptions store;
  std::optional<std::chrono::seconds> ttl;  // list the source again when older than this
  bool version_pin = false;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t file_mode = 0444;
  uint32_t dir_mode = 0555;
  bool allow_other = false;
  bool passthrough = true;  // off: as if the kernel had none
  // The credentials' environment of who mounts (AWS_*, GOOGLE_*, OSS_*, HOME), since the worker was
  // started by somebody else; kept in memory and by the supervisor, never on disk.
  std::vector<std::pair<std::string, std::string>> environment;

  json::Value ToJson() const;
  static Result<MountSpec> FromJson(const json::Value& value);
};

// kInvalid when mountpoint, source (a file:// one) or one of the cache directories (absolute paths)
// lies in another of these: a cache under its own mount waits for itself, and a source that holds
// either would show what is made of it. Both are named.
Status CheckPlaces(const MountSpec& spec, const std::vector<std::string>& cache_directories);

// Opens the spec's source with its options and environment.
Result<std::shared_ptr<objectstore::ObjectStore>> OpenStore(const MountSpec& spec);

}  // namespace leat::datanode
