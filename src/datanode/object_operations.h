// The operations on objects: of a mount, or of a source. Inside the module; see operations.h.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "datanode/control_server.h"
#include "datanode/data_node.h"
#include "json/value.h"

namespace leat::datanode {

// What a request is about: one entry of a manifest, and with it everything below.
struct Target {
  Dataset dataset;
  uint32_t index = 0;
};

// Lists the source when the request names no mount. kNotFound says what is not there.
Result<Target> FindTarget(DataNode& node, const json::Value& request, const Tell& tell,
                          const std::stop_token& stop);

// Indexes of the files: the target itself, or all below it. kCancelled.
Result<std::vector<uint32_t>> FilesOf(const Target& target, const std::stop_token& stop);

Result<json::Value> ListEntries(DataNode& node, const Target& target, bool recursive,
                                const Tell& tell, const std::stop_token& stop);
Result<json::Value> DescribeEntry(DataNode& node, const Target& target,
                                  const std::stop_token& stop);
Result<json::Value> ListSkipped(const Target& target, const Tell& tell);
// With `order`, the path of a file (see load_order.h), what it names, one after the other. Nothing
// is evicted for what comes later: once a file found no room, only those that have theirs go on.
// Else all files, in any order.
Result<json::Value> LoadFiles(DataNode& node, const Target& target, const std::string& order,
                              const Tell& tell, const std::stop_token& stop);
// Holds all that is cached against its checksums; names the files of mounts that were not sound.
Result<json::Value> CheckCache(DataNode& node, const Tell& tell, const std::stop_token& stop);
Result<json::Value> EvictFiles(DataNode& node, const Target& target, const std::stop_token& stop);
Result<json::Value> PinFiles(DataNode& node, const Target& target, bool pin,
                             const std::stop_token& stop);

// Tells bytes done, five times a second at most. Thread-safe.
class ByteProgress {
 public:
  explicit ByteProgress(const Tell& tell) : tell_(tell) {}
  // False once the client is gone.
  bool Report(uint64_t done, uint64_t total);

 private:
  const Tell& tell_;
  Mutex mu_;
  MonoTime last_ GUARDED_BY(mu_);
  bool gone_ GUARDED_BY(mu_) = false;
};

}  // namespace leat::datanode
