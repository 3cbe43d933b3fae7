// A small Filesystem whose files live in memory, for tests of sessions and mounts.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "fuse/filesystem.h"

namespace leat::fuse {

// What was asked, and what the file system shall do. Plain numbers that may lie in memory shared
// with another process.
struct MemoryFilesystemState {
  std::atomic<uint64_t> lookups = 0;
  std::atomic<uint64_t> forgotten = 0;  // lookups taken back
  std::atomic<uint64_t> opens = 0;
  std::atomic<uint64_t> releases = 0;
  std::atomic<uint64_t> reads = 0;
  std::atomic<uint64_t> attributes = 0;  // GETATTR
  std::atomic<uint64_t> listings = 0;
  std::atomic<uint64_t> interrupts = 0;
  std::atomic<uint64_t> resent = 0;                    // reads that came a second time
  std::atomic<uint64_t> waiting = 0;                   // reads that wait for the gate
  std::atomic<bool> gate_closed = false;               // reads of gated files wait
  std::array<std::atomic<int32_t>, 64> modes{};        // by NodeId: 1 + an OpenMode, 0 = the file's
  std::array<std::atomic<int32_t>, 64> backing_ids{};  // by NodeId, of passthrough files
};

struct MemoryFile {
  std::string name;
  OpenMode mode = OpenMode::kCached;
  std::string bytes;
  std::string link_target;  // of a symbolic link
  bool gated = false;
  std::map<std::string, std::string> xattrs;
};

// One directory "many" of `many` empty files "f00000", "f00001" and so on, beside `files` in the
// root. The node id of the i-th file is FileNode(i); all handles are 7.
class MemoryFilesystem : public Filesystem {
 public:
  MemoryFilesystem(std::vector<MemoryFile> files, int many, MemoryFilesystemState& state)
      : files_(std::move(files)), many_(many), state_(state) {}

  static NodeId FileNode(size_t i) { return kFirstFile + i; }
  static constexpr NodeId kManyNode = 2;

  // Answers the reads that wait, once the gate is open.
  void AnswerWaiting();

  void Lookup(const Caller&, NodeId parent, std::string_view name, Reply reply) override;
  void Forget(NodeId node, uint64_t count) override;
  void GetAttributes(NodeId node, Reply reply) override;
  void ReadLink(NodeId node, Reply reply) override;
  void Open(const Caller&, NodeId node, int flags, Reply reply) override;
  void Read(const Caller&, NodeId node, uint64_t handle, uint64_t offset, uint32_t size, int flags,
            Reply reply) override;
  void Release(NodeId node, uint64_t handle) override;
  void ReadDirectory(NodeId node, uint64_t offset, DirectoryReply reply) override;
  void Seek(NodeId node, uint64_t offset, int whence, Reply reply) override;
  void StatFs(Reply reply) override;
  void GetXattr(NodeId node, std::string_view name, uint32_t size, Reply reply) override;
  void ListXattr(NodeId node, uint32_t size, Reply reply) override;
  void Interrupt(uint64_t unique) override;

 private:
  static constexpr NodeId kFirstFile = 3;
  static constexpr NodeId kFirstOfMany = 1000;
  struct Waiting {
    NodeId node;
    uint64_t offset;
    uint32_t size;
    Reply reply;
  };

  const MemoryFile* FileOf(NodeId node) const;  // null for what is none
  Attributes AttributesOf(NodeId node) const;
  Entry EntryOf(NodeId node) const;
  std::string_view Slice(NodeId node, uint64_t offset, uint32_t size) const;

  const std::vector<MemoryFile> files_;
  const int many_;
  MemoryFilesystemState& state_;
  Mutex mu_;
  std::map<uint64_t, Waiting> waiting_ GUARDED_BY(mu_);  // by the request's unique
};

}  // namespace leat::fuse
