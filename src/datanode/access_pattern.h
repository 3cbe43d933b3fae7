// What one open file will be asked for next: from the reads so far to a window worth fetching. Pure
// logic, no I/O.
#pragma once

#include <cstdint>

namespace leat::datanode {

// Bytes worth having ready.
struct Window {
  uint64_t begin = 0;
  uint64_t end = 0;  // exclusive
  // Of a strided pattern: only [begin + n * stride, begin + n * stride + piece) within the window,
  // n = 0, 1, ...; 0 for all of it.
  uint64_t stride = 0;
  uint64_t piece = 0;
};

// Not thread-safe; one per open file.
class AccessPattern {
 public:
  explicit AccessPattern(uint64_t object_size) : size_(object_size) {}

  // A read of [offset, offset + length) was asked for; length > 0. Reads may arrive a little out of
  // order (the kernel sends read-ahead from several threads). `ahead` is how far it pays to be
  // ahead: the bandwidth-delay product of the store. Returns what to have ready, the read included:
  //   objects up to 4 MiB                          the whole object
  //   a read at 0, or next to the one before       twice the last window, from 4 MiB to 4 * `ahead`
  //   three times the same distance                the next pieces, `ahead` bytes of them
  //   a quarter of the object asked for already    the whole object, below 1 GiB
  //   else (random)                                the read
  Window OnRead(uint64_t offset, uint64_t length, uint64_t ahead);

 private:
  bool Sequential(uint64_t offset) const;

  const uint64_t size_;
  uint64_t reads_ = 0;
  uint64_t asked_ = 0;     // bytes, repeats included
  uint64_t front_ = 0;     // end of the furthest read of this run
  uint64_t window_ = 0;    // bytes ahead of the front
  uint64_t ready_ = 0;     // up to where windows of this run have reached
  uint64_t last_ = 0;      // offset of the last read
  int64_t distance_ = 0;   // between the offsets of the last two reads
  int same_distance_ = 0;  // how often in a row
};

}  // namespace leat::datanode
