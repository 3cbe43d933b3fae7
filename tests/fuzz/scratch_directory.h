// For programs whose parser wants a file: a directory in memory where there is such a place,
// removed at the end, but not after a crash.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file.h"

namespace leat::fuzz {

inline const std::string& ScratchDirectory() {
  static const auto directory = [] {
    if (io::Exists("/dev/shm")) (void)setenv("TMPDIR", "/dev/shm", 1);
    return std::make_unique<io::TempDir>();
  }();
  return directory->path();
}

// The path of a file with these bytes; the next call for the name replaces them.
inline std::string FileOf(const std::string& name, std::string_view bytes) {
  const std::string path = ScratchDirectory() + "/" + name;
  LEAT_CHECK(bool(io::WriteFile(path, bytes)), "the scratch directory takes files");
  return path;
}

// Takes the first byte off as flags; 0 for nothing.
inline uint8_t TakeFlags(const uint8_t*& data, size_t& size) {
  if (size == 0) return 0;
  --size;
  return *data++;
}

}  // namespace leat::fuzz
