// Volumes of the CSI driver data.leat.dev, which the node serves itself: object storage, mounted
// read-only by `leat mount`. The processes behind a mount are the node's own pair, and outlive us.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "json/value.h"

namespace leat::node {

inline constexpr char kDataDriver[] = "data.leat.dev";

class DataMounter {
 public:
  // `leat` is the program; all its mounts share the one cache. Any thread.
  DataMounter(std::string leat, std::string cache_dir);

  // Mounts the volume on `path`, which is made when absent; one that is mounted and alive stays.
  // `csi` is the volume's source: its volumeAttributes are source (s3://bucket/prefix/, gs://,
  // oss:// or http(s)://), endpoint, region and ca (PEM). `secret` holds the key that it reads
  // with: accessKeyId, secretAccessKey, sessionToken; without, requests are not signed, so that a
  // pod never reads with the node's own key. kTimeout after two minutes: the next call goes on with
  // the listing; kInvalid, kUnavailable: in the words of `leat mount`.
  Status Mount(const std::string& path, const json::Value& csi,
               const std::map<std::string, std::string>& secret, const std::stop_token& stop) const;

 private:
  const std::string leat_, cache_dir_;
};

// Unmounts all that is mounted below the directory by `leat mount`, alive or dead. Files that are
// open stay readable. Idempotent.
Status UnmountData(const std::string& dir);

}  // namespace leat::node
