// Small objects, packed: appended to segment files of up to 64 MiB, found by an index in memory.
//
//   <dir>/segments/<number>.seg   records: a header of 48 bytes (magic, CRC32C of the header,
//   CRC32C
//                                 of the bytes, size, id, dead mark), the bytes, padding to 8
//
// The index is rebuilt from the records' headers at the start: 40 bytes an object. A segment is the
// unit of room and of eviction: what was fetched together leaves together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "blocks/object_id.h"
#include "io/fd.h"

namespace leat::blocks {

inline constexpr uint64_t kSegmentSize = 64 << 20;  // at most

// Thread-safe. Reading waits for no writer's disk.
class Segments {
 public:
  // Reads what is in `dir`; a record that was cut short by a crash ends its segment there.
  static Result<std::unique_ptr<Segments>> Open(const std::string& dir,
                                                uint64_t segment_size = kSegmentSize);

  bool Has(const ObjectId& id) const;
  std::optional<uint32_t> SizeOf(const ObjectId& id) const;
  std::optional<uint32_t> SegmentOf(const ObjectId& id) const;
  // The whole object, its CRC32C checked each time; nullopt when it is not there. kCorrupt: it was
  // rotten, and is gone.
  Result<std::optional<std::string>> Read(const ObjectId& id);

  // True when `size` more bytes need a segment to be begun first.
  bool IsFull(uint64_t size) const;
  // Begins one and returns its number; the ones before take nothing more.
  Result<uint32_t> Begin();
  // Appends to the newest segment; an id that is there already is success. kConflict: the segment
  // IsFull, or another thread has removed it: begin one and try again. Else the disk's error.
  Status Append(const ObjectId& id, std::string_view bytes);
  // The bytes stay on disk until their segment goes.
  void Remove(const ObjectId& id);
  // Removes a segment of dead records alone, the newest too; false: it has living ones, or is gone.
  bool RemoveIfDead(uint32_t number);
  void RemoveSegment(uint32_t number);

  void Each(const std::function<void(const ObjectId& id, uint32_t size)>& each) const;
  std::vector<uint32_t> Numbers() const;
  uint64_t segment_size() const { return segment_size_; }
  uint64_t objects() const;
  uint64_t AllocatedBytes() const;  // of the segment files, dead records included; a running total
  uint64_t rotten() const;          // objects that were dropped since Open

 private:
  struct Segment {
    io::UniqueFd fd;
    uint32_t end = 0;        // where the next record goes
    uint32_t objects = 0;    // living ones
    uint64_t allocated = 0;  // what of allocated_ is its
  };
  struct Place {
    uint32_t segment;
    uint32_t offset;  // of the record
    uint32_t size;    // of the bytes
  };

  Segments(std::string dir, uint64_t segment_size)
      : dir_(std::move(dir)), segment_size_(segment_size) {}
  std::string PathOf(uint32_t number) const;
  Status Load(uint32_t number);
  void RemoveLocked(const ObjectId& id, bool mark) REQUIRES(mu_);
  void DropSegment(uint32_t number) REQUIRES(mu_);
  void Measure(Segment& segment) REQUIRES(mu_);

  const std::string dir_;
  const uint64_t segment_size_;
  Mutex append_mu_;  // taken before mu_; held while bytes are written
  mutable Mutex mu_;
  std::unordered_map<ObjectId, Place> places_ GUARDED_BY(mu_);
  std::map<uint32_t, std::shared_ptr<Segment>> segments_ GUARDED_BY(mu_);
  uint32_t next_number_ GUARDED_BY(mu_) = 1;
  uint64_t allocated_ GUARDED_BY(mu_) = 0;  // bytes on disk
  uint64_t rotten_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::blocks
