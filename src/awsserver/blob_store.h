// The bytes of objects, in files with opaque names: <dir>/objects/xx/<id>. A file is written aside
// in <dir>/incoming, renamed into place and fsynced, and only then named by a row of the index; so
// after a crash there may be files without a row (Sweep removes them), never a row without a file.
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
  // Makes the bytes durable and gives the blob's id.
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
  // kNotFound.
  Result<io::UniqueFd> OpenBlob(const std::string& id) const;

  // While a lease lives, blobs that existed when it was taken stay on disk: take it, look the
  // object up, read its blobs.
  class Lease {
   public:
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    friend class BlobStore;
    Lease(BlobStore& store, uint64_t number) : store_(store), number_(number) {}
    BlobStore& store_;
    const uint64_t number_;
  };
  std::unique_ptr<Lease> Read();
  // Removes the files once no lease taken before this call lives. A file that cannot be removed is
  // logged and left to the next Sweep.
  void Remove(const std::vector<std::string>& ids);

  // Removes the files of earlier processes that `in_use` does not know. Returns their number.
  Result<int> Sweep(const std::function<Result<bool>(const std::string& id)>& in_use,
                    const std::stop_token& stop);

 private:
  explicit BlobStore(std::string dir);
  std::string PathOf(const std::string& id) const;
  void Unlink(const std::vector<std::string>& ids) const;
  void EndRead(uint64_t number);

  const std::string dir_;
  // Starts the ids of this process, so that Sweep never takes a file whose row is on its way.
  const std::string epoch_;
  Mutex mu_;
  uint64_t next_number_ GUARDED_BY(mu_) = 0;
  std::set<uint64_t> readers_ GUARDED_BY(mu_);  // numbers of the leases that live
  std::map<uint64_t, std::vector<std::string>> doomed_ GUARDED_BY(mu_);
};

}  // namespace leat::awsserver
