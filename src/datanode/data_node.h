// The heart of the worker: one cache, one fetcher, and the mounts that read through them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "blocks/cache.h"
#include "datanode/fetcher.h"
#include "datanode/keeper.h"
#include "datanode/manifest.h"
#include "datanode/mount_spec.h"

namespace leat::datanode {

struct DataNodeOptions {
  std::vector<blocks::CacheDirectory> directories;  // the first holds manifests and sockets too
  uint64_t memory = 128ull << 20;
};

// One mount's figures, as .stats shows them.
struct MountStats {
  std::string source;
  std::string mountpoint;
  std::vector<std::pair<std::string, std::string>> values;  // key, value; in the order to show
};

// Thread-safe.
class DataNode {
 public:
  // Takes over the mounts that a predecessor left with the keeper.
  static Result<std::unique_ptr<DataNode>> Start(DataNodeOptions options, Keeper& keeper,
                                                 Clock& clock);
  ~DataNode();  // mounts stay, unserved, for a successor

  // Lists the source (unless its manifest is there and pinned) and mounts. `progress` is called
  // while it lists. kAlreadyExists: something is mounted there.
  Status Mount(const MountSpec& spec, const std::function<void(const ListingProgress&)>& progress,
               const std::stop_token& stop);
  // kNotFound: not one of ours. kConflict: files are open, unless `lazy`.
  Status Unmount(const std::string& mountpoint, bool lazy);
  std::vector<MountStats> Mounts() const;
  bool empty() const;  // no mounts
  // Detaches every mount and returns when the last open file is closed: the supervisor is dead.
  void Drain(const std::stop_token& stop);

  // The object at a path below a mount or, with no mount, of a source: for `leat data`.
  blocks::Cache& cache();
  Fetcher& fetcher();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace leat::datanode
