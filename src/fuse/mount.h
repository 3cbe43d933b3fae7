// Mounting, unmounting, and telling what state a mountpoint is in.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::fuse {

struct MountOptions {
  std::string source;  // the first column of /proc/mounts, e.g. "s3://bucket/prefix/"
  std::string mountpoint;
  bool allow_other = false;  // with default_permissions, always
};

// Mounts read-only, nosuid, nodev, noatime, type "fuse.leat", and returns the device. As root by
// mount(2), else by fusermount3. kNotFound: no such directory; kForbidden; kUnimplemented: no
// /dev/fuse; kAlreadyExists: something of type fuse.leat is mounted there.
Result<io::UniqueFd> Mount(const MountOptions& options);
// `lazy`: open files stay usable, the name goes at once. kNotFound when nothing is mounted there.
Status Unmount(const std::string& mountpoint, bool lazy);
// Sets the kernel's read-ahead of the mount, in KiB; needs root.
Status SetReadAhead(const std::string& mountpoint, int kib);

enum class MountState { kNone, kAlive, kDead };  // kDead: ENOTCONN, nobody holds the device
// Only for mounts of type fuse.leat; kNone for everything else.
MountState StateOf(const std::string& mountpoint);
// Mountpoints of all fuse.leat mounts that this process sees.
std::vector<std::string> LeatMounts();

}  // namespace leat::fuse
