// One large object in the cache: a sparse file, and beside it which chunks it has and their CRC32C.
//
//   <dir>/objects/ab/abcdef....data    the bytes at their own offsets
//   <dir>/objects/ab/abcdef....chunks  64-byte header (magic, version, id, size, chunk size), then
//                                      8 bytes per chunk: CRC32C, and a mark that the chunk is
//                                      there
//
// The data file's sticky bit says that every chunk is there. It is set after the last mark, and
// taken back before anybody may miss a chunk that was dropped; whoever opens the files believes the
// marks, and mends the bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "blocks/object_id.h"
#include "io/fd.h"

namespace leat::blocks {

// What is known of an object without reading its marks.
struct ObjectSummary {
  uint64_t size = 0;
  uint64_t present = 0;    // bytes that are there; of an incomplete object: as its blocks tell
  uint64_t allocated = 0;  // bytes that both files take on disk
  bool complete = false;
};

// The bytes that the object files of a directory take on disk, added up while they are filled and
// go, so that nobody has to look at all of them. As the file system told after the last fill, close
// or check of each: what it lays out otherwise when it writes back is found then.
struct DiskUse {
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint64_t> unlinked = 0;  // of those: of discarded files that are still open
  std::atomic<uint64_t> rotten = 0;    // chunks that were dropped, since the start
};

// Thread-safe. Bytes are handed out only after this process wrote them or checked their CRC32C.
// The files are removed by Discard alone; descriptors and memory last as long as the object.
class ObjectFile {
 public:
  // Makes an empty one; kAlreadyExists. What it takes is counted in `use`, until it is discarded
  // and no longer open.
  static Result<std::shared_ptr<ObjectFile>> Create(
      const std::string& dir, const ObjectId& id, uint64_t size,
      std::shared_ptr<DiskUse> use = std::make_shared<DiskUse>());
  // Opens what an earlier process left. Chunks count as present, and are checked at first use.
  // kCorrupt when the files are not what they should be (the caller discards them). `counted`:
  // bytes of it that are in `use` already.
  static Result<std::shared_ptr<ObjectFile>> Open(
      const std::string& dir, const ObjectId& id,
      std::shared_ptr<DiskUse> use = std::make_shared<DiskUse>(), uint64_t counted = 0);
  ~ObjectFile();

  // Unlinks the files of an object that is not open.
  static void Remove(const std::string& dir, const ObjectId& id);
  static std::string DataPath(const std::string& dir, const ObjectId& id);
  // Of an object that need not be open, without opening it; nullopt when it is not there.
  static std::optional<ObjectSummary> Summarize(const std::string& dir, const ObjectId& id);

  const ObjectId& id() const { return id_; }
  uint64_t size() const { return size_; }
  uint64_t chunks() const { return (size_ + kChunkSize - 1) / kChunkSize; }
  // The data file, open for reading: for passthrough once complete() and VerifyAll.
  int fd() const { return data_.get(); }

  bool Has(uint64_t chunk) const;
  uint64_t present_chunks() const;
  uint64_t present_bytes() const;
  bool complete() const { return present_chunks() == chunks(); }
  // The bytes that both files take on disk, as they are counted.
  uint64_t AllocatedBytes() const;
  ObjectSummary Summary() const;

  // Writes a whole chunk and marks it present; the mark is written after the bytes. The disk's
  // error (kExhausted, kInternal) leaves the chunk absent.
  Status Fill(uint64_t chunk, std::string_view bytes);
  // Reads a chunk and holds it against its CRC32C, also when that was done before; else as Verify.
  Result<bool> Check(uint64_t chunk);
  // Checks a present chunk unless this process did so before; false when it was rotten: it is then
  // absent. kInternal when the disk cannot read it: also absent then.
  Result<bool> Verify(uint64_t chunk);
  // All present chunks; the number that were dropped.
  Result<uint64_t> VerifyAll(const std::stop_token& stop = {});
  // Reads up to the end of the present, verified chunks that cover `offset` on; 0 when the first of
  // them is absent. kInternal, kCorrupt when the disk cannot read them: they are absent then.
  Result<size_t> Read(uint64_t offset, std::span<char> buffer);
  // Brings what is counted, and the sticky bit, up to date; fills and drops do.
  void Settle();
  // Unlinks the files. Reading and filling go on working until the last owner lets go.
  void Discard();

 private:
  ObjectFile(ObjectId id, uint64_t size, std::string base, io::UniqueFd data, io::UniqueFd marks,
             std::shared_ptr<DiskUse> use, uint64_t counted);
  uint64_t LengthOf(uint64_t chunk) const;
  void Drop(uint64_t chunk);

  // Of one chunk; a byte each, so that 5 TB take 5 MB of memory.
  enum State : uint8_t { kAbsent, kUnchecked, kChecked };

  const ObjectId id_;
  const uint64_t size_;
  const std::string base_;  // both paths without their endings
  const io::UniqueFd data_;
  const io::UniqueFd marks_;
  std::vector<std::atomic<uint8_t>> states_;
  std::atomic<uint64_t> present_ = 0;
  const std::shared_ptr<DiskUse> use_;
  // One thread at a time writes data: the kernel has a lock for that too, but spins for it.
  Mutex filling_;
  mutable Mutex mu_;
  uint64_t allocated_ GUARDED_BY(mu_);  // what of use_->bytes is ours
  bool discarded_ GUARDED_BY(mu_) = false;
  bool marked_ GUARDED_BY(mu_) = false;  // the sticky bit
  std::atomic<bool> told_ = false;       // that a chunk was dropped
};

}  // namespace leat::blocks
