#include "node/log_rotation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::node {
namespace {

constexpr char kNext[] = ".tmp";  // conmon's name for a file that it begins
constexpr int kTries = 5;

std::string DirOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

ino_t InodeOf(int fd) {
  struct stat at {};
  return fstat(fd, &at) == 0 ? at.st_ino : 0;
}

// Their own names, oldest first, without <path> and <path>.tmp.
std::vector<std::string> NamedFiles(const std::string& log_path) {
  std::vector<std::string> files;
  const std::string dir = DirOf(log_path);
  const auto entries = io::ListDir(dir);
  for (const std::string& entry : entries ? *entries : std::vector<std::string>()) {
    std::string path = dir + "/" + entry;
    if (path.starts_with(log_path + ".") && path != log_path + kNext)
      files.push_back(std::move(path));  // sorted, and so by time
  }
  return files;
}

// Behind those that are there, also when several come in a second or the clock goes back: the last
// one's name is then counted on in digits of a fixed number, as a name must not grow.
std::string NewName(const std::string& log_path, WallTime now) {
  constexpr size_t kDigits = 6;
  std::string name = log_path + "." + FormatUtc(now, "%Y%m%d-%H%M%S");
  const std::vector<std::string> files = NamedFiles(log_path);
  if (files.empty() || name > files.back()) return name;
  const std::string& last = files.back();
  const size_t stamp = name.size();
  const bool counted = last.size() == stamp + 1 + kDigits && last[stamp] == '-';
  const auto count = counted ? ParseInt(last.substr(stamp + 1)) : Result<int64_t>(0);
  const std::string front = counted ? last.substr(0, stamp) : last;
  return fmt::format("{}-{:0{}}", front, count.value_or(0) + 1, kDigits);
}

// Gives the file at `path` a name of its own, if it has none. False when conmon moved it meanwhile.
Result<bool> EnsureNamed(const std::string& path, const std::string& log_path, WallTime now) {
  struct stat at {};
  if (stat(path.c_str(), &at) != 0) return false;
  if (at.st_nlink > 1) return true;
  const std::string name = NewName(log_path, now);
  if (link(path.c_str(), name.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return io::ErrnoError(errno, "link " + path + " to " + name);
}

Status EnsureThere(const std::string& path) {
  auto made = io::Open(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!made && made.error().code != Code::kAlreadyExists) return made.error();
  return {};
}

}  // namespace

std::vector<io::UniqueFd> OpenLogFiles(const std::string& log_path) {
  std::vector<io::UniqueFd> files;
  for (int tries = 0; tries < kTries; ++tries) {
    std::vector<std::string> names = NamedFiles(log_path);
    files.clear();
    std::vector<ino_t> inodes;
    names.push_back(log_path);
    for (const std::string& name : names) {
      auto fd = io::Open(name, O_RDONLY);
      const ino_t inode = fd ? InodeOf(fd->get()) : 0;
      if (!fd || std::find(inodes.begin(), inodes.end(), inode) != inodes.end()) continue;
      inodes.push_back(inode);
      files.push_back(std::move(*fd));
    }
    names.pop_back();
    if (NamedFiles(log_path) == names) break;
  }
  // Looked at last: if it has become the log meanwhile, it counts.
  struct stat next {};
  if (stat((log_path + kNext).c_str(), &next) == 0)
    std::erase_if(files, [&](const io::UniqueFd& fd) { return InodeOf(fd.get()) == next.st_ino; });
  return files;
}

Status AdvanceLog(const std::string& log_path, WallTime now) {
  const std::string next = log_path + kNext;
  if (auto there = EnsureThere(log_path); !there) return there;
  for (int tries = 0; tries < kTries; ++tries) {
    auto named = EnsureNamed(log_path, log_path, now);
    if (!named) return named.error();
    if (auto there = EnsureThere(next); !there) return there;
    auto ready = EnsureNamed(next, log_path, now);
    if (!ready) return ready.error();
    if (*named && *ready) break;
  }
  std::vector<std::string> files = NamedFiles(log_path);
  const size_t most = kOldLogFiles + 2;  // the log itself, and the next
  for (size_t i = 0; i + most < files.size(); ++i)
    if (auto removed = io::Remove(files[i]); !removed) return removed;
  return {};
}

bool MayBeginNextFile(const std::string& log_path) {
  struct stat at {};
  return stat(log_path.c_str(), &at) == 0 && static_cast<uint64_t>(at.st_size) > kLogFileSize &&
         at.st_nlink > 1;
}

Status RemoveLog(const std::string& log_path) {
  std::vector<std::string> files = NamedFiles(log_path);
  files.push_back(log_path);
  files.push_back(log_path + kNext);
  for (const std::string& file : files)
    if (auto removed = io::Remove(file); !removed) return removed;
  return {};
}

LogRotation::LogRotation(Clock& clock)
    : clock_(clock), inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_.ok())
    LogWarning("logs are not watched",
               {{"error", io::ErrnoError(errno, "inotify: raise fs.inotify.max_user_instances")}});
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void LogRotation::Begin(const std::string& log_path) {
  Advance(log_path);
  Follow(log_path);
}

void LogRotation::Follow(const std::string& log_path) {
  const std::string dir = DirOf(log_path);
  const int watch = inotify_add_watch(inotify_.get(), dir.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  if (watch < 0)
    LogWarning("a log is not watched",
               {{"log", log_path},
                {"error", io::ErrnoError(errno, "inotify: raise fs.inotify.max_user_watches")}});
  MutexLock lock(mu_);
  if (watch >= 0) dirs_[watch] = dir;
  due_.insert(log_path);  // for what came before the watch
}

void LogRotation::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd wait{.fd = inotify_.get(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, 100) > 0) ReadEvents();
    std::set<std::string> due;
    {
      MutexLock lock(mu_);
      due.swap(due_);
    }
    for (const std::string& log : due) Advance(log);
  }
}

void LogRotation::ReadEvents() {
  alignas(inotify_event) char buffer[16 << 10];
  const ssize_t size = read(inotify_.get(), buffer, sizeof buffer);
  MutexLock lock(mu_);
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
    at += static_cast<ssize_t>(sizeof *event + event->len);
    const auto dir = dirs_.find(event->wd);
    if (dir == dirs_.end()) continue;
    if ((event->mask & IN_IGNORED) != 0)
      dirs_.erase(dir);
    else if (event->len > 0)
      due_.insert(dir->second + "/" + event->name);
  }
}

void LogRotation::Advance(const std::string& log_path) {
  auto advanced = AdvanceLog(log_path, clock_.Now());
  if (!advanced && advanced.error().code != Code::kNotFound)  // gone with its pod
    LogWarning("what a log's next file replaces may be lost",
               {{"log", log_path}, {"error", advanced.error()}});
}

}  // namespace leat::node
