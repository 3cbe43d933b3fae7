// What a directory written by a container holds. Nothing here follows a link or leaves the root.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace leat::engine {

enum class FileKind { kFile, kDirectory, kLink };

struct FileEntry {
  std::string path;  // relative to the root, without "./"
  FileKind kind = FileKind::kFile;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  unsigned mode = 0;   // permission bits
  std::string target;  // of a link
};

// Files, directories and links below `root`, each directory before what is in it, sorted; sockets,
// devices and FIFOs are left out. What vanishes meanwhile is skipped. An absent root is empty.
Result<std::vector<FileEntry>> ListTree(const std::string& root);

}  // namespace leat::engine
