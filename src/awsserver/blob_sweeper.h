// What is done about the files that earlier processes left (blob_store.h says which there may be).
// Only what the index itself has recorded as garbage is removed: blobs that it freed, and
// unfinished uploads of processes that began with this very index. All other files that no row
// names stay, for the index may be the wrong one: empty, an older copy, damaged. They are counted,
// listed in <dir>/unnamed-files and told in one line of the log.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "awsserver/blob_store.h"
#include "awsserver/object_index.h"
#include "base/result.h"

namespace leat::awsserver {

// Works in a thread of its own, beside requests, until destruction.
class BlobSweeper {
 public:
  // Records that this process begins with this index: call it before the first blob is created.
  // `dir` is where the list goes.
  static Result<std::unique_ptr<BlobSweeper>> Start(std::string dir, ObjectIndex& index,
                                                    BlobStore& blobs);

 private:
  struct Unnamed {
    uint64_t bytes = 0;
    std::vector<std::string> paths;
    std::set<std::string> runs;  // processes that left settled files among them
  };

  BlobSweeper(std::string dir, ObjectIndex& index, BlobStore& blobs);
  void Run(const std::stop_token& stop);
  Status Sweep(const std::stop_token& stop);
  // Sorts what the index does not name into `unnamed`, and unfinished uploads of `ours`, which are
  // processes that began with this index.
  Status Look(const std::set<std::string>& ours, Unnamed& unnamed,
              std::vector<BlobStore::File>& unfinished, const std::stop_token& stop);
  Status Tell(const Unnamed& unnamed) const;

  const std::string dir_;
  ObjectIndex& index_;
  BlobStore& blobs_;
  std::jthread thread_;
};

}  // namespace leat::awsserver
