// Taking a directory for a `leat up`: only one that is ours or empty, and only one Leat at a time.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "io/fd.h"
#include "io/file.h"

namespace leat::cli {

// Makes the directory (mode 0700), or looks whether it may be made ours: one that a Leat has used,
// or an empty one of this user's that others may not write to; it is private (0700) afterwards. Any
// other is left as it is, kInvalid, with what to do.
Status MakeOrCheckDirectory(const std::string& path);

// One Leat's hold on a data directory: a lock on the directory itself, which nobody removes by
// mistake, and one on DIR/lock, which says who holds it.
class DirectoryLock {
 public:
  // Waits a few seconds for a Leat that is on its way out, and says so in the log. kAlreadyExists
  // when it has not ended then; the message names its process if it is known.
  static Result<DirectoryLock> Take(const std::string& path, Clock& clock);

 private:
  DirectoryLock(io::UniqueFd directory, io::FileLock file)
      : directory_(std::move(directory)), file_(std::move(file)) {}
  static Result<DirectoryLock> TryTake(const std::string& path);
  io::UniqueFd directory_;
  io::FileLock file_;
};

}  // namespace leat::cli
