// Which objects a channel is made of, and the files they become.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/job.h"
#include "objectstore/s3_client.h"

namespace leat::engine {

struct ChannelObject {
  objectstore::S3Url url;
  objectstore::ObjectInfo info;
  std::string path;  // relative to the channel's directory, safe to use
  bool gunzip = false;
};

// Where the object of `key` lies below the directory of a channel for `prefix`: below the prefix
// when that names a directory (with or without a slash at its end), else below its last slash.
// kInvalid for a key that would leave the directory or is no file name.
Result<std::string> PathOfKey(std::string_view prefix, std::string_view key);

// kInvalid when two of the objects want the same file, or one a file where another wants a
// directory. The objects come back in key order.
Status CheckPaths(const std::vector<ChannelObject>& objects);

// Lists what the host with this index (from 0) is to download. kNotFound when the channel has no
// object at all; a sharded host may get none.
Result<std::vector<ChannelObject>> ListChannel(objectstore::S3Client& store, const Channel& channel,
                                               size_t host_index, size_t host_count,
                                               const std::stop_token& stop);

// A manifest's objects: [{"prefix": "s3://..."}, "relative/key", ...]. kInvalid.
Result<std::vector<objectstore::S3Url>> ParseManifest(std::string_view text,
                                                      objectstore::S3Url& prefix);

}  // namespace leat::engine
