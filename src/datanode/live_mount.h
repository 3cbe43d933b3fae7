// One mount that this worker serves. Internal to the data node.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "datanode/data_node.h"
#include "datanode/dataset_filesystem.h"
#include "datanode/gone_objects.h"
#include "datanode/task_thread.h"
#include "datanode/tree.h"
#include "fuse/session.h"

namespace leat::datanode {

// What must be known to go on with a mount in another process.
struct MountRecord {
  MountSpec spec;
  std::string id;                      // random: tells what is kept for it from other mounts' there
  std::string directory;               // of its manifests and amendments
  std::vector<std::string> manifests;  // file names, oldest first, at most 17
  int64_t mounted_at = 0;              // seconds since the epoch
  fuse::Agreement agreement;
  std::string ToText() const;
  static Result<MountRecord> Parse(std::string_view text);
};

class LiveMount {
 public:
  struct Surroundings {
    blocks::Cache& cache;
    Fetcher& fetcher;
    Keeper& keeper;
    Clock& clock;
    std::string control;  // path of the control socket
  };

  // Opens the tree, serves, and hands what a successor needs to the keeper. `devices` are the
  // mount's; `resume`: a predecessor served them. `on_end` is called from a thread of its own once
  // the mount is gone.
  static Result<std::unique_ptr<LiveMount>> Serve(
      MountRecord record, std::vector<io::UniqueFd> devices, bool resume,
      const std::unordered_map<fuse::NodeId, int32_t>& backings, Surroundings around,
      std::function<void()> on_end);
  ~LiveMount();
  // Ends the session's threads: nothing more is asked or answered.
  void StopServing();

  const MountSpec& spec() const { return record_.spec; }
  DatasetFilesystem& filesystem() { return *filesystem_; }
  const Tree& tree() const { return *tree_; }
  const std::shared_ptr<objectstore::ObjectStore>& store() const { return store_; }
  bool passthrough() const { return session_->passthrough(); }
  MountStats Stats() const;

  // From fetch threads.
  void OnChanged(const ObjectVersion& version);
  // Looks whether objects that were gone are there again, if it is time; in the background.
  void LookForGone();

 private:
  LiveMount(MountRecord record, Surroundings around)
      : record_(std::move(record)), around_(around), started_(around.clock.Monotonic()) {}
  Status OpenTree();
  Status KeepRecord();
  void LookedAt();
  void ListAgain(const std::stop_token& stop);
  // Whether a new listing is to be shown at all.
  bool BelievesIn(const Manifest& manifest);
  bool KeepManifest(const std::string& file);
  // Asks the store for a file as it is shown. The change, when it is another one there or gone.
  Result<std::optional<Change>> Recheck(const TreeEntry& entry, const std::stop_token& stop);
  // After a listing, which overrides no amendment: an amendment may be the younger one.
  void RecheckAmended(const std::stop_token& stop);
  std::string PathOf(const std::string& file) const { return record_.directory + "/" + file; }

  MountRecord record_;  // manifests: changed by the task thread only
  const Surroundings around_;
  const MonoTime started_;
  std::shared_ptr<objectstore::ObjectStore> store_;
  std::unique_ptr<Tree> tree_;
  std::shared_ptr<DatasetFilesystem> filesystem_;  // shared with reads that wait
  std::unique_ptr<fuse::Session> session_;
  std::atomic<int64_t> listed_at_ = 0;  // seconds since the epoch
  std::atomic<bool> listing_again_ = false;
  GoneObjects gone_;  // of the task thread
  // Likewise: since when directories that are shown with files have been listed without any.
  std::map<std::string, MonoTime> empty_since_;
  std::atomic<bool> looking_for_gone_ = false;
  TaskThread tasks_;      // listing again, objects found changed
  std::jthread watcher_;  // waits for the end of the mount
};

}  // namespace leat::datanode
