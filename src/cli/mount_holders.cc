#include "cli/mount_holders.h"

#include <unistd.h>

#include <climits>
#include <string_view>

#include "base/strings.h"
#include "io/file.h"

namespace leat::cli {
namespace {

constexpr size_t kMostHolders = 3;
constexpr size_t kMostMapBytes = 16 << 20;

// Reads the name only: the mount is not asked.
bool PointsInto(const std::string& link, const std::string& mountpoint) {
  char target[PATH_MAX];
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  if (size <= 0) return false;
  const std::string_view path(target, static_cast<size_t>(size));
  return path == mountpoint || path.starts_with(mountpoint + "/");
}

bool Holds(const std::string& process, const std::string& mountpoint) {
  if (PointsInto(process + "/cwd", mountpoint) || PointsInto(process + "/root", mountpoint))
    return true;
  if (const auto fds = io::ListDir(process + "/fd"); fds) {
    for (const std::string& fd : *fds)
      if (PointsInto(process + "/fd/" + fd, mountpoint)) return true;
  }
  const auto maps = io::ReadFile(process + "/maps", kMostMapBytes);
  return maps && maps->find(" " + mountpoint + "/") != std::string::npos;
}

}  // namespace

std::vector<std::string> HoldersOf(const std::string& mountpoint) {
  std::vector<std::string> holders;
  const auto processes = io::ListDir("/proc");
  if (!processes) return holders;
  for (const std::string& pid : *processes) {
    if (!ParseInt(pid) || pid == std::to_string(getpid())) continue;
    if (!Holds("/proc/" + pid, mountpoint)) continue;
    const auto name = io::ReadFile("/proc/" + pid + "/comm", 64);
    holders.push_back(pid + (name ? " (" + std::string(Trim(*name)) + ")" : ""));
    if (holders.size() == kMostHolders) break;
  }
  return holders;
}

}  // namespace leat::cli
