// The names that a mount shows, over time: its current manifest, earlier ones whose files are still
// known to the kernel, and single objects that were found changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/manifest.h"
#include "fuse/filesystem.h"

namespace leat::datanode {

// Node ids. A file has two: one for files that were opened when the object was complete in the
// cache, and one for those opened before; the kernel must not see direct and passthrough opens of a
// partial and a complete file on one inode in the wrong order. Both show the same st_ino.
inline constexpr fuse::NodeId NodeOf(uint64_t id, bool complete = true) {
  return id * 2 + (complete ? 1 : 0);  // the root, id 0, is 1
}
inline constexpr uint64_t IdOfNode(fuse::NodeId node) { return node / 2; }
inline constexpr bool IsComplete(fuse::NodeId node) { return node & 1; }
inline constexpr uint64_t InodeOf(uint64_t id) { return id + 1; }

struct TreeEntry {
  uint64_t id = 0;
  Kind kind = Kind::kFile;
  uint64_t size = 0;
  int64_t mtime = 0;
  std::string etag;  // links: the target
  std::string key;   // relative to the source; of directories without the last '/'
};

// What changed between two states, for the kernel: names in directories (by id) to look up again.
struct Change {
  uint64_t directory = 0;
  std::string name;
};

// Thread-safe.
class Tree {
 public:
  explicit Tree(std::shared_ptr<const Manifest> manifest);

  std::optional<TreeEntry> Lookup(uint64_t directory, std::string_view name) const;
  // Also ids of earlier versions, until Forget.
  std::optional<TreeEntry> Find(uint64_t id) const;
  std::optional<TreeEntry> FindPath(std::string_view path) const;
  // Children from position `from` on (a position stays good within one manifest); `each` gets the
  // position after the entry and returns false to stop. Returns kNotFound for what is no directory.
  Status List(uint64_t directory, uint64_t from,
              const std::function<bool(std::string_view name, const TreeEntry&, uint64_t next)>&
                  each) const;
  std::shared_ptr<const Manifest> manifest() const;

  // Goes over to a newer manifest. The old one is kept while `known` ids of it may be asked for:
  // the last 16 manifests are.
  std::vector<Change> Replace(std::shared_ptr<const Manifest> manifest);
  // The object behind the file `id` has become `info`: gives it a new id. Kept in `log` (a file) so
  // that the next worker knows. Null info: the object is gone.
  Result<Change> Amend(uint64_t id, const objectstore::ObjectInfo* info, const std::string& log);
  // Reads what Amend wrote for this manifest.
  Status ReadAmendments(const std::string& log);

 private:
  // The author of the body owns this part.
};

}  // namespace leat::datanode
