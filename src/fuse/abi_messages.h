// The /dev/fuse protocol: what travels between the kernel and us. A request is an InHeader and the
// structure of its opcode, a reply an OutHeader and its structure, unless there was an error.
// Everything is in host byte order and aligned to 8 bytes.
#pragma once

#include <cstdint>

namespace leat::fuse::abi {

struct InHeader {
  uint32_t length;  // of the whole request
  uint32_t opcode;
  uint64_t unique;
  uint64_t node;
  uint32_t uid;
  uint32_t gid;
  uint32_t pid;
  uint16_t extension_words;  // 8 bytes each, at the end of the request
  uint16_t padding;
};
static_assert(sizeof(InHeader) == 40);

struct OutHeader {
  uint32_t length;  // of the whole reply
  int32_t error;    // 0 or a negative errno; of a notice its code
  uint64_t unique;
};
static_assert(sizeof(OutHeader) == 16);

struct InitIn {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
};
struct InitInExt {  // follows InitIn when its flags have kInitExt
  uint32_t flags2;
  uint32_t unused[11];
};

struct InitOut {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint16_t max_background;
  uint16_t congestion_threshold;
  uint32_t max_write;
  uint32_t time_granularity;  // ns
  uint16_t max_pages;
  uint16_t map_alignment;
  uint32_t flags2;
  uint32_t max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};
static_assert(sizeof(InitOut) == 64);

struct Attr {
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;  // of 512 bytes
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t atime_ns;
  uint32_t mtime_ns;
  uint32_t ctime_ns;
  uint32_t mode;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint32_t rdev;
  uint32_t block_size;
  uint32_t flags;
};
static_assert(sizeof(Attr) == 88);

struct EntryOut {
  uint64_t node;
  uint64_t generation;
  uint64_t name_ttl;
  uint64_t attr_ttl;
  uint32_t name_ttl_ns;
  uint32_t attr_ttl_ns;
  Attr attr;
};
static_assert(sizeof(EntryOut) == 128);

struct AttrOut {
  uint64_t ttl;
  uint32_t ttl_ns;
  uint32_t padding;
  Attr attr;
};
static_assert(sizeof(AttrOut) == 104);

struct OpenIn {
  uint32_t flags;  // of open(2)
  uint32_t open_flags;
};

struct OpenOut {
  uint64_t handle;
  uint32_t open_flags;
  int32_t backing_id;
};
static_assert(sizeof(OpenOut) == 16);

struct ReadIn {  // READ, READDIR and READDIRPLUS
  uint64_t handle;
  uint64_t offset;
  uint32_t size;
  uint32_t read_flags;
  uint64_t lock_owner;
  uint32_t flags;  // of the open file
  uint32_t padding;
};
static_assert(sizeof(ReadIn) == 40);

struct ReleaseIn {
  uint64_t handle;
  uint32_t flags;
  uint32_t release_flags;
  uint64_t lock_owner;
};
static_assert(sizeof(ReleaseIn) == 24);

struct ForgetIn {
  uint64_t lookups;
};
struct BatchForgetIn {  // followed by `count` times ForgetOne
  uint32_t count;
  uint32_t padding;
};
struct ForgetOne {
  uint64_t node;
  uint64_t lookups;
};

struct InterruptIn {
  uint64_t unique;
};

struct XattrIn {  // GETXATTR (followed by the name) and LISTXATTR
  uint32_t size;
  uint32_t padding;
};
struct XattrSizeOut {
  uint32_t size;
  uint32_t padding;
};

struct LseekIn {
  uint64_t handle;
  uint64_t offset;
  uint32_t whence;
  uint32_t padding;
};
struct LseekOut {
  uint64_t offset;
};

struct StatFsOut {
  uint64_t blocks;
  uint64_t blocks_free;
  uint64_t blocks_available;
  uint64_t files;
  uint64_t files_free;
  uint32_t block_size;
  uint32_t name_length;
  uint32_t fragment_size;
  uint32_t padding;
  uint32_t spare[6];
};
static_assert(sizeof(StatFsOut) == 80);

struct Dirent {  // followed by the name, padded to 8 bytes; of READDIRPLUS after an EntryOut
  uint64_t ino;
  uint64_t next;
  uint32_t name_length;
  uint32_t type;  // DT_*
};
static_assert(sizeof(Dirent) == 24);

struct InvalidateInode {
  uint64_t node;
  int64_t offset;
  int64_t length;  // 0: to the end
};

struct InvalidateEntry {  // followed by the name and a NUL
  uint64_t parent;
  uint32_t name_length;
  uint32_t flags;
};

}  // namespace leat::fuse::abi
