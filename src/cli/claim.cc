#include "cli/claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace leat::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;
constexpr auto kStep = 50ms;
constexpr size_t kNamesShown = 3;

// What is there from the first start on. Foreign directories may well have a file "lock".
constexpr std::array<const char*, 3> kOurs = {"leat.db", "leat.db.mark", "pki/secrets.json"};
// All that is there when the first start was cut off before that.
constexpr std::array<std::string_view, 4> kBegun = {"lock", "pki", "aws", "node"};

bool HasBeenUsed(const std::string& path, const std::vector<std::string>& names) {
  if (std::any_of(kOurs.begin(), kOurs.end(),
                  [&](const char* name) { return io::Exists(path + "/" + name); }))
    return true;
  return std::find(names.begin(), names.end(), "lock") != names.end() &&
         std::all_of(names.begin(), names.end(), [](const std::string& name) {
           return std::find(kBegun.begin(), kBegun.end(), name) != kBegun.end();
         });
}

Error NotOurs(const std::string& path, const std::string& why) {
  return {Code::kInvalid, fmt::format("{}, and Leat makes its data directory private; name one "
                                      "that is not there yet, for example {}/leat",
                                      why, path == "/" ? "" : path)};
}

// Whether an empty directory may be made private.
Status CheckEmpty(const std::string& path, const struct stat& info) {
  if (info.st_uid != geteuid()) return NotOurs(path, "it belongs to another user");
  if ((info.st_mode & (S_ISVTX | S_IWOTH)) != 0)
    return NotOurs(path, "it is for all users to write to");
  const char* home = std::getenv("HOME");
  std::error_code failed;
  if (home != nullptr && std::filesystem::equivalent(path, home, failed))
    return NotOurs(path, "it is a home directory");
  return {};
}

}  // namespace

Status MakeOrCheckDirectory(const std::string& path) {
  if (!io::Exists(path)) return io::MakeDirs(path, 0700);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return io::ErrnoError(errno, "look at it");
  if (!S_ISDIR(info.st_mode)) return Error{Code::kInvalid, "it is not a directory"};
  auto names = io::ListDir(path);
  if (!names) return names.error();
  std::erase(*names, "lost+found");  // a file system's own
  if (names->empty()) {
    if (auto empty = CheckEmpty(path, info); !empty) return empty;
  } else if (!HasBeenUsed(path, *names)) {
    const bool more = names->size() > kNamesShown;
    names->resize(std::min(names->size(), kNamesShown));
    return NotOurs(path, fmt::format("it holds what is not Leat's ({}{})", fmt::join(*names, ", "),
                                     more ? ", ..." : ""));
  }
  if ((info.st_mode & 07777) != 0700 && chmod(path.c_str(), 0700) != 0)
    return io::ErrnoError(errno, "chmod");
  return {};
}

Result<DirectoryLock> DirectoryLock::TryTake(const std::string& path) {
  auto directory = io::Open(path, O_RDONLY | O_DIRECTORY);
  if (!directory) return directory.error();
  while (flock(directory->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Error{Code::kAlreadyExists, "locked"};
    return io::ErrnoError(errno, "lock " + path);
  }
  auto file = io::FileLock::Take(path + "/lock");
  if (!file) return file.error();
  if (auto noted = file->SetNote(std::to_string(getpid())); !noted) return noted.error();
  return DirectoryLock(std::move(*directory), std::move(*file));
}

Result<DirectoryLock> DirectoryLock::Take(const std::string& path, Clock& clock) {
  const MonoTime begin = clock.Monotonic();
  for (bool told = false;; told = true) {
    auto lock = TryTake(path);
    if (lock || lock.error().code != Code::kAlreadyExists) return lock;
    const auto note = io::ReadFile(path + "/lock");
    const std::string holder(note ? Trim(*note) : "");
    if (!told)
      LogInfo("another Leat holds the data directory; waiting a few seconds for it to end",
              {{"data_dir", path}, {"process", holder.empty() ? "unknown" : holder}});
    if (clock.Monotonic() - begin >= kPatience)
      return Error{Code::kAlreadyExists,
                   fmt::format("another Leat is running on {}{}; stop it, or give this one its own "
                               "--data-dir and ports",
                               path, holder.empty() ? "" : " (process " + holder + ")")};
    clock.SleepFor(kStep, {});
  }
}

}  // namespace leat::cli
