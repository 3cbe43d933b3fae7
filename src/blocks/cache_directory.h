// One directory of the cache. Internal to this module.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "blocks/cache.h"
#include "blocks/residency.h"
#include "blocks/segments.h"
#include "io/file.h"

namespace leat::blocks {

// It may be absent.
struct PinnedObject {
  uint64_t size = 0;
  uint32_t segment = 0;  // of a small one: where the policy knows of it; 0: nowhere
};

// What a pinned object takes, or will take.
inline uint64_t RoomOfPin(uint64_t size) {
  return size < kPackedBelow ? Segments::RoomFor(size) : size;
}

// All but options, lock and segments is under the cache's lock.
struct Cache::Directory {
  explicit Directory(CacheDirectory o) : options(std::move(o)), policy(options.limit) {}
  const CacheDirectory options;
  std::optional<io::FileLock> lock;
  std::unique_ptr<Segments> segments;
  size_t most_segments = 1;  // that may be open
  Residency policy;          // of large objects, and of segments under the ids below
  std::unordered_map<ObjectId, uint32_t> segment_ids;
  std::unordered_map<ObjectId, PinnedObject> pins;
  uint64_t pinned = 0;                                               // the room of those
  uint64_t objects = 0;                                              // large ones
  const std::shared_ptr<DiskUse> use = std::make_shared<DiskUse>();  // of those
};

// What a segment is called in the policy.
inline ObjectId SegmentId(uint32_t number) {
  return ObjectId::Of("segment", std::to_string(number), "", 0);
}

}  // namespace leat::blocks
