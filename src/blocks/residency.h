// What stays in the cache: the admission and eviction policy, without I/O or clocks.
//
// Training reads a data set over and over, in order or shuffled. When it is larger than the cache,
// least-recently-used evicts each object just before it is read again and hits never. Here what is
// in stays in, so that a cache of half the data set hits half the time, and something leaves only
// when it is overdue: not accessed for longer than twice the longest of the recent distances
// between two accesses of the same object. Time is counted in bytes of objects accessed.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "blocks/object_id.h"

namespace leat::blocks {

// Not thread-safe.
class Residency {
 public:
  explicit Residency(uint64_t capacity);

  // An object was opened: moves time on by its size. Remembers absent objects too (the most recent
  // million), to learn distances from them.
  void Access(const ObjectId& id, uint64_t size);
  // Objects to evict, in order, so that `size` more bytes fit; nullopt when the object should not
  // get in: it is larger than everything that may leave. Changes nothing.
  std::optional<std::vector<ObjectId>> Admit(uint64_t size) const;

  // Room is counted from when the object is let in; size = the bytes it may come to take.
  void Add(const ObjectId& id, uint64_t size);
  void Remove(const ObjectId& id);
  // A held object is never offered for eviction; holds nest (open, being filled, pinned).
  void Hold(const ObjectId& id);
  void Unhold(const ObjectId& id);

  uint64_t used() const { return used_; }
  uint64_t capacity() const { return capacity_; }
  void SetCapacity(uint64_t bytes) { capacity_ = bytes; }
  // The age, in bytes, beyond which a resident object is overdue.
  uint64_t OverdueAge() const;

 private:
  // The author of the body owns this part.
};

}  // namespace leat::blocks
