#include "fuse/testing/memory_filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "fuse/abi.h"

namespace leat::fuse {
namespace {

std::string NameOfMany(int i) {
  std::array<char, 16> name;
  std::snprintf(name.data(), name.size(), "f%05d", i);
  return name.data();
}

}  // namespace

const MemoryFile* MemoryFilesystem::FileOf(NodeId node) const {
  return node >= kFirstFile && node - kFirstFile < files_.size() ? &files_[node - kFirstFile]
                                                                 : nullptr;
}

Attributes MemoryFilesystem::AttributesOf(NodeId node) const {
  Attributes attributes{.ino = node, .mtime = 1'600'000'000, .uid = getuid(), .gid = getgid()};
  attributes.mode = S_IFREG | 0444;
  if (node == kRootNode || node == kManyNode) {
    attributes.mode = S_IFDIR | 0555;
    attributes.links = 2;
  } else if (const MemoryFile* file = FileOf(node)) {
    attributes.size = file->bytes.size();
    if (!file->link_target.empty()) {
      attributes.mode = S_IFLNK | 0777;
      attributes.size = file->link_target.size();
    }
  }
  return attributes;
}

Entry MemoryFilesystem::EntryOf(NodeId node) const {
  return {.node = node, .attributes = AttributesOf(node)};
}

void MemoryFilesystem::Lookup(const Caller&, NodeId parent, std::string_view name, Reply reply) {
  NodeId node = 0;
  if (parent == kRootNode) {
    if (name == "many") node = kManyNode;
    for (size_t i = 0; i < files_.size(); ++i)
      if (files_[i].name == name) node = FileNode(i);
  } else if (parent == kManyNode && name.size() == 6) {
    const int i = std::atoi(std::string(name.substr(1)).c_str());
    if (i < many_ && NameOfMany(i) == name) node = kFirstOfMany + static_cast<NodeId>(i);
  }
  if (node != 0) ++state_.lookups;
  reply.Entry(node == 0 ? Entry{} : EntryOf(node));
}

void MemoryFilesystem::Forget(NodeId, uint64_t count) { state_.forgotten += count; }

void MemoryFilesystem::GetAttributes(NodeId node, Reply reply) {
  ++state_.attributes;
  reply.Attributes(AttributesOf(node), kForever);
}

void MemoryFilesystem::ReadLink(NodeId node, Reply reply) {
  const MemoryFile* file = FileOf(node);
  if (file == nullptr || file->link_target.empty()) return reply.Error(EINVAL);
  reply.Data(file->link_target);
}

void MemoryFilesystem::Open(const Caller&, NodeId node, int, Reply reply) {
  ++state_.opens;
  const MemoryFile* file = FileOf(node);
  OpenAnswer answer{.handle = 7};
  if (file != nullptr) {
    answer.mode = file->mode;
    if (const int32_t mode = state_.modes[node]) answer.mode = static_cast<OpenMode>(mode - 1);
  }
  if (answer.mode == OpenMode::kPassthrough) answer.backing_id = state_.backing_ids[node];
  reply.Open(answer);
}

std::string_view MemoryFilesystem::Slice(NodeId node, uint64_t offset, uint32_t size) const {
  const MemoryFile* file = FileOf(node);
  if (file == nullptr || offset >= file->bytes.size()) return "";
  return std::string_view(file->bytes).substr(offset, size);
}

void MemoryFilesystem::Read(const Caller&, NodeId node, uint64_t handle, uint64_t offset,
                            uint32_t size, int, Reply reply) {
  ++state_.reads;
  if ((reply.unique() & abi::kUniqueResend) != 0) ++state_.resent;
  if (handle != 7) return reply.Error(EBADF);
  const MemoryFile* file = FileOf(node);
  if (file != nullptr && file->gated && state_.gate_closed) {
    MutexLock lock(mu_);
    const uint64_t unique = reply.unique();
    waiting_.emplace(unique, Waiting{node, offset, size, std::move(reply)});
    ++state_.waiting;
    return;
  }
  reply.Data(Slice(node, offset, size));
}

void MemoryFilesystem::AnswerWaiting() {
  std::map<uint64_t, Waiting> waiting;
  {
    MutexLock lock(mu_);
    waiting.swap(waiting_);
    state_.waiting -= waiting.size();
  }
  for (auto& [unique, read] : waiting) read.reply.Data(Slice(read.node, read.offset, read.size));
}

void MemoryFilesystem::Interrupt(uint64_t unique) {
  ++state_.interrupts;
  std::map<uint64_t, Waiting>::node_type node;
  {
    MutexLock lock(mu_);
    node = waiting_.extract(unique);
    if (node.empty()) return;
    --state_.waiting;
  }
  node.mapped().reply.Error(EINTR);
}

void MemoryFilesystem::Release(NodeId, uint64_t) { ++state_.releases; }

void MemoryFilesystem::ReadDirectory(NodeId node, uint64_t offset, DirectoryReply reply) {
  ++state_.listings;
  const bool root = node == kRootNode;
  if (!root && node != kManyNode) return reply.Error(ENOTDIR);
  const uint64_t children = root ? files_.size() + 1 : static_cast<uint64_t>(many_);
  for (uint64_t at = offset; at < children + 2; ++at) {
    Entry entry = EntryOf(kRootNode);
    std::string name = at == 0 ? "." : "..";
    if (at >= 2) {
      const uint64_t i = at - 2;
      const bool is_many = root && i == files_.size();
      name = !root ? NameOfMany(static_cast<int>(i)) : is_many ? "many" : files_[i].name;
      entry = EntryOf(!root ? kFirstOfMany + i : is_many ? kManyNode : FileNode(i));
    }
    if (!reply.Add(name, entry, at + 1)) break;
    if (reply.plus() && at >= 2) ++state_.lookups;
  }
  reply.Done();
}

void MemoryFilesystem::Seek(NodeId node, uint64_t offset, int whence, Reply reply) {
  const uint64_t size = AttributesOf(node).size;
  if (offset >= size) return reply.Error(ENXIO);
  reply.Offset(whence == SEEK_DATA ? offset : size);
}

void MemoryFilesystem::StatFs(Reply reply) {
  uint64_t bytes = 0;
  for (const MemoryFile& file : files_) bytes += file.bytes.size();
  reply.StatFs(bytes, files_.size());
}

void MemoryFilesystem::GetXattr(NodeId node, std::string_view name, uint32_t size, Reply reply) {
  const MemoryFile* file = FileOf(node);
  if (file == nullptr) return reply.Error(ENODATA);
  const auto found = file->xattrs.find(std::string(name));
  if (found == file->xattrs.end()) return reply.Error(ENODATA);
  if (size == 0) return reply.Size(static_cast<uint32_t>(found->second.size()));
  if (size < found->second.size()) return reply.Error(ERANGE);
  reply.Data(found->second);
}

void MemoryFilesystem::ListXattr(NodeId node, uint32_t size, Reply reply) {
  std::string names;
  if (const MemoryFile* file = FileOf(node))
    for (const auto& [name, value] : file->xattrs) names.append(name).push_back('\0');
  if (size == 0) return reply.Size(static_cast<uint32_t>(names.size()));
  if (size < names.size()) return reply.Error(ERANGE);
  reply.Data(names);
}

}  // namespace leat::fuse
