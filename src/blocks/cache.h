// The local cache as a whole: directories with quotas, what is in them, and what may come in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "blocks/object_file.h"
#include "blocks/object_id.h"

namespace leat::blocks {

enum class Tier { kMemory, kSsd, kHdd };  // fastest first

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
  uint64_t pinned = 0;     // bytes
  uint64_t evictions = 0;  // since the start
  uint64_t corrupt_chunks = 0;
  uint64_t refused = 0;  // objects that were not let in
};

struct CachedObject {
  ObjectId id;
  uint64_t size = 0;
  uint64_t cached = 0;
  bool packed = false;
  bool pinned = false;
  int open = 0;
};

// Thread-safe. A directory whose disk fails is closed for writing until the next start; what is in
// it goes on being read. Errors are values of the call that met them; nothing here retries.
class Cache {
 public:
  // Takes the locks of all directories (kAlreadyExists when another process has one), reads what is
  // in them, and drops what cannot be read.
  static Result<std::unique_ptr<Cache>> Open(std::vector<CacheDirectory> directories);
  virtual ~Cache() = default;

  // A large object that is held, as long as this lives, against eviction.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&&) noexcept;
    Handle& operator=(Handle&&) noexcept;
    ~Handle();
    explicit operator bool() const { return file_ != nullptr; }
    ObjectFile* operator->() const { return file_.get(); }
    ObjectFile& operator*() const { return *file_; }

   private:
    friend class CacheState;
    std::shared_ptr<ObjectFile> file_;
    class CacheState* cache_ = nullptr;
  };

  // Tells the policy that the object is opened (once per open, large or small).
  virtual void Access(const ObjectId& id, uint64_t size) = 0;
  // A large object that is there, partly or whole; an empty handle when it is not.
  virtual Handle Find(const ObjectId& id) = 0;
  // The same, made when it is absent and may come in, evicting what is overdue. kExhausted when it
  // may not or no directory can be written: read through.
  virtual Result<Handle> FindOrCreate(const ObjectId& id, uint64_t size) = 0;

  virtual bool HasSmall(const ObjectId& id) const = 0;
  virtual Result<std::optional<std::string>> ReadSmall(const ObjectId& id) = 0;
  // kExhausted as above.
  virtual Status PutSmall(const ObjectId& id, std::string_view bytes) = 0;

  // Pins survive restarts. Pinning an object that is not there yet is allowed: it then comes in
  // before others. kExhausted when all pins together would pass the limits.
  virtual Status Pin(const ObjectId& id, uint64_t size) = 0;
  virtual void Unpin(const ObjectId& id) = 0;
  // kConflict when it is open or pinned.
  virtual Status Evict(const ObjectId& id) = 0;

  virtual CacheStats Stats() const = 0;
  // Per directory, in the order given to Open.
  virtual std::vector<std::pair<CacheDirectory, CacheStats>> DirectoryStats() const = 0;
  virtual std::optional<CachedObject> Describe(const ObjectId& id) const = 0;
  virtual void Each(const std::function<void(const CachedObject&)>& each) const = 0;

  // Checks every present chunk and packed object against its CRC32C, at most `bytes_per_second` (0:
  // as fast as the disk); `progress` gets (bytes done, bytes in all). Returns how many were
  // dropped.
  virtual Result<uint64_t> Scrub(uint64_t bytes_per_second,
                                 const std::function<void(uint64_t, uint64_t)>& progress,
                                 const std::stop_token& stop) = 0;
};

}  // namespace leat::blocks
