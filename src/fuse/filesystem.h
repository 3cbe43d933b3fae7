// What the kernel asks of a mounted file system, and how it is answered.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace leat::fuse {

// The kernel's name for an inode, chosen by the file system. A node id stands for the same bytes
// as long as the kernel knows it.
using NodeId = uint64_t;
inline constexpr NodeId kRootNode = 1;

inline constexpr std::chrono::nanoseconds kForever = std::chrono::hours(24 * 365 * 10);

struct Attributes {
  uint64_t ino = 0;  // st_ino; need not be the node id
  uint64_t size = 0;
  int64_t mtime = 0;  // seconds since the epoch; atime and ctime are the same
  uint32_t mtime_ns = 0;
  uint32_t mode = 0;  // type and permissions
  uint32_t links = 1;
  uint32_t uid = 0;
  uint32_t gid = 0;
};

struct Entry {
  NodeId node = 0;  // 0: there is no such name, and the kernel may remember that
  Attributes attributes;
  std::chrono::nanoseconds name_ttl = kForever;        // how long the kernel need not look up again
  std::chrono::nanoseconds attributes_ttl = kForever;  // how long it need not ask for attributes
};

// How reads of an open file reach its bytes. All opens of one node at one time must agree, except
// that kDirect may come before kPassthrough.
enum class OpenMode {
  kDirect,       // every read asks the file system
  kCached,       // the kernel's page cache first, kept from open to open
  kPassthrough,  // the kernel reads the backing file itself
};

// Whether the kernel may keep a directory's listing until it is invalidated, or asks at each open.
enum class Listings { kKept, kFresh };

struct OpenAnswer {
  uint64_t handle = 0;
  OpenMode mode = OpenMode::kCached;
  int32_t backing_id = 0;  // of kPassthrough
};

class Device;

// The answer to one request, given once, from any thread, now or later. Dropping one unanswered
// answers EIO. Answers after the mount is gone go nowhere; nor do those after the session is, where
// requests can be asked again: they are the successor's to answer.
class Reply {
 public:
  Reply(std::shared_ptr<Device> device, uint64_t unique);
  Reply(Reply&& other) noexcept;
  Reply& operator=(Reply&&) = delete;
  ~Reply();

  void Error(int error);  // an errno, positive
  void Ok();              // for requests without a result
  void Entry(const fuse::Entry& entry);
  void Attributes(const fuse::Attributes& attributes, std::chrono::nanoseconds ttl);
  void Open(const OpenAnswer& answer);
  void OpenDirectory(Listings listings);
  // Read, ReadLink, GetXattr and ListXattr with a size. Not copied but by the kernel, during the
  // call. Let the bytes be in memory, not in a mapped file: if this process is killed while the
  // kernel waits for one of their pages, the reader gets EIO.
  void Data(std::string_view bytes);
  void Size(uint32_t size);      // GetXattr and ListXattr with size 0
  void Offset(uint64_t offset);  // Seek
  void StatFs(uint64_t bytes, uint64_t files);

  uint64_t unique() const { return unique_; }

 private:
  void Send(int error, std::span<const std::string_view> parts);
  std::shared_ptr<Device> device_;  // null once answered
  uint64_t unique_;
};

// Collects directory entries until they fill the kernel's buffer. "." and ".." are entries like
// others, and never count as lookups.
class DirectoryReply {
 public:
  DirectoryReply(Reply reply, size_t size, bool plus);
  // False when it no longer fits. `next` is the offset from which the listing goes on after it.
  // With plus(), a positive entry.node counts as one lookup.
  bool Add(std::string_view name, const Entry& entry, uint64_t next);
  bool plus() const { return plus_; }
  void Done();
  void Error(int error);

 private:
  Reply reply_;
  const size_t size_;
  const bool plus_;
  std::string buffer_;
};

struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t pid = 0;  // 0 when it is in another pid namespace, or the kernel itself
};

// Called from several threads at once. A method may keep the Reply and answer later; it should not
// block for long, since each blocked call is one thread less.
class Filesystem {
 public:
  virtual ~Filesystem() = default;
  virtual void Lookup(const Caller& caller, NodeId parent, std::string_view name, Reply reply) = 0;
  // The kernel drops `count` of the lookups it was answered.
  virtual void Forget(NodeId node, uint64_t count) = 0;
  virtual void GetAttributes(NodeId node, Reply reply) = 0;
  virtual void ReadLink(NodeId node, Reply reply) = 0;
  // Only for reading: the session refuses the rest with EROFS.
  virtual void Open(const Caller& caller, NodeId node, int flags, Reply reply) = 0;
  // `flags` are those of the open file, O_DIRECT among them.
  virtual void Read(const Caller& caller, NodeId node, uint64_t handle, uint64_t offset,
                    uint32_t size, int flags, Reply reply) = 0;
  virtual void Release(NodeId node, uint64_t handle) = 0;
  // From `offset`: 0, or a `next` that was given to Add.
  virtual void ReadDirectory(NodeId node, uint64_t offset, DirectoryReply reply) = 0;
  virtual void Seek(NodeId node, uint64_t offset, int whence, Reply reply) = 0;  // SEEK_DATA, HOLE
  virtual void StatFs(Reply reply) = 0;
  virtual void GetXattr(NodeId node, std::string_view name, uint32_t size, Reply reply) = 0;
  virtual void ListXattr(NodeId node, uint32_t size, Reply reply) = 0;
  // The caller of request `unique` no longer waits: answer it soon, with EINTR if need be. The
  // request may have been answered already. It may also not have been handed over yet: then this
  // is called again right after it was.
  virtual void Interrupt(uint64_t unique) = 0;
};

}  // namespace leat::fuse
