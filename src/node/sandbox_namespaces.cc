#include "node/sandbox_namespaces.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "io/file.h"

namespace leat::node {
namespace {

constexpr char kShmOptions[] = "mode=1777,size=65536k";
constexpr char kSharedOptions[] = "mode=0700,size=1024k";

bool IsMounted(const std::string& path, const std::string& dir) {
  struct stat at {
  }, above{};
  return stat(path.c_str(), &at) == 0 && stat(dir.c_str(), &above) == 0 &&
         at.st_dev != above.st_dev;
}

// Runs in a thread of its own, whose namespaces end with it but for the mount.
Status Keep(int flag, const char* name, const std::string& path, const std::string& hostname) {
  if (unshare(flag) != 0) return io::ErrnoError(errno, "unshare " + path);
  if (flag == CLONE_NEWUTS && sethostname(hostname.data(), hostname.size()) != 0)
    return io::ErrnoError(errno, "sethostname " + hostname);
  const std::string own = std::string("/proc/thread-self/ns/") + name;
  if (mount(own.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return io::ErrnoError(errno, "mount " + path);
  return {};
}

Status MakeNamespace(int flag, const char* name, const SandboxNamespaces& namespaces,
                     const std::string& path, const std::string& hostname) {
  if (IsMounted(path, namespaces.dir)) return {};
  if (auto made = io::WriteFile(path, "", 0600); !made) return made;
  Status kept;
  std::thread([&] { kept = Keep(flag, name, path, hostname); }).join();
  return kept;
}

Status MountTmpfs(const std::string& path, const std::string& dir, const char* options) {
  if (auto made = io::MakeDirs(path, 0700); !made) return made;
  if (IsMounted(path, dir)) return {};
  if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, options) != 0)
    return io::ErrnoError(errno, "mount " + path);
  return {};
}

}  // namespace

Status MakeSandboxNamespaces(const SandboxNamespaces& namespaces, const std::string& hostname,
                             const std::vector<std::string>& own) {
  if (auto made = io::MakeDirs(namespaces.dir, 0700); !made) return made;
  if (auto made = MakeNamespace(CLONE_NEWIPC, "ipc", namespaces, namespaces.ipc, hostname); !made)
    return made;
  if (auto made = MakeNamespace(CLONE_NEWUTS, "uts", namespaces, namespaces.uts, hostname); !made)
    return made;
  if (auto mounted = MountTmpfs(namespaces.shm, namespaces.dir, kShmOptions); !mounted)
    return mounted;
  if (auto mounted = MountTmpfs(namespaces.shared, namespaces.dir, kSharedOptions); !mounted)
    return mounted;
  for (const std::string& dir : own)
    if (auto mounted = MountTmpfs(dir, namespaces.shared, kSharedOptions); !mounted) return mounted;
  return {};
}

Status RemoveSandboxNamespaces(const SandboxNamespaces& namespaces) {
  for (const std::string& path :
       {namespaces.ipc, namespaces.uts, namespaces.shm, namespaces.shared})
    // With what is mounted below it. One that is not mounted is fine.
    (void)umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  return io::RemoveTree(namespaces.dir);
}

}  // namespace leat::node
