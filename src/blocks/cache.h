// The local cache as a whole: directories with quotas, what is in them, and what may come in.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "blocks/object_file.h"
#include "blocks/object_id.h"

namespace leat::blocks {

enum class Tier { kMemory, kSsd, kHdd };  // fastest first
std::string_view TierName(Tier tier);     // "memory", "ssd", "hdd"

struct CacheDirectory {
  std::string path;
  uint64_t limit = 0;  // bytes on disk; 0 = a tenth of the file system
  Tier tier = Tier::kSsd;
  // "PATH[,size=20G][,tier=memory|ssd|hdd]"; kInvalid says what is wrong.
  static Result<CacheDirectory> Parse(std::string_view text);
  std::string ToString() const;
};

struct CacheStats {
  uint64_t limit = 0;
  uint64_t used = 0;       // bytes on disk, files that are unlinked and still open included
  uint64_t unlinked = 0;   // of those
  uint64_t objects = 0;    // large ones
  uint64_t packed = 0;     // small ones
  uint64_t pinned = 0;     // bytes that they take on disk, or will take
  uint64_t evictions = 0;  // since the start
  uint64_t corrupt_chunks = 0;
  uint64_t refused = 0;  // objects that were not let in
};

struct PinWish {
  ObjectId id;
  uint64_t size = 0;
};

struct CachedObject {
  ObjectId id;
  uint64_t size = 0;
  uint64_t cached = 0;
  bool packed = false;
  bool pinned = false;
  int open = 0;
};

// Thread-safe. Files are made, opened and removed under the cache's one lock; bytes are read and
// written outside it. Errors are values of the call that met them; nothing here retries.
class Cache {
 public:
  // Takes the locks of all directories (kAlreadyExists when another process has one), and reads
  // what is in them; what a version of Leat with other names for objects left is dropped. The first
  // directory of the fastest tier that has room takes a new object.
  static Result<std::unique_ptr<Cache>> Open(std::vector<CacheDirectory> directories, Clock& clock);
  ~Cache();

  // A large object that is held against eviction as long as this lives; may not outlive the cache.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept { *this = std::move(other); }
    Handle& operator=(Handle&& other) noexcept;
    ~Handle();
    explicit operator bool() const { return file_ != nullptr; }
    ObjectFile* operator->() const { return file_.get(); }
    ObjectFile& operator*() const { return *file_; }

   private:
    friend class Cache;
    Handle(Cache* cache, std::shared_ptr<ObjectFile> file)
        : cache_(cache), file_(std::move(file)) {}
    Cache* cache_ = nullptr;
    std::shared_ptr<ObjectFile> file_;
  };

  // Tells the policy that the object is opened (once per open, large or small).
  void Access(const ObjectId& id, uint64_t size);
  // A large object that is there, partly or whole; an empty handle when it is not, or when as many
  // are open as the limit of descriptors allows.
  Handle Find(const ObjectId& id);
  // Whatever that limit; for one read, not to be kept.
  Handle FindBriefly(const ObjectId& id);
  // Whether a large object is there, whole; opens nothing. Not the last word: a crash may have left
  // something else.
  bool IsComplete(const ObjectId& id) const;
  // As Find, made when it is absent and may come in, evicting what is overdue. Else it is read
  // through: kExhausted when there is no room for it, kInternal when a disk cannot be written.
  Result<Handle> FindOrCreate(const ObjectId& id, uint64_t size);

  bool HasSmall(const ObjectId& id) const;
  // nullopt when it is not there; kCorrupt: it was rotten, and is gone.
  Result<std::optional<std::string>> ReadSmall(const ObjectId& id);
  // Errors as above.
  Status PutSmall(const ObjectId& id, std::string_view bytes);

  // Pins survive restarts. An object that is not there yet may be pinned: when it comes, others
  // leave for it. When a segment leaves, the pinned objects in it stay, unless the disk fails: then
  // they are pinned, but not there. kExhausted when all pins together would pass the limits: then
  // none of these is pinned. Each call writes the list of all pins: give many at a time.
  Status Pin(std::span<const PinWish> objects);
  Status Pin(const ObjectId& id, uint64_t size) {
    const PinWish one{id, size};
    return Pin({&one, 1});
  }
  Status Unpin(std::span<const ObjectId> ids);
  Status Unpin(const ObjectId& id) { return Unpin({&id, 1}); }
  bool IsPinned(const ObjectId& id) const;
  // kConflict when it is open or pinned; absent is success. Compact() after the last of many.
  Status Evict(const ObjectId& id);
  // Gives back the room of dead small objects, where Segments::IsWasteful. While one is rewritten,
  // the cache takes up to half a segment more. Stops between two. After Open it is the caller's to
  // give back what an earlier process did not: it may take minutes.
  void Compact(const std::stop_token& stop = {});
  // Closes half of the files that are open though nobody holds them, for whoever has run out of
  // descriptors; false when there are none. The cache itself leaves a part of RLIMIT_NOFILE (as it
  // was at Open) to others: objects beyond are read through.
  bool GiveBackDescriptors();

  // Running totals: they cost the same however much is cached.
  CacheStats Stats() const;
  // Per directory, fastest tier first.
  std::vector<std::pair<CacheDirectory, CacheStats>> DirectoryStats() const;
  std::optional<CachedObject> Describe(const ObjectId& id) const;
  void Each(const std::function<void(const CachedObject&)>& each) const;

  // Holds every chunk and packed object against its CRC32C, at most `bytes_per_second` (0: as fast
  // as the disk); `progress` gets (bytes done, bytes in all). `rotten` gets each object of which
  // something was dropped.
  struct Scrubbed {
    uint64_t dropped = 0;  // chunks and packed objects
    uint64_t skipped = 0;  // objects whose files cannot be opened
  };
  Result<Scrubbed> Scrub(
      uint64_t bytes_per_second, const std::function<void(uint64_t, uint64_t)>& progress,
      const std::stop_token& stop,
      const std::function<void(const ObjectId&)>& rotten = [](const ObjectId&) {});

 private:
  struct Directory;
  struct Entry {
    uint64_t size = 0;
    size_t directory = 0;
    int holds = 0;
    bool pinned = false;
    std::shared_ptr<ObjectFile> file;         // null: on disk, not open
    ObjectSummary summary = {};               // as it was when the file was last not open
    std::list<ObjectId>::iterator idle = {};  // when the file is open and nobody holds it
  };

  explicit Cache(Clock& clock);
  Status Load(size_t directory);
  Status SavePins(size_t directory) REQUIRES(mu_);
  // `beyond`: also where no more files may be open.
  Handle HoldLocked(const ObjectId& id, bool beyond = false) REQUIRES(mu_);
  void Release(const std::shared_ptr<ObjectFile>& file);
  // Closes those that nobody has held for longest, until `most` are left; false when it closed
  // none.
  bool CloseIdle(size_t most) REQUIRES(mu_);
  // Whether one more file may be open; closes an idle one for it.
  bool MayOpen() REQUIRES(mu_);
  // What `open` returns; called again with the descriptors of idle files when there was none.
  template <typename Function>
  auto WithDescriptors(const Function& open) REQUIRES(mu_);
  // Drops an object that nobody holds from the books and the disk.
  void Discard(const ObjectId& id) REQUIRES(mu_);
  // False when it was not there.
  bool RemoveSmall(const ObjectId& id) REQUIRES(mu_);
  void CompactSegment(Directory& directory, uint32_t number);
  // Has the newest segment take an object of this size, beginning another when it is full.
  Status MakeRoomForSmall(Directory& directory, uint64_t size, bool pinned) REQUIRES(mu_);
  // Each segment has a descriptor: makes one of two small ones while there are too many.
  void KeepSegmentsFew(Directory& directory) REQUIRES(mu_);
  void Leave(Directory& directory, const std::vector<ObjectId>& leaving) REQUIRES(mu_);
  // But for what is pinned in it, unless the disk does not let that stay.
  void LeaveSegment(Directory& directory, uint32_t number) REQUIRES(mu_);
  // Brings what the policy knows of a segment up to date.
  void Settle(Directory& directory, uint32_t number) REQUIRES(mu_);
  // The directory that it is pinned in.
  std::optional<size_t> PinnedWhere(const ObjectId& id) const REQUIRES(mu_);
  Status AddPin(const PinWish& wish, std::vector<size_t>& directories) REQUIRES(mu_);
  void RemovePin(size_t directory, const ObjectId& id) REQUIRES(mu_);
  // Tells the policy in which segment a pinned small object is now.
  void PlacePin(Directory& directory, const ObjectId& id) REQUIRES(mu_);
  CacheStats StatsOf(size_t directory) const REQUIRES(mu_);
  static ObjectSummary SummaryOf(const Entry& entry);

  Clock& clock_;
  mutable Mutex mu_;
  std::vector<std::unique_ptr<Directory>> directories_;  // fixed after Open
  std::unordered_map<ObjectId, Entry> entries_ GUARDED_BY(mu_);
  std::list<ObjectId> idle_ GUARDED_BY(mu_);  // open files that nobody holds, longest first
  const size_t most_open_;
  size_t open_ GUARDED_BY(mu_) = 0;  // files, idle ones included
  uint64_t evictions_ GUARDED_BY(mu_) = 0;
  uint64_t corrupt_ GUARDED_BY(mu_) = 0;
  uint64_t refused_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::blocks
