// Keeps the checkpoints in S3 up to date with a directory.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "engine/file_tree.h"
#include "objectstore/s3_client.h"

namespace leat::engine {

// Used by one thread at a time.
class CheckpointSync {
 public:
  CheckpointSync(objectstore::S3Client& store, std::string dir, objectstore::S3Url remote)
      : store_(store), dir_(std::move(dir)), remote_(std::move(remote)) {}

  // Files that `stage` has downloaded, told by the time that it gave them, need no upload. Without
  // this, or when it fails, they are uploaded again, which costs only time.
  Status SkipDownloaded(const std::stop_token& stop);
  // Uploads every regular file that is new or has changed since the last call. Nothing is deleted
  // from the remote.
  Status Sync(const std::stop_token& stop);

 private:
  struct Seen {
    uint64_t size = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  objectstore::S3Client& store_;
  const std::string dir_;
  const objectstore::S3Url remote_;
  std::map<std::string, Seen> uploaded_;  // by path
};

}  // namespace leat::engine
