#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "io/file.h"

namespace leat::io {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using UniqueDir = std::unique_ptr<DIR, CloseDir>;

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool IsDots(std::string_view name) { return name == "." || name == ".."; }

Result<UniqueDir> Listing(UniqueFd fd, const std::string& path) {
  UniqueDir dir(fdopendir(fd.get()));
  if (!dir) return ErrnoError(errno, "list " + path);
  fd.Release();
  return dir;
}

// Calls visit(entry) for each name; stops at its first error.
template <class Visit>
Status ForEachEntry(DIR* dir, const std::string& path, Visit visit) {
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir);
    if (!entry && errno != 0) return ErrnoError(errno, "list " + path);
    if (!entry) return {};
    if (IsDots(entry->d_name)) continue;
    Status visited = visit(*entry);
    if (!visited) return visited;
  }
}

// Removes a tree with one open directory at a time, so that neither descriptors nor the stack limit
// how deep a tree (written by a container, perhaps in spite) may be. Descends by openat2 with
// NO_XDEV, which also refuses bind mounts of the same file system, and climbs by ".." after a
// check that this is still the directory it came from.
class TreeRemover {
 public:
  explicit TreeRemover(const std::string& path) : path_(path) {}

  Status Run(UniqueFd parent, const std::string& name) {
    current_ = std::move(parent);
    Level top{.subdirs = {name}};
    Status known = Identify(top);
    if (!known) return known;
    levels_.push_back(std::move(top));
    while (levels_.size() > 1 || !levels_.back().subdirs.empty()) {
      Status step = levels_.back().subdirs.empty() ? Ascend() : Descend();
      if (!step) return step;
    }
    return {};
  }

 private:
  struct Level {
    std::string name;  // in the level above
    dev_t device = 0;
    ino_t inode = 0;
    std::vector<std::string> subdirs;  // still to be removed
  };

  Error Fail(int error, const std::string& name) const {
    return ErrnoError(error, "remove " + path_ + ": at " + name);
  }

  Status Identify(Level& level) const {
    struct stat info {};
    if (fstat(current_.get(), &info) != 0) return Fail(errno, level.name);
    level.device = info.st_dev;
    level.inode = info.st_ino;
    return {};
  }

  Status Descend() {
    Level below{.name = std::move(levels_.back().subdirs.back())};
    levels_.back().subdirs.pop_back();
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV;
    UniqueFd fd(static_cast<int>(
        syscall(SYS_openat2, current_.get(), below.name.c_str(), &how, sizeof(how))));
    if (!fd.ok()) {
      if (errno == ENOENT) return {};
      if (errno == ENOTDIR || errno == ELOOP) return Unlink(below.name);
      if (errno == EXDEV)
        return Error{Code::kForbidden,
                     "remove " + path_ + ": " + below.name + " is a mount point; unmount it first"};
      return Fail(errno, below.name);
    }
    current_ = std::move(fd);
    Status known = Identify(below);
    if (!known) return known;
    levels_.push_back(std::move(below));
    return RemoveFiles();
  }

  // Removes what is not a directory from the current one and notes its subdirectories.
  Status RemoveFiles() {
    Level& level = levels_.back();
    UniqueFd copy(fcntl(current_.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.ok()) return Fail(errno, level.name);
    Result<UniqueDir> dir = Listing(std::move(copy), path_);
    if (!dir) return dir.error();
    return ForEachEntry(dir->get(), path_, [&](const dirent& entry) -> Status {
      if (entry.d_type != DT_DIR) return Unlink(entry.d_name);
      level.subdirs.emplace_back(entry.d_name);
      return {};
    });
  }

  Status Unlink(const std::string& name) {
    if (unlinkat(current_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR) return Fail(errno, name);
    levels_.back().subdirs.push_back(name);  // the file system did not tell its type
    return {};
  }

  Status Ascend() {
    const std::string name = std::move(levels_.back().name);
    levels_.pop_back();
    UniqueFd fd(openat(current_.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok()) return Fail(errno, name);
    current_ = std::move(fd);
    Level now;
    Status known = Identify(now);
    if (!known) return known;
    if (now.device != levels_.back().device || now.inode != levels_.back().inode)
      return Error{Code::kConflict,
                   "remove " + path_ + ": " + name + " was moved meanwhile; try again"};
    if (unlinkat(current_.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return Fail(errno, name);
    return {};
  }

  const std::string& path_;
  UniqueFd current_;
  std::vector<Level> levels_;  // never empty while it runs; the first is the parent of path_
};

}  // namespace

Status MakeDirs(const std::string& path, mode_t mode) {
  size_t end = 0;
  while (end != std::string::npos) {
    end = path.find('/', end + 1);
    const std::string prefix = path.substr(0, end);
    if (::mkdir(prefix.c_str(), mode) == 0) continue;
    const int error = errno;
    // Where we may not write, mkdir may say EACCES or EROFS though the directory is there.
    if (!IsDirectory(prefix)) return ErrnoError(error, "make directory " + prefix);
  }
  return {};
}

Result<std::vector<std::string>> ListDir(const std::string& path) {
  Result<UniqueFd> fd = Open(path, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  Result<UniqueDir> dir = Listing(*std::move(fd), path);
  if (!dir) return dir.error();
  std::vector<std::string> names;
  Status listed = ForEachEntry(dir->get(), path, [&](const dirent& entry) -> Status {
    names.emplace_back(entry.d_name);
    return {};
  });
  if (!listed) return listed.error();
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveTree(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? end : path.rfind('/', end);
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string name = end == std::string::npos ? "" : path.substr(begin, end + 1 - begin);
  if (name.empty() || IsDots(name))
    return Error{Code::kInvalid, "remove '" + path + "': this cannot be removed by name"};
  Result<UniqueFd> parent = Open(begin == 0 ? "." : path.substr(0, begin), O_PATH | O_DIRECTORY);
  if (!parent) return parent.error().code == Code::kNotFound ? Status() : parent.error();
  return TreeRemover(path).Run(*std::move(parent), name);
}

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base && *base ? base : "/tmp") + "/leat-XXXXXX";
  LEAT_CHECK(mkdtemp(path_.data()), "cannot make a temporary directory; is TMPDIR writable?");
}

TempDir::~TempDir() { (void)RemoveTree(path_); }

}  // namespace leat::io
