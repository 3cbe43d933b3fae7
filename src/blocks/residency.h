// What stays in the cache: the admission and eviction policy, without I/O or clocks.
//
// Training reads a data set over and over, in order or shuffled. When it is larger than the cache,
// least-recently-used evicts each object just before it is read again and hits never. Here what is
// in stays in, so that a cache of half the data set hits half the time, and something leaves only
// when it is overdue: not accessed for longer than twice the longest of the recent distances
// between two accesses of the same object, and than twice the capacity. Time is counted in bytes of
// objects accessed.
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
  explicit Residency(uint64_t capacity) : capacity_(capacity) {}

  // An object was opened: moves time on by its size. Remembers absent objects too (up to a million,
  // 16 bytes each), to learn distances from them.
  void Access(const ObjectId& id, uint64_t size);
  // Objects to evict, in order, so that `size` more bytes fit, none when they fit as it is; nullopt
  // when what may leave does not make enough room. A pinned object makes others leave that are not
  // overdue, too. Changes nothing.
  enum class Claim { kUsual, kPinned };
  std::optional<std::vector<ObjectId>> Admit(uint64_t size, Claim claim = Claim::kUsual) const;
  // The least recently accessed objects that are not held, until they make `bytes` together; last
  // those that give back less than half of their room.
  std::vector<ObjectId> Oldest(uint64_t bytes) const;

  // `size`: the bytes that the object takes or may come to take.
  void Add(const ObjectId& id, uint64_t size);
  void Resize(const ObjectId& id, uint64_t size);
  // Of one that stands for many: so many more (or fewer) bytes of it stay when it leaves, and are
  // copied for that. So it leaves only where that gives back half of its room; for a pinned object,
  // an eighth.
  void AddPinned(const ObjectId& id, int64_t bytes);
  uint64_t PinnedIn(const ObjectId& id) const;
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
  struct Resident {
    uint64_t size = 0;
    uint64_t last = 0;  // time of the last access
    int holds = 0;
    uint64_t pinned = 0;  // of size
    uint64_t gain() const { return holds > 0 || pinned >= size ? 0 : size - pinned; }
    bool Gives(uint64_t part) const { return gain() > 0 && gain() >= (size + part - 1) / part; }
    std::list<ObjectId>::iterator position;
  };
  struct Ghost {
    uint64_t tag = 0;  // half of the id; 0: free
    uint64_t last = 0;
  };

  Ghost& GhostOf(const ObjectId& id);
  void Remember(const ObjectId& id, uint64_t last);

  uint64_t capacity_;
  uint64_t used_ = 0;
  uint64_t now_ = 0;
  std::unordered_map<ObjectId, Resident> residents_;
  std::list<ObjectId> by_age_;  // least recently accessed first
  std::vector<Ghost> ghosts_;   // hashed by id; the newer of two that collide stays
  size_t ghosts_used_ = 0;
  // The longest distances of this period and of the one before. A period lasts for
  // OverdueAge(), so that each object in use shows its distance in it, however rarely it is
  // read beside others.
  uint64_t longest_ = 0;
  uint64_t longest_before_ = 0;
  uint64_t period_began_ = 0;
};

}  // namespace leat::blocks
