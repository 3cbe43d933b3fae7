// Cuts files into runs of whole lines that several threads can parse at the same time.
//
// Reads with pread into the callers' buffers rather than by mmap: a mapped file would count into
// our memory and kill the process if someone shortened it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::algorithms {

struct LineChunk {
  size_t sequence = 0;    // 0, 1, 2, ... in the order of the files and of the lines in them
  size_t file = 0;        // index into the files
  uint64_t offset = 0;    // of the first byte, in the file
  std::string_view text;  // whole lines, in the caller's buffer; only a file's last may lack its LF
};

class LineChunks {
 public:
  // The longest line that is accepted.
  static constexpr size_t kMaxLine = 256u << 20;

  explicit LineChunks(std::vector<std::string> files, size_t chunk_bytes = 4u << 20)
      : files_(std::move(files)), chunk_bytes_(chunk_bytes) {}

  // Puts the next chunk into `buffer` (made large enough) and describes it; false at the end of the
  // last file. Thread-safe: the callers take turns, reading under the lock. kTooLarge for a line
  // beyond kMaxLine; after an error or Stop() all calls return false.
  Result<bool> Next(std::vector<char>& buffer, LineChunk& chunk);
  void Stop();

  const std::string& File(const LineChunk& chunk) const { return files_[chunk.file]; }
  // The number, from 1, of the chunk's first line in its file. Reads the file up to it.
  Result<uint64_t> FirstLine(const LineChunk& chunk) const;

 private:
  Result<bool> ReadNext(std::vector<char>& buffer, LineChunk& chunk) REQUIRES(mu_);

  const std::vector<std::string> files_;
  const size_t chunk_bytes_;
  Mutex mu_;
  bool stopped_ GUARDED_BY(mu_) = false;
  size_t sequence_ GUARDED_BY(mu_) = 0;
  size_t file_ GUARDED_BY(mu_) = 0;
  uint64_t offset_ GUARDED_BY(mu_) = 0;
  io::UniqueFd fd_ GUARDED_BY(mu_);
};

}  // namespace leat::algorithms
