// A frozen listing of a source as a tree of names, in one file that is mapped into memory: what a
// mount's names, sizes and versions come from. 1,000,000 objects take about 80 MB, read without a
// copy and without a round trip.
//
// File: header, entries of fixed size, names and entity tags as one block of bytes, a CRC32C of
// everything. Entry 0 is the root; the entries of a directory lie side by side, sorted by name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

enum class Kind : uint8_t { kDirectory, kFile, kLink };

// Of one entry. The views point into the mapped file.
struct ManifestEntry {
  std::string_view name;  // "" for the root
  Kind kind = Kind::kFile;
  // Stands for this version of this path, in this manifest and its successors: an unchanged object
  // keeps it, a changed one gets one that was never used before. 0 is the root; below 2^40.
  uint64_t id = 0;
  uint64_t size = 0;      // files: bytes
  int64_t mtime = 0;      // seconds since the epoch
  std::string_view etag;  // links: the target
  uint32_t parent = 0;    // index
  uint32_t first = 0;     // directories: index of the first child
  uint32_t children = 0;  // directories: their number
};

// A key that cannot be a path, and why: "empty name", "name is . or ..", "name over 255 bytes",
// "also a directory", "directory with bytes".
struct SkippedKey {
  std::string key;
  std::string reason;
};

// Immutable; safe from any thread.
class Manifest {
 public:
  // kNotFound; kCorrupt when the file is cut short or its checksum is wrong.
  static Result<std::shared_ptr<const Manifest>> Open(const std::string& path);
  virtual ~Manifest() = default;

  virtual const std::string& source() const = 0;  // ObjectStore::Name()
  virtual int64_t listed_at() const = 0;          // seconds since the epoch
  virtual uint32_t size() const = 0;              // entries
  virtual uint64_t files() const = 0;
  virtual uint64_t bytes() const = 0;
  virtual uint64_t next_id() const = 0;  // above every id ever given
  virtual ManifestEntry At(uint32_t index) const = 0;
  virtual std::optional<uint32_t> Find(uint32_t directory, std::string_view name) const = 0;
  virtual std::optional<uint32_t> FindPath(std::string_view path) const = 0;  // "a/b/c"; "" = root
  virtual std::optional<uint32_t> FindId(uint64_t id) const = 0;
  virtual std::string PathOf(uint32_t index) const = 0;        // equals the object's key
  virtual const std::vector<SkippedKey>& skipped() const = 0;  // at most the first 10,000
  virtual uint64_t skipped_count() const = 0;
};

// Collects objects in any order and writes a manifest. Holds about 120 bytes an object.
class ManifestBuilder {
 public:
  // `previous`: the manifest whose ids go on, or null.
  ManifestBuilder(std::string source, std::shared_ptr<const Manifest> previous);
  ~ManifestBuilder();
  void Add(const objectstore::ObjectInfo& object);
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

// Lists the whole source, several prefixes side by side, into `path`. What was listed is logged to
// `path`.partial, so that after a failure or a crash the next call goes on where it broke off (a
// log older than an hour is thrown away). `progress` is called from several threads.
Status ListSource(objectstore::ObjectStore& store, const std::string& path,
                  std::shared_ptr<const Manifest> previous, int64_t now,
                  const std::function<void(const ListingProgress&)>& progress,
                  const std::stop_token& stop);

}  // namespace leat::datanode
