// The bytes of objects, in files with opaque names: <dir>/objects/xx/<id>. A file is written aside
// in <dir>/incoming, moved to its place as "<id>.new" and fsynced, then named by a row of the
// index, and only then called <id>. So a crash may leave a half-written file in incoming/, which no
// index ever names; a .new file, with or without a row; and a file whose row was removed, which the
// index has noted as freed. BlobSweeper (blob_sweeper.h) goes through them at the next start.
// Nothing here removes a file for lack of a row.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::awsserver {

class BlobStore;

// A file being written; removed at destruction unless it was kept. One user.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) = default;
  ~BlobWriter();
  // kExhausted when the disk is full, or would be but for what is left to the databases on it.
  Status Append(std::string_view bytes);
  // Makes the bytes durable and gives the blob's id. Follow it with BlobStore::Settle or Remove.
  Result<std::string> Keep();

 private:
  friend class BlobStore;
  BlobWriter(std::string id, std::string aside, std::string place, io::UniqueFd fd)
      : id_(std::move(id)),
        aside_(std::move(aside)),
        place_(std::move(place)),
        fd_(std::move(fd)) {}
  std::string id_;
  std::string aside_;  // where the file is
  std::string place_;  // where it goes
  io::UniqueFd fd_;    // closed once kept
  uint64_t size_ = 0;
  uint64_t flushed_ = 0;
};

// Thread-safe.
class BlobStore {
 public:
  // Makes the directories, and removes what a crash left in incoming/.
  static Result<std::unique_ptr<BlobStore>> Open(const std::string& dir);

  Result<BlobWriter> Create();
  // A row names the blob: it is unfinished no more. A failure is logged and left to the next start.
  void Settle(const std::string& id) const;
  // kNotFound.
  Result<io::UniqueFd> OpenBlob(const std::string& id) const;

  // While it lives, its blobs stay readable although they are removed.
  class Lease {
   public:
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    friend class BlobStore;
    Lease(BlobStore& store, std::vector<std::string> ids) : store_(store), ids_(std::move(ids)) {}
    BlobStore& store_;
    const std::vector<std::string> ids_;
  };
  // For an object that was just looked up, all its blobs. kNotFound when they were removed since:
  // look the object up again.
  Result<std::unique_ptr<Lease>> Hold(const std::vector<std::string>& ids);

  // Removes the files, those under a lease when it ends. A file that cannot be removed is logged
  // and left to the next start. No row may name them.
  void Remove(const std::vector<std::string>& ids);
  // Waits until files were removed of which nobody was told yet, `at_least` so many or, after the
  // stop, any number; their removal is durable then. For one thread.
  Result<std::vector<std::string>> AwaitRemoved(size_t at_least, const std::stop_token& stop);

  struct File {
    std::string id;
    bool settled = true;  // false: its name ends in .new
    uint64_t size = 0;
  };
  // Calls `each` for every file that an earlier process left; stops at its first error.
  Status Visit(const std::function<Status(const File&)>& each, const std::stop_token& stop) const;
  // Whether the file is there, of whatever name.
  bool Has(const std::string& id) const;

  // What the ids of this process start with, and what an id starts with.
  const std::string& run() const { return run_; }
  static std::string RunOf(const std::string& id);
  std::string PathOf(const File& file) const;

 private:
  explicit BlobStore(std::string dir);
  void Unlink(const std::vector<std::string>& ids);
  Status UnlinkOne(const std::string& id) const;
  void EndLease(const std::vector<std::string>& ids);

  const std::string dir_;
  const std::string run_;
  Mutex mu_;
  CondVar removed_some_;
  std::map<std::string, int> held_ GUARDED_BY(mu_);  // leases on a blob
  std::set<std::string> doomed_ GUARDED_BY(mu_);     // removed, but under a lease
  std::set<std::string> going_ GUARDED_BY(mu_);      // being unlinked
  std::vector<std::string> removed_ GUARDED_BY(mu_);
  size_t awaited_ GUARDED_BY(mu_) = 0;  // how many of them AwaitRemoved waits for
};

}  // namespace leat::awsserver
