// The heart of the worker: one cache, one fetcher, and the mounts that read through them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "blocks/cache.h"
#include "datanode/access_trace.h"
#include "datanode/fetcher.h"
#include "datanode/keeper.h"
#include "datanode/manifest.h"
#include "datanode/mount_spec.h"
#include "datanode/reader_table.h"

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

// Who reads a mount.
struct MountReaders {
  struct Reader {
    ReaderStats stats;
    std::string path;  // of the file opened last; "" when it is no longer known
  };
  std::string source;
  std::string mountpoint;
  ReaderStats total;
  std::vector<Reader> processes;  // last seen first, at most ReaderTable::kMostProcesses
};

// What a source shows at the moment, and where its bytes are.
struct Dataset {
  std::shared_ptr<objectstore::ObjectStore> store;
  std::shared_ptr<const Manifest> manifest;
};

// Thread-safe.
class DataNode {
 public:
  // Takes over the mounts that a predecessor left with the keeper.
  static Result<std::unique_ptr<DataNode>> Start(DataNodeOptions options, Keeper& keeper,
                                                 Clock& clock);
  ~DataNode();  // mounts stay, unserved, for a successor

  // Lists the source (unless a pinned mount of it kept its manifest for this one) and mounts.
  // `progress` is called while it lists. kAlreadyExists: something is mounted there.
  Status Mount(const MountSpec& spec, const std::function<void(const ListingProgress&)>& progress,
               const std::stop_token& stop);
  // kNotFound: not one of ours. kConflict: files are open, unless `lazy`.
  Status Unmount(const std::string& mountpoint, bool lazy);
  std::vector<MountStats> Mounts() const;
  std::vector<MountReaders> Readers() const;
  // kNotFound: not one of ours.
  Result<std::shared_ptr<AccessTrace>> TraceOf(const std::string& mountpoint) const;
  // Of a file of the mount, by the tree's id; "" when it is no longer known.
  std::string PathOf(const std::string& mountpoint, uint64_t file) const;
  bool empty() const;  // no mounts
  // Detaches every mount and returns when the last open file is closed: the supervisor is dead.
  void Drain(const std::stop_token& stop);

  // For `leat data`. kNotFound: not one of our mounts.
  Result<Dataset> Mounted(const std::string& mountpoint) const;
  // The same for a source that need not be mounted, listed now; of the spec, only what says how to
  // reach it counts.
  Result<Dataset> List(const MountSpec& spec,
                       const std::function<void(const ListingProgress&)>& progress,
                       const std::stop_token& stop);
  // The file at an index of the manifest, as the fetcher and the cache know it.
  static ObjectVersion VersionOf(const Dataset& dataset, uint32_t index);
  blocks::Cache& cache();
  Fetcher& fetcher();

 private:
  DataNode();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leat::datanode
