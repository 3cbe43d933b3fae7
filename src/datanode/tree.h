// The names that a mount shows, over time: its current manifest, earlier ones whose files are still
// known to the kernel, and single objects that were found changed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/manifest.h"
#include "fuse/filesystem.h"

namespace leat::datanode {

// Node ids are odd: the root, id 0, must be 1. Versions of Leat before had even ones for files that
// were incomplete, which the kernel may still know after an upgrade; they stand for the same. Those
// were opened direct, and must be for ever: nobody kept which of them are open, and the kernel
// refuses passthrough on one that is mapped shared.
inline constexpr fuse::NodeId NodeOf(uint64_t id) { return id * 2 + 1; }
inline constexpr bool IsOfEarlierVersion(fuse::NodeId node) { return node % 2 == 0; }
inline constexpr uint64_t IdOfNode(fuse::NodeId node) { return node / 2; }
inline constexpr uint64_t InodeOf(uint64_t id) { return id + 1; }

struct TreeEntry {
  uint64_t id = 0;
  Kind kind = Kind::kFile;
  uint64_t size = 0;
  int64_t mtime = 0;
  std::string etag;  // links: the target
  std::string key;   // relative to the source; of directories without the last '/'
};

// Directories ("" for the root, else "a/b") that have files, there or deeper, in `before`, and in
// `after` are there without any. Not those in others of them.
std::vector<std::string> EmptiedDirectories(const Manifest& before, const Manifest& after);

// What changed between two states, for the kernel: names in directories (by id) to look up again.
struct Change {
  uint64_t directory = 0;
  std::string name;
};

// Thread-safe.
class Tree {
 public:
  explicit Tree(std::shared_ptr<const Manifest> manifest) : manifest_(std::move(manifest)) {}

  std::optional<TreeEntry> Lookup(uint64_t directory, std::string_view name) const;
  // Also ids of the last 16 manifests and of amended objects.
  std::optional<TreeEntry> Find(uint64_t id) const;
  std::optional<TreeEntry> FindPath(std::string_view path) const;
  // Children in the order of their names, from position `from` on (0, or a `next`); `each` returns
  // false to stop. A position is the place after a name, so that it stays good when the manifest is
  // replaced: names that are in both are listed once. kNotFound for what is no directory; kExpired
  // when more manifests came since than are remembered.
  Status List(uint64_t directory, uint64_t from,
              const std::function<bool(std::string_view name, const TreeEntry&, uint64_t next)>&
                  each) const;
  // Where a file stands in the current manifest; nullopt for what it does not have. Neighbours in a
  // directory have neighbouring places.
  std::optional<uint32_t> PlaceOf(uint64_t id) const;
  // The files at places [begin, end) in the directory of the one at `beside`.
  std::vector<TreeEntry> FilesAt(uint32_t beside, uint32_t begin, uint32_t end) const;
  std::shared_ptr<const Manifest> manifest() const;

  // What another manifest, made with the current one as its predecessor, would change. Going over
  // to one that changes nothing would only push out an older one that open files may still need.
  std::vector<Change> ChangesTo(const Manifest& manifest) const;
  // Goes over to it.
  void Replace(std::shared_ptr<const Manifest> manifest);
  // The object behind the file `id` has become `info`, or is gone (nullopt): gives it a new id.
  // Appends to `log`, a file kept for the life of the mount, so that the next worker knows.
  // What was gone may be there again: as the same file when it is the same version. kConflict when
  // anything else happened to `id` before.
  Result<Change> Amend(uint64_t id, const std::optional<objectstore::ObjectInfo>& info,
                       const std::string& log);
  // Ids of files that are gone, and such a file if it is one of the current manifest.
  std::vector<uint64_t> Gone() const;
  std::optional<TreeEntry> FindGone(uint64_t id) const;
  // Files as they are shown that the current manifest, but for an amendment, would show as another
  // version. Gone ones are left out.
  std::vector<TreeEntry> ShownAmended() const;
  // Reads what Amend wrote, for this manifest and ids of others; no file is success.
  Status ReadAmendments(const std::string& log);

 private:
  struct Amendment {
    uint64_t new_id = 0;  // 0: gone; the old id: there again
    uint64_t size = 0;
    int64_t mtime = 0;
    std::string etag;
  };

  // The index of the child of `directory` that follows the name that had this id.
  std::optional<uint32_t> IndexAfter(const Manifest& manifest, uint32_t directory,
                                     uint64_t id) const;
  TreeEntry EntryAt(const Manifest& manifest, uint32_t index) const;
  // The entry as it is now; nullopt when it is gone.
  std::optional<TreeEntry> Amended(TreeEntry entry) const REQUIRES(mu_);
  void Apply(uint64_t id, const Amendment& amendment) REQUIRES(mu_);
  // The id in a manifest that an amended object came from; of others, their own.
  uint64_t FirstOf(uint64_t id) const REQUIRES(mu_);

  mutable Mutex mu_;
  std::shared_ptr<const Manifest> manifest_ GUARDED_BY(mu_);
  std::deque<std::shared_ptr<const Manifest>> older_ GUARDED_BY(mu_);    // newest first
  std::unordered_map<uint64_t, Amendment> amendments_ GUARDED_BY(mu_);   // by old id
  std::unordered_map<uint64_t, uint64_t> amended_from_ GUARDED_BY(mu_);  // new id to old id
  uint64_t next_amended_ GUARDED_BY(mu_) = uint64_t{1} << 39;  // ids of manifests stay below
};

}  // namespace leat::datanode
