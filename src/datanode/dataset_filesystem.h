// A mount's answers to the kernel: names from a Tree, bytes from a Fetcher, complete files by
// passthrough (backings.h). What is promised stands in docs/semantics/mount.md.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "blocks/cache.h"
#include "datanode/access_trace.h"
#include "datanode/backings.h"
#include "datanode/fetcher.h"
#include "datanode/file_order.h"
#include "datanode/keeper.h"
#include "datanode/open_files.h"
#include "datanode/pending_requests.h"
#include "datanode/reader_table.h"
#include "datanode/stale_names.h"
#include "datanode/stats_file.h"
#include "datanode/tree.h"
#include "datanode/verifier.h"
#include "fuse/filesystem.h"
#include "fuse/session.h"

namespace leat::datanode {

struct FilesystemOptions {
  std::string name;     // of the mount at the keeper: its mountpoint
  std::string control;  // the socket where this data node is asked: user.leat.control of the root
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t file_mode = 0444;
  uint32_t dir_mode = 0555;
  bool version_pin = false;
  std::chrono::nanoseconds ttl = fuse::kForever;  // of names and attributes
  int64_t mounted_at = 0;                         // seconds since the epoch
};

struct FilesystemStats {
  uint64_t reads = 0;  // that reached the worker
  uint64_t read_bytes = 0;
  uint64_t opens = 0;
  uint64_t passthrough_opens = 0;
};

// Thread-safe.
class DatasetFilesystem : public fuse::Filesystem,
                          public std::enable_shared_from_this<DatasetFilesystem> {
 public:
  struct Surroundings {
    std::shared_ptr<objectstore::ObjectStore> store;
    Tree& tree;
    Fetcher& fetcher;
    blocks::Cache& cache;
    Keeper& keeper;
    std::function<std::string()> stats_text;  // of .stats
    std::function<void()> on_look;            // somebody looks at names: time to list again?
  };
  DatasetFilesystem(FilesystemOptions options, Surroundings around);
  ~DatasetFilesystem() override;

  // Before the session serves; `session` outlives the answers. `backings`: what a predecessor left
  // under "backing:<name>:<node>", by node.
  void Begin(fuse::Session& session, const std::unordered_map<fuse::NodeId, int32_t>& backings);

  ObjectVersion VersionOf(const TreeEntry& entry) const;
  // The object at the store is another one now: a pinned mount's opens of it get ESTALE.
  void OnChanged(const ObjectVersion& version);
  void Invalidate(const std::vector<Change>& changes);
  void InvalidatePath(const std::string& path);
  // Ends its threads; opens that wait for a check get EINTR. After the session's end, so that no
  // new one comes, and in time for the fetcher's.
  void Stop();
  // The mount is gone: the keeper forgets its backing ids.
  void ForgetBackings();
  FilesystemStats Stats() const;
  // By process; what a successor of this worker counts begins at nothing.
  const ReaderTable& readers() const { return readers_; }
  // Also good when the mount is gone.
  std::shared_ptr<AccessTrace> trace() const { return trace_; }

  void Lookup(const fuse::Caller&, fuse::NodeId parent, std::string_view name,
              fuse::Reply reply) override;
  void Forget(fuse::NodeId node, uint64_t count) override;
  void GetAttributes(fuse::NodeId node, fuse::Reply reply) override;
  void ReadLink(fuse::NodeId node, fuse::Reply reply) override;
  void Open(const fuse::Caller&, fuse::NodeId node, int flags, fuse::Reply reply) override;
  void Read(const fuse::Caller&, fuse::NodeId node, uint64_t handle, uint64_t offset, uint32_t size,
            int flags, fuse::Reply reply) override;
  void Release(fuse::NodeId node, uint64_t handle) override;
  void ReadDirectory(fuse::NodeId node, uint64_t offset, fuse::DirectoryReply reply) override;
  void Seek(fuse::NodeId node, uint64_t offset, int whence, fuse::Reply reply) override;
  void StatFs(fuse::Reply reply) override;
  void GetXattr(fuse::NodeId node, std::string_view name, uint32_t size,
                fuse::Reply reply) override;
  void ListXattr(fuse::NodeId node, uint32_t size, fuse::Reply reply) override;
  void Interrupt(uint64_t unique) override;

 private:
  fuse::Attributes AttributesOf(const TreeEntry& entry) const;
  fuse::Entry EntryOf(const TreeEntry& entry) const;
  // Also of files that are gone from the source and still open.
  std::optional<TreeEntry> EntryOfNode(fuse::NodeId node) const;
  // A read: in the log, for whoever sees but EIO.
  void TellFailed(fuse::NodeId node, const Error& error);
  // Not any more what lies at the store, and the mount may show nothing else.
  bool GoneForGood(const TreeEntry& entry) const;
  // Answers the open of a large file where there is passthrough.
  void OpenLarge(uint32_t thread, fuse::NodeId node, uint64_t handle, OpenFile& file,
                 fuse::Reply& reply);
  // Once its object was checked.
  void OpenOnceChecked(uint32_t thread, fuse::NodeId node, uint64_t handle,
                       const std::shared_ptr<OpenFile>& file, fuse::Reply reply);
  // The file behind a handle; made anew for one that a predecessor gave out.
  std::shared_ptr<OpenFile> FileOf(fuse::NodeId node, uint64_t handle);
  void PrefetchFor(OpenFile& file, uint64_t offset, uint32_t size);
  bool HasBeginning(const ActiveObject& object) const;  // in the cache
  // The file begins to be read: those that follow it in its directory may be next.
  enum class Reading { kFromCache, kFromStore };
  void AnticipateAfter(const TreeEntry& entry, Reading reading);

  const FilesystemOptions options_;
  const Surroundings around_;
  const bool of_files_;               // the source is a directory
  fuse::Session* session_ = nullptr;  // set by Begin
  bool passthrough_ = false;

  OpenFiles files_;
  Backings backings_;
  PendingRequests pending_;  // reads that wait for the store, opens that wait for a check
  StatsFile stats_file_;

  mutable Mutex mu_;
  std::set<uint64_t> changed_ GUARDED_BY(mu_);  // ids that no longer are at the store
  FileOrder order_ GUARDED_BY(mu_);
  std::atomic<bool> in_order_ = false;  // some files were read so: others may be expected

  std::atomic<std::chrono::steady_clock::duration> told_failure_{};  // since the clock's epoch
  std::atomic<uint64_t> reads_ = 0, read_bytes_ = 0, opens_ = 0, passthrough_opens_ = 0;
  ReaderTable readers_;
  const std::shared_ptr<AccessTrace> trace_ = std::make_shared<AccessTrace>();
  // Last: their threads use the rest.
  StaleNames stale_names_{[this](const std::string& path) { InvalidatePath(path); }};
  Verifier verifier_;
};

}  // namespace leat::datanode
