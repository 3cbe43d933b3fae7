// A frozen listing of a source as a tree of names, in one file that is mapped into memory: what a
// mount's names, sizes and versions come from. 1,000,000 objects take about 85 MB, are read without
// a copy, and cost no round trip.
//
// File: header, entries of 32 bytes, an order of ids (when they are not simply the indexes), and
// one block of texts; a CRC32C over everything. Entry 0 is the root; the entries of a directory lie
// side by side, sorted by name.
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
#include "objectstore/object_store.h"

namespace leat::datanode {

enum class Kind : uint8_t { kDirectory, kFile, kLink };

// One entry. The views point into the mapped file.
struct ManifestEntry {
  std::string_view name;  // "" for the root
  Kind kind = Kind::kFile;
  // Stands for this version of this path, in this manifest and its successors: an unchanged object
  // keeps it, a changed one gets one that was never used before. 0 is the root; below 2^40.
  uint64_t id = 0;
  uint64_t size = 0;  // files: bytes
  int64_t mtime = 0;  // seconds since the epoch, 1970 to 2106; a directory's: its newest object's
  std::string_view etag;  // links: the target
  uint32_t parent = 0;    // index
  uint32_t first = 0;     // directories: index of the first child
  uint32_t children = 0;  // directories: their number
};

// A key that cannot be a path, and why.
struct SkippedKey {
  std::string key;
  std::string reason;
};

// Immutable; safe from any thread.
class Manifest {
 public:
  // kNotFound; kCorrupt when the file is cut short, its checksum is wrong, or it contradicts
  // itself; the disk's error when it cannot be read. It is read whole, and mapped afterwards: a
  // page that the disk loses later ends the process with SIGBUS.
  static Result<std::shared_ptr<const Manifest>> Open(const std::string& path);
  ~Manifest();
  Manifest(const Manifest&) = delete;
  Manifest& operator=(const Manifest&) = delete;

  std::string_view source() const { return source_; }  // ObjectStore::Name()
  int64_t listed_at() const;                           // seconds since the epoch
  uint32_t size() const;                               // entries
  uint64_t files() const;                              // links included
  uint64_t bytes() const;
  uint64_t next_id() const;  // above every id ever given
  ManifestEntry At(uint32_t index) const;
  std::optional<uint32_t> Find(uint32_t directory, std::string_view name) const;
  std::optional<uint32_t> FindPath(std::string_view path) const;  // "a/b/c"; "" is the root
  std::optional<uint32_t> FindId(uint64_t id) const;
  std::string PathOf(uint32_t index) const;                            // equals the object's key
  const std::vector<SkippedKey>& skipped() const { return skipped_; }  // the first 10,000
  uint64_t skipped_count() const;

 private:
  Manifest() = default;

  const char* data_ = nullptr;  // of the mapping
  size_t length_ = 0;
  std::string_view source_;
  std::vector<SkippedKey> skipped_;
};

// Collects objects in any order and writes a manifest. Holds about 150 bytes an object.
class ManifestBuilder {
 public:
  // `previous`: the manifest whose ids go on, or null.
  ManifestBuilder(std::string source, std::shared_ptr<const Manifest> previous);
  ~ManifestBuilder();
  // A key that was added before is replaced.
  void Add(const objectstore::ObjectInfo& object);
  uint64_t objects() const;
  // Written aside and renamed. The builder is empty afterwards.
  Status Write(const std::string& path, int64_t listed_at);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

struct ListingProgress {
  uint64_t objects = 0;
  uint64_t bytes = 0;
};

// Lists the whole source, up to eight prefixes side by side, and writes the manifest to `path`.
// What was listed is logged to `listing.partial` in the same directory, so that after a failure or
// a crash the next call for the source goes on where it broke off (a log older than an hour before
// `now` is thrown away). One call at a time in a directory. `progress` is called from several
// threads, one at a time.
Status ListSource(objectstore::ObjectStore& store, const std::string& path,
                  std::shared_ptr<const Manifest> previous, int64_t now,
                  const std::function<void(const ListingProgress&)>& progress,
                  const std::stop_token& stop);

}  // namespace leat::datanode
