#include <fcntl.h>
#include <sys/file.h>

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
  if (ftruncate(fd_.get(), 0) != 0) return ErrnoError(errno, "write the note of a lock");
  return PWriteAll(fd_.get(), text, 0);
}

}  // namespace leat::io
