#include "algorithms/line_chunks.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "algorithms/lines.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

// Fills `space` as far as the file goes.
Result<size_t> ReadAt(int fd, char* space, size_t size, uint64_t offset, const std::string& path) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t n =
        ::pread(fd, space + filled, size - filled, static_cast<off_t>(offset + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io::ErrnoError(errno, "read " + path);
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  return filled;
}

}  // namespace

Result<bool> LineChunks::Next(std::vector<char>& buffer, LineChunk& chunk) {
  MutexLock lock(mu_);
  if (stopped_) return false;
  auto more = ReadNext(buffer, chunk);
  if (!more || !*more) stopped_ = true;
  return more;
}

void LineChunks::Stop() {
  MutexLock lock(mu_);
  stopped_ = true;
}

Result<bool> LineChunks::ReadNext(std::vector<char>& buffer, LineChunk& chunk) {
  while (file_ < files_.size()) {
    const std::string& path = files_[file_];
    if (!fd_.ok()) {
      auto opened = io::Open(path, O_RDONLY);
      if (!opened) return opened.error();
      fd_ = std::move(*opened);
      offset_ = 0;
    }
    if (buffer.size() < chunk_bytes_) buffer.resize(chunk_bytes_);
    size_t filled = 0;
    while (true) {
      auto read =
          ReadAt(fd_.get(), buffer.data() + filled, buffer.size() - filled, offset_ + filled, path);
      if (!read) return read.error();
      const size_t searched = filled;
      filled += *read;
      const bool at_end = filled < buffer.size();
      const void* newline = memrchr(buffer.data() + searched, '\n', filled - searched);
      if (!at_end && newline == nullptr) {  // one line fills the buffer
        if (buffer.size() >= kMaxLine)
          return Error{Code::kTooLarge, path +
                                            ": a line is longer than 256 MiB; is this really a "
                                            "text file with one row a line?"};
        buffer.resize(buffer.size() * 2);
        continue;
      }
      const size_t whole =
          at_end ? filled
                 : static_cast<size_t>(static_cast<const char*>(newline) - buffer.data()) + 1;
      chunk = {sequence_, file_, offset_, {buffer.data(), whole}};
      offset_ += whole;
      if (at_end) {
        fd_.Reset();
        ++file_;
      }
      break;
    }
    if (chunk.text.empty()) continue;
    ++sequence_;
    return true;
  }
  return false;
}

Result<uint64_t> LineChunks::FirstLine(const LineChunk& chunk) const {
  auto fd = io::Open(File(chunk), O_RDONLY);
  if (!fd) return fd.error();
  std::vector<char> buffer(1u << 20);
  uint64_t line = 1;
  for (uint64_t offset = 0; offset < chunk.offset;) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), chunk.offset - offset);
    auto read = ReadAt(fd->get(), buffer.data(), wanted, offset, File(chunk));
    if (!read) return read.error();
    if (*read == 0) break;
    line += CountLineEnds({buffer.data(), *read});
    offset += *read;
  }
  return line;
}

}  // namespace leat::algorithms
