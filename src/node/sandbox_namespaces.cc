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

}  // namespace

Status MakeSandboxNamespaces(const SandboxNamespaces& namespaces, const std::string& hostname) {
  if (auto made = io::MakeDirs(namespaces.shm, 0700); !made) return made;
  if (auto made = MakeNamespace(CLONE_NEWIPC, "ipc", namespaces, namespaces.ipc, hostname); !made)
    return made;
  if (auto made = MakeNamespace(CLONE_NEWUTS, "uts", namespaces, namespaces.uts, hostname); !made)
    return made;
  if (IsMounted(namespaces.shm, namespaces.dir)) return {};
  if (mount("shm", namespaces.shm.c_str(), "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV,
            kShmOptions) != 0)
    return io::ErrnoError(errno, "mount " + namespaces.shm);
  return {};
}

Status RemoveSandboxNamespaces(const SandboxNamespaces& namespaces) {
  for (const std::string& path : {namespaces.ipc, namespaces.uts, namespaces.shm})
    (void)umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);  // one that is not mounted is fine
  return io::RemoveTree(namespaces.dir);
}

}  // namespace leat::node
