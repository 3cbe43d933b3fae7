// Small objects, packed: appended to segment files of 64 MiB, found by an index in memory.
//
//   <dir>/segments/<number>.seg   records: header of 48 bytes (magic, CRC32C of header and bytes,
//                                 size, id, dead mark), the bytes, padding to 8
// The index is rebuilt from the records' headers at the start; bytes are checked when they are
// first read. A segment in which nothing lives any more is removed; one that is mostly dead is
// compacted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blocks/object_id.h"

namespace leat::blocks {

// Thread-safe. Reading takes no lock that a writer holds while it waits for the disk.
class Segments {
 public:
  static Result<std::unique_ptr<Segments>> Open(const std::string& dir);
  ~Segments();

  bool Has(const ObjectId& id) const;
  // The whole object, its CRC32C checked; nullopt when it is not there or was rotten (then it is
  // gone).
  Result<std::optional<std::string>> Read(const ObjectId& id);
  // Appends; replaces nothing: an id that is there already is success.
  Status Append(const ObjectId& id, std::string_view bytes);
  void Remove(const ObjectId& id);
  void Each(const std::function<void(const ObjectId& id, uint32_t size)>& each) const;

  uint64_t objects() const;
  uint64_t AllocatedBytes() const;  // of the segment files, dead records included
  // Removes or rewrites segments until at most a quarter of the bytes are dead.
  Status Compact(const std::stop_token& stop);

 private:
  struct State;
  explicit Segments(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace leat::blocks
