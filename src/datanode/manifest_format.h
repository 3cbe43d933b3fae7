// The bytes of a manifest file, little-endian. Internal to this module.
#pragma once

#include <cstdint>

namespace leat::datanode {

inline constexpr char kManifestMagic[8] = {'L', 'E', 'A', 'T', 'M', 'A', 'N', '1'};
inline constexpr size_t kMostSkippedKept = 10'000;

struct ManifestHeader {
  char magic[8];
  uint32_t entries;
  uint32_t crc32c;  // of everything after the header
  uint64_t files;
  uint64_t bytes;
  int64_t listed_at;
  uint64_t next_id;
  uint64_t texts;  // bytes of the block of texts
  uint64_t skipped;
  uint32_t kept;           // skipped keys in the texts
  uint32_t has_order;      // 0: ids are indexes; 1: a table of indexes, sorted by id, follows
  uint32_t source;         // length; the source is the first text, the skipped keys follow it
  uint32_t header_crc32c;  // of all before
};
static_assert(sizeof(ManifestHeader) == 80);

struct ManifestRecord {
  uint64_t id_kind;  // id << 8 | Kind
  uint64_t size;     // directories: index of the first child << 32 | number of children
  uint32_t mtime;
  uint32_t parent;
  uint64_t text;  // offset << 24 | length of the etag << 8 | length of the name
};
static_assert(sizeof(ManifestRecord) == 32);

}  // namespace leat::datanode
