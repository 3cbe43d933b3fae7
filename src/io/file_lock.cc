#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "io/file.h"

namespace leat::io {

Result<FileLock> FileLock::Take(const std::string& path) {
  Result<UniqueFd> fd = Open(path, O_RDWR | O_CREAT);
  if (!fd) return fd.error();
  while (flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoError(errno, "lock " + path);
    Result<std::string> note = ReadFd(fd->get(), 4096);
    std::string holder = note ? std::string(Trim(*note)) : std::string();
    if (holder.empty()) holder = "it left no note";
    return Error{Code::kAlreadyExists, path + " is locked by another process: " + holder};
  }
  FileLock lock(*std::move(fd));
  Status cleared = lock.SetNote("");  // the note of a holder that died
  if (!cleared) return cleared.error();
  return lock;
}

Status FileLock::SetNote(std::string_view text) {
  // Written over the old one, with spaces to its end: no block is given back, which a full disk
  // would not give again.
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ErrnoError(errno, "look at the note of a lock");
  std::string padded(text);
  padded.resize(std::max(padded.size(), static_cast<size_t>(info.st_size)), ' ');
  return PWriteAll(fd_.get(), padded, 0);
}

}  // namespace leat::io
