#include "fuse/mount.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "fuse/dispatcher.h"
#include "fuse/fusermount.h"
#include "fuse/mountinfo.h"
#include "io/file.h"
#include "io/wait.h"

namespace leat::fuse {
namespace {

constexpr char kType[] = "fuse.leat";

Result<io::UniqueFd> MountAsRoot(const MountOptions& options, const std::string& path) {
  Result<io::UniqueFd> device = io::Open("/dev/fuse", O_RDWR);
  if (!device) {
    if (device.error().code != Code::kNotFound) return device;
    return Error{Code::kUnimplemented,
                 "/dev/fuse is not there: load the kernel's fuse module, or "
                 "give the container the device"};
  }
  const std::string data = "fd=" + std::to_string(device->get()) +
                           ",rootmode=40000,user_id=" + std::to_string(getuid()) +
                           ",group_id=" + std::to_string(getgid()) +
                           ",default_permissions,max_read=" + std::to_string(kMaxRead) +
                           (options.allow_other ? ",allow_other" : "");
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME;
  if (mount(options.source.c_str(), path.c_str(), kType, kFlags, data.c_str()) == 0) return device;
  if (errno == ENODEV)
    return Error{Code::kUnimplemented, "mount " + path + ": this kernel has no FUSE"};
  return io::ErrnoError(errno, "mount " + path);
}

// Asks from a child process, since the answer may never come.
enum class Answer { kAnswered, kDead, kNone };
Answer AskForAnswer(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    // It may last longer than us, and must not keep any mount or socket of ours alive.
    syscall(SYS_close_range, 0, ~0U, 0);
    struct statfs64 info;
    _exit(statfs64(path.c_str(), &info) != 0 && errno == ENOTCONN ? 1 : 0);
  }
  if (child < 0) return Answer::kNone;
  const io::UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  pollfd poll{.fd = ended.get(), .events = POLLIN, .revents = 0};
  const auto deadline = [](int ms) {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  };
  const Result<int> in_time = io::Poll({&poll, 1}, deadline(1000));
  const bool answered = in_time && *in_time > 0;
  if (!answered) {
    // It cannot die while a worker has its question: then init reaps it, after us.
    kill(child, SIGKILL);
    (void)io::Poll({&poll, 1}, deadline(100));
  }
  int status = 0;
  const bool reaped = waitpid(child, &status, answered ? 0 : WNOHANG) == child;
  if (!answered || !reaped) return Answer::kNone;
  return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? Answer::kDead : Answer::kAnswered;
}

}  // namespace

Result<io::UniqueFd> Mount(const MountOptions& options) {
  const std::string path = ResolvePath(options.mountpoint);
  if (path.empty()) return io::ErrnoError(errno, "mount on " + options.mountpoint);
  const std::optional<MountEntry> there = MountAt(path);
  if (there && there->type == kType) {
    return Error{Code::kAlreadyExists,
                 "mount on " + path + ": " + there->source + " is mounted there; unmount it first"};
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return io::ErrnoError(errno, "mount on " + path);
  if (!S_ISDIR(info.st_mode)) return io::ErrnoError(ENOTDIR, "mount on " + path);
  if (geteuid() == 0) return MountAsRoot(options, path);
  return MountByProgram(path, "ro,nosuid,nodev,noatime,default_permissions,subtype=leat,max_read=" +
                                  std::to_string(kMaxRead) +
                                  ",fsname=" + EscapeOption(options.source) +
                                  (options.allow_other ? ",allow_other" : ""));
}

Status Unmount(const std::string& mountpoint, bool lazy) {
  const std::string path = ResolvePath(mountpoint);
  if (path.empty() || !MountAt(path))
    return Error{Code::kNotFound, "unmount " + mountpoint + ": nothing is mounted there"};
  if (geteuid() != 0) return UnmountByProgram(path, lazy);
  if (umount2(path.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno == EBUSY) return InUse(path);
  return io::ErrnoError(errno, "unmount " + path);
}

Status SetReadAhead(const std::string& mountpoint, int kib) {
  const std::optional<MountEntry> entry = MountAt(ResolvePath(mountpoint));
  if (!entry)
    return Error{Code::kNotFound, "read-ahead of " + mountpoint + ": nothing is mounted there"};
  const std::string file = "/sys/class/bdi/" + entry->device + "/read_ahead_kb";
  const Result<io::UniqueFd> fd = io::Open(file, O_WRONLY);
  if (!fd) return fd.error();
  return io::WriteAll(fd->get(), std::to_string(kib));
}

MountState StateOf(const std::string& mountpoint) {
  const std::string path = ResolvePath(mountpoint);
  const std::optional<MountEntry> entry = MountAt(path);
  if (!entry || entry->type != kType) return MountState::kNone;
  return AskForAnswer(path) == Answer::kDead ? MountState::kDead : MountState::kAlive;
}

std::vector<std::string> LeatMounts() {
  std::vector<std::string> mountpoints;
  for (MountEntry& entry : ReadMounts())
    if (entry.type == kType) mountpoints.push_back(std::move(entry.mountpoint));
  return mountpoints;
}

}  // namespace leat::fuse
