// Where tests find files of the source tree, from whatever directory they are run.
#pragma once

#include <filesystem>
#include <string>

namespace leat::io {

// The file, looked for above the working directory and above the test program (in build/<preset>);
// the path itself when it is in neither.
inline std::string FindInTree(const std::string& path) {
  for (const char* from : {"/proc/self/cwd", "/proc/self/exe"}) {
    std::error_code none;
    std::filesystem::path dir = std::filesystem::read_symlink(from, none);
    for (; !dir.empty() && dir != dir.root_path(); dir = dir.parent_path())
      if (std::filesystem::exists(dir / path, none)) return dir / path;
  }
  return path;
}

}  // namespace leat::io
