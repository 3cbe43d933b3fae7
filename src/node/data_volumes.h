// Volumes of the CSI driver data.leat.dev, which the node serves itself: object storage, mounted
// read-only by `leat mount`. The processes behind a mount are the node's own pair, and outlive us.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/process.h"
#include "json/value.h"

namespace leat::node {

inline constexpr char kDataDriver[] = "data.leat.dev";

class DataMounter {
 public:
  // `leat` is the program; all its mounts share the one cache, whose directories are given as to
  // `leat mount --cache-dir`, at least one. Any thread, but one at a time for a path.
  DataMounter(std::string leat, std::vector<std::string> cache_dirs);
  // Ends attempts that are under way.
  ~DataMounter();

  // Mounts the volume on `path`, which is made when absent; one that is mounted and alive stays.
  // `csi` is the volume's source: its volumeAttributes are source (s3://bucket/prefix/, gs://,
  // oss:// or http(s)://), endpoint, region and ca (PEM). `secret` holds the key that it reads
  // with: accessKeyId, secretAccessKey, sessionToken; without, requests are not signed, so that a
  // pod never reads with the node's own key. kTimeout after five seconds, while the source is still
  // being listed: call again; kInvalid, kUnavailable: in the words of `leat mount`.
  Status Mount(const std::string& path, const json::Value& csi,
               const std::map<std::string, std::string>& secret, const std::stop_token& stop);
  // Ends the attempts to mount below the directory.
  void GiveUp(const std::string& dir);

 private:
  // `leat mount` for the path, at work or ended; it writes to LogOf(path).
  Result<io::Process> Begin(const std::string& path, const json::Value& csi,
                            const std::map<std::string, std::string>& secret) const;

  const std::string leat_;
  const std::vector<std::string> cache_dirs_;
  Mutex mu_;
  std::map<std::string, io::Process> attempts_ GUARDED_BY(mu_);  // by path
};

// Unmounts all that is mounted below the directory by `leat mount`, alive or dead. Files that are
// open stay readable. Idempotent.
Status UnmountData(const std::string& dir);

}  // namespace leat::node
