// The file .stats at the root of a mount: found by name, never listed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "datanode/tree.h"
#include "fuse/filesystem.h"

namespace leat::datanode {

// Thread-safe. Each open shows the figures of its own moment.
class StatsFile {
 public:
  static constexpr std::string_view kName = ".stats";
  static constexpr uint64_t kId = uint64_t{1} << 41;  // above all ids of trees
  static constexpr fuse::NodeId kNode = NodeOf(kId);

  // Of the attributes, the inode is set here.
  StatsFile(fuse::Attributes attributes, std::function<std::string()> text)
      : attributes_(attributes), text_(std::move(text)) {
    attributes_.ino = InodeOf(kId);
  }

  const fuse::Attributes& attributes() const { return attributes_; }
  void Open(uint64_t handle, fuse::Reply reply) {
    (void)TextOf(handle);
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kDirect});
  }
  // A handle that a predecessor gave out goes on as ours.
  void Read(uint64_t handle, uint64_t offset, uint32_t size, fuse::Reply reply) {
    const std::shared_ptr<const std::string> text = TextOf(handle);
    reply.Data(std::string_view(*text).substr(std::min<uint64_t>(offset, text->size()), size));
  }
  void Release(uint64_t handle) {
    MutexLock lock(mu_);
    texts_.erase(handle);
  }

 private:
  std::shared_ptr<const std::string> TextOf(uint64_t handle) {
    {
      MutexLock lock(mu_);
      if (auto found = texts_.find(handle); found != texts_.end()) return found->second;
    }
    auto text = std::make_shared<const std::string>(text_());
    MutexLock lock(mu_);
    return texts_.try_emplace(handle, std::move(text)).first->second;
  }

  fuse::Attributes attributes_;
  const std::function<std::string()> text_;
  Mutex mu_;
  // By handle.
  std::unordered_map<uint64_t, std::shared_ptr<const std::string>> texts_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
