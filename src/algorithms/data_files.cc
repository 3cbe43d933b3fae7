#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "algorithms/dataset.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

constexpr int kMaxDepth = 64;  // ends a walk through links that go round in a circle

Status Collect(const std::string& path, int depth, DataFiles& found) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return io::ErrnoError(errno, "read " + path);
  if (S_ISREG(info.st_mode)) {
    if (info.st_size == 0) return {};
    found.paths.push_back(path);
    found.bytes += static_cast<uint64_t>(info.st_size);
    return {};
  }
  if (!S_ISDIR(info.st_mode))
    return Error{Code::kInvalid, path +
                                     " is neither a file nor a directory; Pipe mode is not "
                                     "supported, use input mode File"};
  if (depth == kMaxDepth)
    return Error{Code::kInvalid, path + ": directories are nested more than 64 deep"};
  auto names = io::ListDir(path);
  if (!names) return names.error();
  for (const std::string& name : *names)
    if (auto walked = Collect(path + "/" + name, depth + 1, found); !walked) return walked;
  return {};
}

}  // namespace

Result<DataFiles> FindDataFiles(const std::string& dir) {
  DataFiles found;
  if (auto walked = Collect(dir, 0, found); !walked) return walked.error();
  std::sort(found.paths.begin(), found.paths.end());
  return found;
}

}  // namespace leat::algorithms
