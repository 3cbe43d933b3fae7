// The mounts that this process sees, from /proc/self/mountinfo. Inside the module.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat::fuse {

struct MountEntry {
  std::string device;  // "0:57": of /sys/class/bdi and st_dev
  std::string mountpoint;
  std::string type;
  std::string source;
};

// One line; nullopt when it is not one. Blanks, tabs, newlines and backslashes come as \ooo.
std::optional<MountEntry> ParseMountLine(std::string_view line);
// In the order of mounting: of those at one path the last one shows.
std::vector<MountEntry> ReadMounts();
// What shows at the path, which must be absolute and without links.
std::optional<MountEntry> MountAt(const std::string& path);
// The path without links and dots, found without asking the file system mounted there (which may be
// dead); "" when there is none.
std::string ResolvePath(const std::string& path);

}  // namespace leat::fuse
