// The /dev/fuse protocol, major version 7 up to minor 45: what travels between the kernel and us,
// as far as a read-only file system needs it. The numbers are those of the Linux UAPI; the names
// are ours. Everything is in host byte order and aligned to 8 bytes.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace leat::fuse::abi {

inline constexpr uint32_t kMajor = 7;
inline constexpr uint32_t kMinor = 45;
inline constexpr uint32_t kOldestMinor = 31;  // Linux 5.4; below it some replies are shorter

enum class Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,  // never answered
  kGetAttr = 3,
  kSetAttr = 4,
  kReadLink = 5,
  kSymlink = 6,
  kMknod = 8,
  kMkdir = 9,
  kUnlink = 10,
  kRmdir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatFs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetXattr = 21,
  kGetXattr = 22,
  kListXattr = 23,
  kRemoveXattr = 24,
  kFlush = 25,
  kInit = 26,
  kOpenDir = 27,
  kReadDir = 28,
  kReleaseDir = 29,
  kFsyncDir = 30,
  kAccess = 34,
  kCreate = 35,
  kInterrupt = 36,  // not answered
  kDestroy = 38,
  kIoctl = 39,
  kBatchForget = 42,  // never answered
  kFallocate = 43,
  kReadDirPlus = 44,
  kRename2 = 45,
  kLseek = 46,
  kCopyFileRange = 47,
  kTmpFile = 51,
  kCopyFileRange64 = 53,
};

// What we tell the kernel unasked: a reply with unique 0 and one of these as its (positive) error.
enum class Notice : int32_t {
  kInvalidateInode = 2,
  kInvalidateEntry = 3,
  kResend = 7,  // put every request that was read and not answered back into the queue
};

// Flags of INIT. Those from bit 32 on travel in the second word.
inline constexpr uint64_t kAsyncRead = 1ull << 0;
inline constexpr uint64_t kBigWrites = 1ull << 5;
inline constexpr uint64_t kDoReadDirPlus = 1ull << 13;
inline constexpr uint64_t kAsyncDirectIo = 1ull << 15;
inline constexpr uint64_t kParallelDirOps = 1ull << 18;
inline constexpr uint64_t kMaxPages = 1ull << 22;
inline constexpr uint64_t kCacheSymlinks = 1ull << 23;
inline constexpr uint64_t kNoOpenDirSupport = 1ull << 24;  // OPENDIR may be answered ENOSYS, once
inline constexpr uint64_t kExplicitInvalidate = 1ull << 25;
inline constexpr uint64_t kInitExt = 1ull << 30;  // the second word of flags counts
inline constexpr uint64_t kDirectIoAllowMmap = 1ull << 36;
inline constexpr uint64_t kPassthrough = 1ull << 37;
inline constexpr uint64_t kHasResend = 1ull << 39;

// In `unique` of a request that was sent before, after Notice::kResend. The reply carries it too.
inline constexpr uint64_t kUniqueResend = 1ull << 63;

// Flags of an answer to OPEN.
inline constexpr uint32_t kOpenDirectIo = 1u << 0;
inline constexpr uint32_t kOpenKeepCache = 1u << 1;
inline constexpr uint32_t kOpenCacheDir = 1u << 3;
inline constexpr uint32_t kOpenNoFlush = 1u << 5;
inline constexpr uint32_t kOpenPassthrough = 1u << 7;

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
static_assert(sizeof(BackingMap) == 16);

inline constexpr unsigned long kIoctlClone = _IOR(229, 0, uint32_t);  // makes a new descriptor one
                                                                      // of an existing mount
inline constexpr unsigned long kIoctlBackingOpen = _IOW(229, 1, BackingMap);  // gives an id > 0
inline constexpr unsigned long kIoctlBackingClose = _IOW(229, 2, uint32_t);

}  // namespace leat::fuse::abi
