// Which files will be read next, from those that were: cp, tar and loaders that do not shuffle read
// the files of a directory in the order of their names. Pure logic, no I/O. Only reads of what
// is not cached need be told, and those that were expected.
#pragma once

#include <array>
#include <cstdint>

namespace leat::datanode {

// Where a file stands: neighbours in a directory have neighbouring places.
struct Places {
  uint32_t begin = 0;
  uint32_t end = 0;  // exclusive
};

// Not thread-safe; one per mount.
class FileOrder {
 public:
  // The file at `place` begins to be read. Returns which ones to have ready: none until three files
  // were read in order, then ever more of those that follow, up to `most`, and each once; none
  // either while fewer than every fourth file is read, since most would be fetched for nothing.
  // Readers side by side may take the files of one run by turns; up to 16 runs are told apart.
  Places OnRead(uint32_t place, uint32_t most);
  // Whether OnRead said that it would be read, and a reader has not gone past it since.
  bool Expects(uint32_t place) const;

 private:
  struct Run {
    uint32_t next = 0;  // the place after the furthest read
    uint32_t reads = 0;
    uint32_t first = 0;  // where `seen` begins to count
    uint32_t seen = 0;   // reads from there on, those of overtaken files included
    uint32_t ready = 0;  // up to where files were said to be needed
    uint64_t used = 0;   // when, in reads of any file

    void Count(uint32_t place);
    bool IsSparse() const { return (uint64_t{seen} - 1) * 4 < uint64_t{next} - first - 1; }
  };

  std::array<Run, 16> runs_;
  uint64_t reads_ = 0;
};

}  // namespace leat::datanode
