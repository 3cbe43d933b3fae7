// Reading segment files: whole pieces, and from front to back.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

namespace leat::blocks {

// False when not all of it can be read.
inline bool ReadAt(int fd, void* to, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(fd, static_cast<char*>(to) + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// Reads a file from front to back.
class ReadWindow {
 public:
  static constexpr size_t kPiece = 1 << 20;  // read at a time; larger than any record

  ReadWindow(int fd, uint64_t end) : fd_(fd), end_(end) {}
  // The bytes at an offset; null when they cannot be read.
  const char* At(uint64_t offset, uint64_t size) {
    if (offset + size > end_ || size > kPiece) return nullptr;
    if (offset < begin_ || offset + size > begin_ + bytes_.size()) {
      begin_ = offset;
      bytes_.resize(std::min<uint64_t>(kPiece, end_ - offset));
      if (!ReadAt(fd_, bytes_.data(), bytes_.size(), begin_)) {
        bytes_.clear();
        return nullptr;
      }
    }
    return bytes_.data() + (offset - begin_);
  }

 private:
  const int fd_;
  const uint64_t end_;
  uint64_t begin_ = 0;
  std::string bytes_;
};

}  // namespace leat::blocks
