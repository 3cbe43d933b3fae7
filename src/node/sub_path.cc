#include "node/sub_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/strings.h"
#include "io/file.h"

namespace leat::node {
namespace {

// The open file itself, whatever its name leads to by now.
std::string PathOf(const io::UniqueFd& fd) { return fmt::format("/proc/self/fd/{}", fd.get()); }

Result<io::UniqueFd> OpenOrMake(const std::string& volume, const std::string& sub_path) {
  auto present = io::OpenBeneath(volume, sub_path, O_PATH);
  if (present || present.error().code != Code::kNotFound) return present;
  auto dir = io::Open(volume, O_PATH | O_DIRECTORY);
  if (!dir) return dir.error();
  struct stat root {};
  if (fstat(dir->get(), &root) != 0) return io::ErrnoError(errno, "stat " + volume);
  for (const std::string_view part : Split(sub_path, '/')) {
    if (part.empty() || part == ".") continue;
    const std::string name(part);
    const bool made = mkdirat(dir->get(), name.c_str(), 0700) == 0;
    if (!made && errno != EEXIST)
      return io::ErrnoError(errno, "mkdir " + sub_path + " beneath " + volume);
    auto next = io::OpenBeneath(PathOf(*dir), name, O_PATH | O_DIRECTORY);
    if (!next) return Error{next.error().code, sub_path + ": " + next.error().message};
    if (made && chmod(PathOf(*next).c_str(), root.st_mode & 07777) != 0)
      return io::ErrnoError(errno, "chmod " + sub_path + " beneath " + volume);
    dir = std::move(next);
  }
  return dir;
}

Status Release(const std::string& place) {
  // One that is not mounted is fine; one that still is, is not removed.
  (void)umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  if (std::remove(place.c_str()) != 0 && errno != ENOENT)
    return io::ErrnoError(errno, "remove " + place);
  return {};
}

}  // namespace

Status BindSubPath(const std::string& volume, const std::string& sub_path,
                   const std::string& place) {
  auto fd = OpenOrMake(volume, sub_path);
  if (!fd) return fd.error();
  struct stat at {};
  if (fstat(fd->get(), &at) != 0) return io::ErrnoError(errno, "stat " + sub_path);
  if (auto released = Release(place); !released) return released;
  if (auto made = io::MakeDirs(place.substr(0, place.rfind('/')), 0700); !made) return made;
  const Status made =
      S_ISDIR(at.st_mode) ? io::MakeDirs(place, 0700) : io::WriteFile(place, "", 0600);
  if (!made) return made;
  if (mount(PathOf(*fd).c_str(), place.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return io::ErrnoError(errno, "bind " + sub_path + " of " + volume);
  return {};
}

Status RemoveSubPaths(const std::string& dir) {
  const auto places = io::ListDir(dir);
  for (const std::string& place : places ? *places : std::vector<std::string>())
    if (auto released = Release(dir + "/" + place); !released) return released;
  return io::RemoveTree(dir);
}

}  // namespace leat::node
