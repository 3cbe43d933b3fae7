#include "engine/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "io/file.h"

namespace leat::engine {
namespace {

constexpr size_t kMaxEntries = 1'000'000;

int64_t Nanos(const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; }

// The entry of one name in an open directory; kNotFound when it is gone or of no use.
Result<FileEntry> Describe(int dir, const std::string& name, const std::string& path) {
  struct stat info {};
  if (fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return io::ErrnoError(errno, "stat " + path);
  FileEntry entry{.path = path,
                  .size = static_cast<uint64_t>(info.st_size),
                  .modified_ns = Nanos(info.st_mtim),
                  .mode = info.st_mode & 0777};
  if (S_ISREG(info.st_mode)) return entry;
  entry.size = 0;
  if (S_ISDIR(info.st_mode)) {
    entry.kind = FileKind::kDirectory;
    return entry;
  }
  if (!S_ISLNK(info.st_mode)) return Error{Code::kNotFound, path + " is no regular file"};
  entry.kind = FileKind::kLink;
  char target[4096];
  const ssize_t size = readlinkat(dir, name.c_str(), target, sizeof target);
  if (size < 0) return io::ErrnoError(errno, "read link " + path);
  entry.target.assign(target, static_cast<size_t>(size));
  return entry;
}

// Adds what is in one directory.
Status ListOne(const std::string& root, const std::string& dir, std::vector<FileEntry>& entries) {
  auto fd = io::OpenBeneath(root, dir.empty() ? "." : dir, O_RDONLY | O_DIRECTORY);
  if (!fd && fd.error().code == Code::kNotFound) return {};
  if (!fd) return fd.error();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd->get()), closedir);
  if (!stream) return io::ErrnoError(errno, "list " + dir);
  (void)fd->Release();  // the stream's now
  while (const dirent* item = readdir(stream.get())) {
    const std::string name = item->d_name;
    if (name == "." || name == "..") continue;
    auto entry = Describe(dirfd(stream.get()), name, dir.empty() ? name : dir + "/" + name);
    if (!entry && entry.error().code == Code::kNotFound) continue;
    if (!entry) return entry.error();
    if (entries.size() == kMaxEntries)
      return Error{Code::kTooLarge, root + " holds more than a million files"};
    entries.push_back(std::move(*entry));
  }
  return {};
}

}  // namespace

Result<std::vector<FileEntry>> ListTree(const std::string& root) {
  std::vector<FileEntry> entries;
  if (!io::Exists(root)) return entries;
  if (auto listed = ListOne(root, "", entries); !listed) return listed.error();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].kind != FileKind::kDirectory) continue;
    const std::string dir = entries[i].path;
    if (auto listed = ListOne(root, dir, entries); !listed) return listed.error();
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return entries;
}

}  // namespace leat::engine
