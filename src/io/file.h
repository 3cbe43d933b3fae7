// Files and directories. Every error names the operation and the path. All calls may block on the
// disk; all are safe from any thread.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::io {

// The Error for an errno: ENOENT, ESRCH kNotFound; EEXIST, ENOTEMPTY kAlreadyExists; EACCES, EPERM,
// EROFS kForbidden; ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM kExhausted; ECONNREFUSED, EPIPE,
// ECONNRESET, EAGAIN kUnavailable; ETIMEDOUT kTimeout; EINVAL, ENAMETOOLONG, ELOOP, EXDEV, ENOTDIR,
// EISDIR, ENOEXEC kInvalid; ENOSYS, EOPNOTSUPP kUnimplemented; else kInternal.
// The message is "<what>: <strerror>".
Error ErrnoError(int error, std::string_view what);

Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode = 0600);  // O_CLOEXEC added
// Opens `path` (relative, may be nested) beneath the directory `root` without following any
// symbolic link and without leaving it (openat2 RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS), and
// O_NONBLOCK so that a FIFO cannot hang us. For files that containers wrote. kForbidden when the
// path tries to leave or goes through a link.
Result<UniqueFd> OpenBeneath(const std::string& root, const std::string& path, int flags,
                             mode_t mode = 0600);

// At most max_bytes; kTooLarge beyond.
Result<std::string> ReadFile(const std::string& path, size_t max_bytes = 64u << 20);
Result<std::string> ReadFd(int fd, size_t max_bytes = 64u << 20);
// All bytes, however many calls it takes.
Status WriteAll(int fd, std::string_view bytes);
Status PWriteAll(int fd, std::string_view bytes, off_t offset);
// Replaces the file in one step: written aside, fsynced, renamed, directory fsynced. Readers see
// the old or the new bytes, also after power loss.
Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// The same without fsync: for files that are made again after a crash. Both give the file exactly
// this mode, whatever the umask.
Status WriteFile(const std::string& path, std::string_view bytes, mode_t mode = 0600);
Status SyncDir(const std::string& path);

bool Exists(const std::string& path);  // of any kind; links are not followed
// mkdir -p; existing directories keep their mode.
Status MakeDirs(const std::string& path, mode_t mode = 0755);
// Names in the directory, sorted, without "." and "..".
Result<std::vector<std::string>> ListDir(const std::string& path);
// rm -rf without following links; absent is success. A mount point on the way, bind mounts
// included, is kForbidden and stays untouched. Stops at the first failure.
Status RemoveTree(const std::string& path);
Status Remove(const std::string& path);  // a file or link; absent is success
Status Rename(const std::string& from, const std::string& to);

// A fresh directory under $TMPDIR or /tmp, removed with everything in it at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// An exclusive flock on `path` (made when absent), held until destruction; the kernel drops it when
// the process dies. kAlreadyExists when another process holds it; the message carries the text the
// holder wrote with SetNote (e.g. its pid).
class FileLock {
 public:
  static Result<FileLock> Take(const std::string& path);
  Status SetNote(std::string_view text);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace leat::io
