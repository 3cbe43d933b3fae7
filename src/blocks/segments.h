// Small objects, packed: appended to segment files of up to 64 MiB, found by an index in memory.
//
//   <dir>/segments/<number>.seg   records: a header of 48 bytes (magic, CRC32C of the header,
//   CRC32C
//                                 of the bytes, size, id, dead mark), the bytes, padding to 8
//
// The index is rebuilt from the records' headers at the start: 40 bytes an object. A segment is the
// unit of room and of eviction: what was fetched together leaves together. What shall stay of one
// is copied into a file beside it, <number>.seg.new, that replaces it in one step.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "blocks/object_id.h"
#include "io/fd.h"

namespace leat::blocks {

inline constexpr uint64_t kSegmentSize = 64 << 20;  // at most, where descriptors are not scarce
inline constexpr uint64_t kLargestSegment = uint64_t{2} << 30;  // offsets in it have 32 bits

// Thread-safe. Reading waits for no writer's disk.
class Segments {
 public:
  using Keep = std::function<bool(const ObjectId&)>;

  // Reads what is in `dir`; a record that was cut short by a crash ends its segment there. Of more
  // than `most` segments the oldest are removed, last those with an object that `stays` is true of.
  static Result<std::unique_ptr<Segments>> Open(const std::string& dir,
                                                uint64_t segment_size = kSegmentSize,
                                                size_t most = SIZE_MAX, const Keep& stays = {});

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
  // Removes all of a segment but the living records that `keep` is true of; it takes nothing more,
  // and is removed when none are left. While they are copied both are on disk, and readers go on.
  // After an error (the disk's, or kCorrupt) it is as it was.
  Status Reduce(uint32_t number, const Keep& keep);
  // Whether dead records make more than half of it, and more than a sixteenth of a full one.
  bool IsWasteful(uint32_t number) const;
  // Removes the dead records of a segment that IsWasteful, as Reduce does; the newest takes more.
  // After kCorrupt it no longer counts as wasteful in this process.
  Status Compact(uint32_t number);

  // The two smallest that take nothing more, the older one first; nullopt when there are none, or
  // one file cannot hold both.
  std::optional<std::pair<uint32_t, uint32_t>> Mergeable() const;
  // Moves the living records of `from` behind those of `into` and removes `from`, as Reduce does;
  // neither may be the newest.
  Status Merge(uint32_t into, uint32_t from);

  void Each(const std::function<void(const ObjectId& id, uint32_t size)>& each) const;
  std::vector<uint32_t> Numbers() const;
  uint64_t segment_size() const { return segment_size_; }
  // What an object of `size` takes in a segment.
  static uint64_t RoomFor(uint64_t size);
  // The bytes that a segment has, or, of the newest, may come to have; 0 when it is gone.
  uint64_t RoomOf(uint32_t number) const;
  uint64_t objects() const;
  uint64_t AllocatedBytes() const;  // of the segment files, dead records included; a running total
  uint64_t rotten() const;          // objects that were dropped since Open

 private:
  struct Segment {
    io::UniqueFd fd;
    uint32_t end = 0;        // where the next record goes
    uint32_t objects = 0;    // living ones
    uint64_t living = 0;     // bytes of their records
    uint64_t allocated = 0;  // what of allocated_ is its
    bool sealed = false;     // takes nothing more, though it is the newest
    bool stuck = false;      // damaged: cannot be rewritten
  };
  struct Place {
    uint32_t segment;
    uint32_t offset;  // of the record
    uint32_t size;    // of the bytes
  };

  // A record that is copied, or (to == kLeftOut) not, as it was when its turn came.
  static constexpr uint32_t kLeftOut = UINT32_MAX;
  struct Moved {
    ObjectId id;
    uint32_t segment;  // where it was
    uint32_t from;
    uint32_t to;
  };
  using Numbered = std::pair<uint32_t, std::shared_ptr<Segment>>;

  Segments(std::string dir, uint64_t segment_size)
      : dir_(std::move(dir)), segment_size_(segment_size) {}
  std::string PathOf(uint32_t number) const;
  void RemoveOldest(std::vector<uint32_t>& numbers, size_t most, const Keep& stays) const;
  Status Load(uint32_t number);
  void RemoveLocked(const ObjectId& id, bool mark) REQUIRES(mu_);
  void DropSegment(uint32_t number) REQUIRES(mu_);
  void Measure(Segment& segment) REQUIRES(mu_);
  bool TakesMore(uint32_t number) const REQUIRES(mu_);
  // Of more than one segment, only the first may be the newest.
  Status Rewrite(const std::vector<uint32_t>& numbers, const Keep& keep, bool seal)
      REQUIRES(rewrite_mu_);
  Status CopyLiving(uint32_t number, const Segment& from, uint32_t begin, uint32_t end,
                    const Keep& keep, Segment& to, std::vector<Moved>& moved);
  Status Replace(const std::vector<Numbered>& old, const std::shared_ptr<Segment>& fresh,
                 const std::vector<Moved>& moved) REQUIRES(mu_);

  const std::string dir_;
  const uint64_t segment_size_;
  Mutex rewrite_mu_;  // taken before append_mu_
  Mutex append_mu_;   // taken before mu_; held while bytes are appended
  mutable Mutex mu_;
  std::unordered_map<ObjectId, Place> places_ GUARDED_BY(mu_);
  std::map<uint32_t, std::shared_ptr<Segment>> segments_ GUARDED_BY(mu_);
  uint32_t next_number_ GUARDED_BY(mu_) = 1;
  uint64_t allocated_ GUARDED_BY(mu_) = 0;  // bytes on disk
  uint64_t rotten_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::blocks
