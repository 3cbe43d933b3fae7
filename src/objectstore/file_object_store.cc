#include "objectstore/file_object_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "io/fd.h"
#include "io/file.h"
#include "objectstore/tree_store.h"

namespace leat::objectstore {
namespace {

constexpr size_t kPiece = 1 << 20;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string EtagOf(const struct stat& s) {
  const int64_t ns = int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
  return fmt::format("{}-{}-{}", s.st_size, ns, s.st_ino);
}

// The kernel would take "a//b", "./a" and "a/" for names that they are not.
bool IsPath(std::string_view key) {
  if (key.ends_with('/')) key.remove_suffix(1);
  if (key.empty() || key.find('\0') != std::string_view::npos) return false;
  for (const std::string_view part : Split(key, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

class FileObjectStore : public TreeStore {
 public:
  FileObjectStore(std::string name, io::UniqueFd root)
      : name_(std::move(name)), root_(std::move(root)) {}

  const std::string& Name() const override { return name_; }

  Result<ObjectInfo> Head(const std::string& key, const std::stop_token&) override {
    const auto fd = Open(key, O_PATH | O_NOFOLLOW);
    if (!fd) return fd.error();
    return InfoOf(fd->get(), key);
  }

  Status Get(const std::string& key, const std::string& etag, uint64_t offset, uint64_t size,
             const std::function<Status(std::string_view)>& sink,
             const std::stop_token& stop) override {
    const auto fd = Open(key, O_RDONLY | O_NONBLOCK);
    if (!fd) return fd.error();
    const auto buffer = std::make_unique<char[]>(kPiece);
    while (size > 0) {
      if (stop.stop_requested()) return Error{Code::kCancelled, name_ + key + ": stopped"};
      const auto got =
          ReadPiece(fd->get(), key, etag, offset,
                    {buffer.get(), static_cast<size_t>(std::min<uint64_t>(size, kPiece))});
      if (!got) return got.error();
      if (auto taken = sink({buffer.get(), *got}); !taken) return taken;
      offset += *got;
      size -= *got;
    }
    return {};
  }

 protected:
  Result<std::vector<std::string>> Names(const std::string& directory, size_t limit,
                                         const std::stop_token& stop) override {
    auto fd = Open(directory, O_RDONLY | O_DIRECTORY);
    if (!fd && fd.error().code == Code::kForbidden && !directory.empty()) {
      // A lost+found of root's must not keep its neighbours from being read.
      LogWarning("a directory may not be read and shows as empty", {{"error", fd.error()}});
      return std::vector<std::string>();
    }
    if (!fd) return fd.error();
    const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd->get()));
    if (!dir) return io::ErrnoError(errno, "read " + name_ + directory);
    (void)fd->Release();
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(dir.get());
      if (entry == nullptr && errno != 0) return io::ErrnoError(errno, "read " + name_ + directory);
      if (entry == nullptr) return names;
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const unsigned char type = TypeOf(::dirfd(dir.get()), *entry);
      if (type != DT_DIR && type != DT_REG && type != DT_LNK) continue;
      if (type == DT_DIR) name += '/';
      names.push_back(std::move(name));
      if (names.size() > limit) {
        return Error{Code::kTooLarge,
                     fmt::format("{}{} holds more than {} names", name_, directory, limit)};
      }
      if (stop.stop_requested()) return Error{Code::kCancelled, name_ + ": listing stopped"};
    }
  }

  Result<std::vector<ObjectInfo>> Describe(const std::vector<std::string>& keys,
                                           const std::stop_token& stop) override {
    std::vector<ObjectInfo> infos;
    infos.reserve(keys.size());
    for (const std::string& key : keys) {
      auto info = Head(key, stop);
      if (info) {
        infos.push_back(std::move(*info));
      } else if (info.error().code != Code::kNotFound) {
        return info.error();
      }
    }
    return infos;
  }

 private:
  // Some file systems leave the type out of directories.
  static unsigned char TypeOf(int dir, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat s {};
    if (::fstatat(dir, entry.d_name, &s, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return IFTODT(s.st_mode);
  }

  Result<io::UniqueFd> Open(const std::string& key, int flags) const {
    if (!key.empty() && !IsPath(key)) {
      return Error{Code::kNotFound, name_ + key + ": no such file"};
    }
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const char* path = key.empty() ? "." : key.c_str();
    // EAGAIN: something was renamed while the kernel looked; that it stays beneath is unproven.
    constexpr int kAttempts = 100;
    for (int i = 0; i < kAttempts; ++i) {
      const long fd = ::syscall(SYS_openat2, root_.get(), path, &how, sizeof how);
      if (fd >= 0) return io::UniqueFd(static_cast<int>(fd));
      if (errno != EAGAIN && errno != EINTR) break;
    }
    const int error = errno;
    // A part of the path that became a file or a link is as absent as one that was removed.
    if (error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG) {
      return Error{Code::kNotFound, fmt::format("open {}{}: {}", name_, key, ::strerror(error))};
    }
    if (error == EAGAIN) {
      return Error{Code::kUnavailable, fmt::format("open {}{}: its directories are being renamed "
                                                   "all the time",
                                                   name_, key)};
    }
    return io::ErrnoError(error, "open " + name_ + key);
  }

  Result<ObjectInfo> InfoOf(int fd, const std::string& key) const {
    struct stat s {};
    if (::fstat(fd, &s) != 0) return io::ErrnoError(errno, "stat " + name_ + key);
    ObjectInfo info{.key = key, .etag = EtagOf(s), .last_modified = s.st_mtim.tv_sec};
    const bool directory = key.ends_with('/');
    if (directory != S_ISDIR(s.st_mode) ||
        !(S_ISDIR(s.st_mode) || S_ISREG(s.st_mode) || S_ISLNK(s.st_mode))) {
      return Error{Code::kNotFound, name_ + key + ": is another kind of file now"};
    }
    if (S_ISREG(s.st_mode)) info.size = static_cast<uint64_t>(s.st_size);
    if (S_ISLNK(s.st_mode)) {
      char target[PATH_MAX];
      const ssize_t n = ::readlinkat(fd, "", target, sizeof target);
      if (n < 0) return io::ErrnoError(errno, "read the link " + name_ + key);
      info.link_target.assign(target, static_cast<size_t>(n));
      info.size = info.link_target.size();
    }
    return info;
  }

  // Reads some bytes, all of them of the version `etag`.
  Result<size_t> ReadPiece(int fd, const std::string& key, const std::string& etag, uint64_t offset,
                           std::span<char> buffer) const {
    if (auto same = CheckVersion(fd, key, etag); !same) return same.error();
    ssize_t n;
    do {
      n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return io::ErrnoError(errno, "read " + name_ + key);
    if (auto same = CheckVersion(fd, key, etag); !same) return same.error();
    if (n == 0) {
      return Error{Code::kInvalid,
                   fmt::format("{}{} has no byte at offset {}", name_, key, offset)};
    }
    return static_cast<size_t>(n);
  }

  Status CheckVersion(int fd, const std::string& key, const std::string& etag) const {
    const auto now = InfoOf(fd, key);
    if (!now) return now.error();
    if (now->etag == etag) return {};
    return Error{Code::kConflict,
                 fmt::format("{}{}: the file changed: it is {} by now, no longer {} "
                             "(size-mtime-inode)",
                             name_, key, now->etag, etag)};
  }

  const std::string name_;
  const io::UniqueFd root_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenFileObjectStore(const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    return Error{Code::kInvalid,
                 fmt::format("\"file://{}\" is not of the form file:///absolute/directory", path)};
  }
  auto root = io::Open(path, O_RDONLY | O_DIRECTORY);
  if (!root) return root.error();
  std::string name = "file://" + path;
  while (name.size() > 1 && name.ends_with("//")) name.pop_back();
  if (!name.ends_with('/')) name += '/';
  return std::make_unique<FileObjectStore>(std::move(name), std::move(*root));
}

std::optional<int64_t> ModifiedNanoseconds(std::string_view etag) {
  const auto size = Cut(etag, "-");
  if (!size) return std::nullopt;
  const size_t end = size->second.rfind('-');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const auto ns = ParseInt(size->second.substr(0, end));
  return ns ? std::optional(*ns) : std::nullopt;
}

}  // namespace leat::objectstore
