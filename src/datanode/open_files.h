// The files of a mount that somebody has open, by the handles that the kernel names them with.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "datanode/access_pattern.h"
#include "datanode/active_object.h"
#include "datanode/tree.h"

namespace leat::datanode {

struct OpenFile {
  OpenFile(TreeEntry e, std::shared_ptr<ActiveObject> o)
      : entry(std::move(e)), object(std::move(o)), pattern(object->version.size) {}

  const TreeEntry entry;
  const std::shared_ptr<ActiveObject> object;
  std::atomic<bool> in_backings = false;  // they decided how it was opened
  Mutex mu;
  AccessPattern pattern GUARDED_BY(mu);
};

// Thread-safe.
class OpenFiles {
 public:
  OpenFiles();

  // Handles of a predecessor look otherwise.
  uint64_t NewHandle() { return next_handle_++; }
  void Add(uint64_t handle, std::shared_ptr<OpenFile> file);
  // Null for one that is not known.
  std::shared_ptr<OpenFile> Find(uint64_t handle) const;
  // Adds `file` unless the handle is known; returns what stands there then.
  std::shared_ptr<OpenFile> FindOrAdd(uint64_t handle, const std::shared_ptr<OpenFile>& file);
  std::shared_ptr<OpenFile> Take(uint64_t handle);
  // The entry behind an id of the tree, as some open file has it.
  std::optional<TreeEntry> EntryOf(uint64_t id) const;

 private:
  std::atomic<uint64_t> next_handle_;
  mutable Mutex mu_;
  std::unordered_map<uint64_t, std::shared_ptr<OpenFile>> files_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
