// What one open file will be asked for next: from the reads so far to a window worth fetching. Pure
// logic, no I/O.
#pragma once

#include <cstdint>

namespace leat::datanode {

struct Window {
  uint64_t begin = 0;
  uint64_t end = 0;  // exclusive; begin == end: nothing to fetch ahead
  // Bytes that will be skipped between pieces of a strided pattern; 0 for contiguous.
  uint64_t stride = 0;
  uint64_t piece = 0;
};

// Not thread-safe; one per open file.
class AccessPattern {
 public:
  explicit AccessPattern(uint64_t object_size) : size_(object_size) {}

  // A read of [offset, offset + length) was asked for. Reads may arrive a little out of order (the
  // kernel sends read-ahead from several threads). `ahead` is how far it pays to be ahead: the
  // bandwidth-delay product of the store. Returns what to have ready now, the read itself included:
  //   first read at 0, or two reads in a row      double the last window, up to `ahead` * 4
  //   strided (same distance three times)         the next pieces
  //   random                                      only the chunks of the read
  //   a quarter of the object already read        the whole object, when it is below 1 GiB
  Window OnRead(uint64_t offset, uint64_t length, uint64_t ahead);

 private:
  // The author of the body owns this part.
  uint64_t size_;
};

}  // namespace leat::datanode
