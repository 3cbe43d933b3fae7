#include "io/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "base/ids.h"

namespace leat::io {
namespace {

Error PathError(std::string_view operation, const std::string& path) {
  return ErrnoError(errno, std::string(operation) + " " + path);
}

// `name` is what the messages call the descriptor.
Result<std::string> ReadAll(int fd, size_t max_bytes, const std::string& name) {
  constexpr size_t kStep = 64 << 10;
  struct stat info {};
  if (fstat(fd, &info) != 0) return PathError("read", name);
  const Error too_large{Code::kTooLarge,
                        "read " + name + ": more than " + std::to_string(max_bytes) + " bytes"};
  // One byte more than expected, so that the end is seen without growing. The size is only a hint:
  // pipes and /proc say 0.
  std::string bytes;
  size_t filled = 0;
  size_t room = kStep;
  if (S_ISREG(info.st_mode) && info.st_size > 0)
    room = std::min(static_cast<size_t>(info.st_size), max_bytes) + 1;
  while (true) {
    if (filled == bytes.size()) bytes.resize(filled + std::max(room, filled / 2));
    room = kStep;
    const ssize_t got = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathError("read", name);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
    if (filled > max_bytes) return too_large;
  }
  bytes.resize(filled);
  return bytes;
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Writes and renames; on failure the caller removes `aside`.
Status WriteAside(const std::string& aside, const std::string& path, std::string_view bytes,
                  mode_t mode, bool sync) {
  Result<UniqueFd> fd = Open(aside, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!fd) return fd.error();
  if (fchmod(fd->get(), mode) != 0) return PathError("chmod", aside);
  Status written = WriteAll(fd->get(), bytes);
  if (!written) return written.error().Within(path);
  if (sync && fsync(fd->get()) != 0) return PathError("fsync", aside);
  Status renamed = Rename(aside, path);
  if (!renamed) return renamed;
  return sync ? SyncDir(ParentOf(path)) : Status();
}

Status Replace(const std::string& path, std::string_view bytes, mode_t mode, bool sync) {
  const std::string aside = ParentOf(path) + "/.leat-" + RandomHex(16) + ".tmp";
  Status status = WriteAside(aside, path, bytes, mode, sync);
  if (!status) ::unlink(aside.c_str());
  return status;
}

}  // namespace

Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode) {
  while (true) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (fd.ok()) return fd;
    if (errno != EINTR) return PathError("open", path);
  }
}

Result<UniqueFd> OpenBeneath(const std::string& root, const std::string& path, int flags,
                             mode_t mode) {
  Result<UniqueFd> dir = Open(root, O_PATH | O_DIRECTORY);
  if (!dir) return dir.error();
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  // openat2 refuses flags that mean nothing: a mode without a new file, O_NONBLOCK with O_PATH.
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | ((flags & O_PATH) ? 0 : O_NONBLOCK));
  how.mode = creates ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something on the way was renamed meanwhile, and the kernel could not prove safety.
  for (int tries = 0;; ++tries) {
    UniqueFd fd(
        static_cast<int>(syscall(SYS_openat2, dir->get(), path.c_str(), &how, sizeof(how))));
    if (fd.ok()) return fd;
    if (errno == EINTR || (errno == EAGAIN && tries < 100)) continue;
    const std::string what = "open " + path + " beneath " + root;
    if (errno == EXDEV) return Error{Code::kForbidden, what + ": the path leaves the directory"};
    if (errno == ELOOP) return Error{Code::kForbidden, what + ": the path goes through a link"};
    return ErrnoError(errno, what);
  }
}

Result<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  Result<UniqueFd> fd = Open(path, O_RDONLY);
  if (!fd) return fd.error();
  return ReadAll(fd->get(), max_bytes, path);
}

Result<std::string> ReadFd(int fd, size_t max_bytes) {
  return ReadAll(fd, max_bytes, "descriptor " + std::to_string(fd));
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return PathError("write", "descriptor " + std::to_string(fd));
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Status PWriteAll(int fd, std::string_view bytes, off_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return PathError("write", "descriptor " + std::to_string(fd));
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += put;
  }
  return {};
}

Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode) {
  return Replace(path, bytes, mode, true);
}

Status WriteFile(const std::string& path, std::string_view bytes, mode_t mode) {
  return Replace(path, bytes, mode, false);
}

Status SyncDir(const std::string& path) {
  Result<UniqueFd> fd = Open(path, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  if (fsync(fd->get()) != 0) return PathError("fsync", path);
  return {};
}

bool Exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

Status Remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return PathError("remove", path);
  return {};
}

Status Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return PathError("rename " + from + " to", to);
  return {};
}

}  // namespace leat::io
