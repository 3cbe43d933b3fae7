#include "cli/data_node_access.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "base/strings.h"
#include "blocks/cache.h"
#include "cli/patience.h"
#include "datanode/control_client.h"
#include "datanode/json_bytes.h"
#include "datanode/view_of_files.h"
#include "io/file.h"
#include "io/process.h"
#include "io/unix_socket.h"

namespace leat::cli {
namespace {

constexpr std::chrono::seconds kStartTimeout{15};
constexpr std::chrono::milliseconds kPoll{50};

Result<bool> Listens(const std::string& socket) {
  const auto connection = io::ConnectUnix(socket);
  if (connection) return true;
  const Code code = connection.error().code;
  if (code == Code::kNotFound || code == Code::kUnavailable) return false;
  return connection.error();
}

// Starts a supervisor that outlives us. Returns "ready", "taken" when another was faster, or what
// went wrong.
Result<std::string> StartSupervisor(const std::vector<std::string>& directories, uint64_t memory) {
  const std::string log_path = CachePath(directories[0]) + "/log";
  const auto log = io::Open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
  if (!log) return log.error();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return io::ErrnoError(errno, "pipe");
  const io::UniqueFd reader(ends[0]);
  io::UniqueFd writer(ends[1]);
  std::vector<std::string> argv = {OwnProgram(), "data-supervisor"};
  for (const std::string& directory : directories) {
    argv.push_back("--cache-dir");
    argv.push_back(directory);
  }
  if (memory != 0) {
    argv.push_back("--memory-limit");
    argv.push_back(std::to_string(memory));
  }
  auto supervisor = io::Process::Spawn({.argv = argv,
                                        .dir = "/",
                                        .stdout_fd = writer.get(),
                                        .stderr_fd = log->get(),
                                        .new_session = true});
  if (!supervisor) return supervisor.error().Within("start the data node");
  supervisor->LetGo();
  writer.Reset();
  const auto said = io::ReadFd(reader.get(), 64 << 10);  // until it closes its stdout
  if (!said) return said.error();
  const std::string word(Trim(*said));
  if (word.empty())
    return Error{Code::kInternal, "the data node's supervisor ended at once: see " + log_path};
  return word;
}

// Whoever may write there could put another socket in the place of the data node's, which is told
// the store's keys.
Status CheckOwner(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return io::ErrnoError(errno, "stat " + path);
  if (status.st_uid != ::geteuid()) {
    return Error{Code::kForbidden, path + ": this cache directory belongs to another user (" +
                                       std::to_string(status.st_uid) +
                                       "): choose another one, or make it yours with chown"};
  }
  if ((status.st_mode & 022) != 0) {
    return Error{Code::kForbidden, path +
                                       ": other users may write into this cache directory: run "
                                       "chmod 700 " +
                                       path + ", or choose another one"};
  }
  return {};
}

Status MakeCacheDirectories(const std::vector<std::string>& directories) {
  for (const std::string& directory : directories) {
    const auto parsed = blocks::CacheDirectory::Parse(directory);
    if (!parsed) return parsed.error();
    const std::filesystem::path path(parsed->path);
    if (!io::Exists(parsed->path)) {
      if (auto made = io::MakeDirs(path.parent_path()); !made) return made;
      if (auto made = io::MakeDirs(path, 0700); !made) return made;
    }
    if (auto ours = CheckOwner(parsed->path); !ours) return ours;
  }
  return {};
}

}  // namespace

void AddCacheFlags(CLI::App& app, const std::shared_ptr<CacheFlags>& flags) {
  app.add_option("--cache-dir", flags->directories,
                 "PATH[,size=N][,tier=memory|ssd|hdd]: where bytes are kept; repeatable, the first "
                 "one names the data node (" +
                     DefaultCacheDirectory() + ", a tenth of its disk)")
      ->allow_extra_args(false);
  app.add_option("--memory-limit", flags->memory, "Memory for object bytes, e.g. 512M (128M)")
      ->transform(CLI::AsSizeValue(false));
}

std::string DefaultCacheDirectory() {
  const char* home = std::getenv("HOME");
  if (geteuid() == 0 || !home || *home == '\0') return "/var/cache/leat";
  return std::string(home) + "/.cache/leat";
}

std::string CachePath(const std::string& directory) {
  return directory.substr(0, directory.find(','));
}

Result<std::vector<std::string>> CacheDirectories(const CacheFlags& flags) {
  if (flags.directories.empty()) return std::vector<std::string>{DefaultCacheDirectory()};
  std::vector<std::string> directories;
  for (const std::string& given : flags.directories) {
    // The path as it is now: the data node runs elsewhere, and is found by it.
    std::error_code failed;
    std::string path = std::filesystem::weakly_canonical(CachePath(given), failed);
    if (!path.starts_with("/")) path = std::filesystem::absolute(CachePath(given), failed);
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    const size_t comma = given.find(',');
    const std::string text = path + (comma == std::string::npos ? "" : given.substr(comma));
    if (auto parsed = blocks::CacheDirectory::Parse(text); !parsed) return parsed.error();
    if (std::filesystem::exists(path, failed) && !std::filesystem::is_directory(path, failed))
      return Error{Code::kInvalid, "--cache-dir " + path + ": is a file, not a directory"};
    directories.push_back(text);
  }
  return directories;
}

Result<json::Value> OptionsOf(const CacheFlags& flags) {
  json::Value options = json::Object();
  if (!flags.directories.empty()) {
    const auto directories = CacheDirectories(flags);
    if (!directories) return directories.error();
    for (const std::string& directory : *directories)
      options.Mut("directories").Push(datanode::BytesToJson(directory));
  }
  if (flags.memory != 0) options.Set("memory", flags.memory);
  return options;
}

Result<std::string> StartedDataNode(const CacheFlags& flags) {
  const auto directories = CacheDirectories(flags);
  if (!directories) return directories.error();
  const std::string socket = datanode::ControlSocketOf(CachePath((*directories)[0]));
  RealClock clock;
  const MonoTime until = clock.Monotonic() + kStartTimeout;
  while (true) {
    const auto listens = Listens(socket);
    if (!listens) return listens.error();
    if (*listens) return socket;
    if (auto made = MakeCacheDirectories(*directories); !made) return made.error();
    const auto said = StartSupervisor(*directories, flags.memory);
    if (!said) return said.error();
    if (*said == "ready") return socket;
    // Another was faster; it listens soon, or was about to end.
    if (!said->starts_with("taken") || clock.Monotonic() >= until)
      return Error{Code::kUnavailable, "the data node cannot start: " + *said};
    clock.SleepFor(kPoll, {});
  }
}

std::string OwnProgram() {
  std::error_code failed;
  const std::string path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed || access(path.c_str(), X_OK) != 0 ? "/proc/self/exe" : path;
}

Result<json::Value> Ask(const std::string& socket, const json::Value& request,
                        const OnProgress& progress, const std::stop_token& stop) {
  Patience patience = Patience::ForSocket(socket);
  json::Value with_view = request;
  with_view.Set("view", datanode::ViewOfFiles());
  return datanode::AskDataNode(
      socket, with_view,
      [&](const json::Value& message) {
        patience.Heard();
        if (progress) progress(message);
      },
      stop);
}

namespace {

// Whether it is worth asking anew: the data node ends, as it may, to make room for another with
// these options.
bool Leaves(const std::string& socket, const json::Value& options) {
  if (options.IsNull()) return false;
  const auto reply = Ask(socket, json::Object({{"op", "leave"}, {"options", options}}), {}, {});
  return reply && (*reply)["again"].AsBool();
}

}  // namespace

Result<json::Value> AskStarted(const CacheFlags& flags, const json::Value& request,
                               const OnProgress& progress, const std::stop_token& stop) {
  RealClock clock;
  const MonoTime until = clock.Monotonic() + kStartTimeout;
  bool replacing = false;
  for (int tries = 1;; ++tries) {
    const auto socket = StartedDataNode(flags);
    if (!socket) return socket.error();
    bool heard = false;
    auto reply = Ask(
        *socket, request,
        [&](const json::Value& message) {
          heard = true;
          if (progress) progress(message);
        },
        stop);
    if (reply || heard || clock.Monotonic() >= until) return reply;
    const Code code = reply.error().code;
    // It may end, having nothing to do, between being found and being asked.
    const bool may_be_gone = code == Code::kUnavailable || code == Code::kNotFound;
    const bool gone = may_be_gone && !Listens(*socket).value_or(true);
    if (code == Code::kConflict && Leaves(*socket, request["options"]))
      replacing = true;
    else if (!(replacing && code == Code::kUnavailable) && !(gone && (replacing || tries < 3)))
      return reply;
    if (replacing) clock.SleepFor(kPoll, {});
  }
}

}  // namespace leat::cli
