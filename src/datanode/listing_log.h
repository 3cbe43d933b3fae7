// What a listing has seen so far, on disk, so that it can go on after a crash. Internal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

// A sequence of records: 1 byte of type, 4 bytes of length, the bytes. Buffered; a torn end is
// ignored. Thread-safe.
class ListingLog {
 public:
  // What an earlier log has: empty when there is none, it is of another source, or is older than
  // `not_before` (seconds since the epoch).
  struct Past {
    bool planned = false;
    std::vector<std::string> plan;   // prefixes to list, each whole
    std::set<std::string> finished;  // of those
    std::vector<objectstore::ObjectInfo> objects;
    uint64_t end = 0;  // of the last whole record; 0 without a plan
  };
  static Past Read(const std::string& path, const std::string& source, int64_t not_before);

  // Goes on with the log that Read returned, after its `end`; 0 begins one.
  static Result<std::unique_ptr<ListingLog>> Open(const std::string& path,
                                                  const std::string& source, int64_t now,
                                                  uint64_t end);
  void Object(const objectstore::ObjectInfo& object);
  void Plan(const std::vector<std::string>& prefixes);
  void Finished(const std::string& prefix);
  Status Flush();

 private:
  explicit ListingLog(io::UniqueFd fd) : fd_(std::move(fd)) {}
  void Append(char type, std::string_view bytes);

  Mutex mu_;
  io::UniqueFd fd_ GUARDED_BY(mu_);
  std::string buffer_ GUARDED_BY(mu_);
  Status status_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
