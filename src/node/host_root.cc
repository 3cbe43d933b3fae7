#include "node/host_root.h"

#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "node/image_catalogue.h"

namespace leat::node {
namespace {

// Directories of programs and libraries. On merged-/usr systems all but the first are links.
constexpr const char* kProgramDirs[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                        "/lib32", "/lib64", "/libx32"};
constexpr const char* kEtcBinds[] = {"/etc/ld.so.cache", "/etc/ssl/certs", "/etc/alternatives"};
constexpr const char* kPrograms[] = {"leat", "leat-ml", "kubectl-smlogs"};

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
constexpr char kGroup[] = "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n";
constexpr char kNsswitch[] = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n";

bool IsDir(const std::string& path) {
  struct stat at {};
  return lstat(path.c_str(), &at) == 0 && S_ISDIR(at.st_mode);
}

}  // namespace

Status MakeHostRoot(const std::string& root, const std::string& hostname) {
  for (const char* dir :
       {"/proc", "/sys", "/dev", "/etc/ssl", "/root", "/opt/leat/bin", "/run", "/mnt"})
    if (auto made = io::MakeDirs(root + dir); !made) return made;
  for (const char* dir : {"/tmp", "/var/tmp"}) {
    if (auto made = io::MakeDirs(root + dir); !made) return made;
    if (chmod((root + dir).c_str(), 01777) != 0)
      return io::ErrnoError(errno, "chmod " + root + dir);
  }
  for (const char* dir : kProgramDirs) {
    if (IsDir(dir)) {
      if (auto made = io::MakeDirs(root + dir); !made) return made;
      continue;
    }
    char target[256];
    const ssize_t size = readlink(dir, target, sizeof target - 1);
    if (size < 0) continue;  // this host has none
    target[size] = '\0';
    if (symlink(target, (root + dir).c_str()) != 0)
      return io::ErrnoError(errno, "symlink " + root + dir);
  }
  const std::pair<const char*, std::string> files[] = {{"/etc/passwd", kPasswd},
                                                       {"/etc/group", kGroup},
                                                       {"/etc/nsswitch.conf", kNsswitch},
                                                       {"/etc/hostname", hostname + "\n"}};
  for (const auto& [path, text] : files)
    if (auto written = io::WriteFile(root + path, text, 0644); !written) return written;
  return {};
}

std::vector<Mount> HostRootMounts(const std::string& programs_dir) {
  std::vector<Mount> mounts;
  const auto bind = [&](const std::string& from, const std::string& to) {
    mounts.push_back({.host_path = from, .container_path = to, .read_only = true});
  };
  for (const char* dir : kProgramDirs)
    if (IsDir(dir)) bind(dir, dir);
  for (const char* path : kEtcBinds)
    if (io::Exists(path)) bind(path, path);
  if (io::Exists("/etc/resolv.conf")) bind("/etc/resolv.conf", "/etc/resolv.conf");
  for (const char* program : kPrograms) {
    const std::string path = programs_dir + "/" + program;
    if (io::Exists(path)) bind(path, std::string(kProgramsPath) + "/" + program);
  }
  return mounts;
}

}  // namespace leat::node
