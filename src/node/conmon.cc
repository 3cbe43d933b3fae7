#include "node/conmon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/strings.h"
#include "io/file.h"
#include "io/process.h"
#include "json/value.h"

namespace leat::node {
namespace {

constexpr int kSyncFd = 3;   // where conmon reports, by _OCI_SYNCPIPE
constexpr int kStartFd = 4;  // conmon waits here until we have set it up, by _OCI_STARTPIPE
constexpr std::chrono::seconds kCreateTimeout{60};

// conmon's first line: {"data": <pid>} or {"data": -1, "message": "..."} ("pid" before version 2).
Result<int> ReadReport(int fd, const std::stop_token& stop) {
  std::string line;
  const auto deadline = std::chrono::steady_clock::now() + kCreateTimeout;
  while (line.find('\n') == std::string::npos && !stop.stop_requested()) {
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, 1000) == 0) {
      if (std::chrono::steady_clock::now() > deadline)
        return Error{Code::kTimeout, fmt::format("runc did not create the container within {} s",
                                                 kCreateTimeout.count())};
      continue;
    }
    char buffer[4096];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    line.append(buffer, static_cast<size_t>(got));
  }
  const auto report = json::Parse(Trim(line));
  if (!report) return Error{Code::kInternal, "conmon ended without a report"};
  const int64_t pid =
      report->Has("data") ? (*report)["data"].AsInt(-1) : (*report)["pid"].AsInt(-1);
  if (pid > 0) return static_cast<int>(pid);
  return Error{Code::kInvalid,
               RuncReason((*report)["message"].AsString("runc could not create it"))};
}

}  // namespace

std::string RuncReason(std::string_view text) {
  text = Trim(text);
  constexpr std::string_view kMessage = "msg=\"";
  std::string reason(text);
  if (const size_t at = text.rfind(kMessage); at != std::string_view::npos) {
    reason.clear();
    for (size_t i = at + kMessage.size(); i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      reason += text[i];
    }
  }
  for (const std::string_view step :
       {"runc create failed: ", "runc start failed: ", "unable to start container process: "})
    if (reason.starts_with(step)) reason.erase(0, step.size());
  return reason;
}

std::string PidFile(const std::string& bundle) { return bundle + "/pid"; }
std::string ConmonPidFile(const std::string& bundle) { return bundle + "/conmon.pid"; }
std::string OomFile(const std::string& bundle) { return bundle + "/oom"; }

Result<int> LaunchConmon(const ConmonLaunch& launch) {
  int sync[2], start[2];
  if (pipe2(sync, O_CLOEXEC) != 0) return io::ErrnoError(errno, "pipe");
  io::UniqueFd sync_read(sync[0]), sync_write(sync[1]);
  if (pipe2(start, O_CLOEXEC) != 0) return io::ErrnoError(errno, "pipe");
  io::UniqueFd start_read(start[0]), start_write(start[1]);
  auto runc = io::FindProgram("runc");
  if (!runc) return runc.error();

  auto conmon = io::Process::Spawn({
      .argv = {"conmon",
               "--api-version",
               "1",
               "-c",
               launch.id,
               "-u",
               launch.id,
               "-r",
               *runc,
               "-b",
               launch.bundle,
               "-p",
               PidFile(launch.bundle),
               "-P",
               ConmonPidFile(launch.bundle),
               "-0",
               launch.bundle,
               "-l",
               "k8s-file:" + launch.log_path,
               "--log-size-max",
               std::to_string(launch.log_file_size),
               "--exit-dir",
               launch.exit_dir,
               "--socket-dir-path",
               launch.socket_dir,
               "--runtime-arg",
               "--root=" + launch.runc_root,
               "--no-new-keyring"},
      .env = {{"_OCI_SYNCPIPE", std::to_string(kSyncFd)},
              {"_OCI_STARTPIPE", std::to_string(kStartFd)}},
      .dir = launch.bundle,
      .fds = {{sync_write.get(), kSyncFd}, {start_read.get(), kStartFd}},
      .new_session = true,
  });
  if (!conmon) return conmon.error();
  sync_write.Reset();
  start_read.Reset();
  if (auto begun = io::WriteAll(start_write.get(), std::string_view("\0", 1)); !begun)
    return begun.error();
  start_write.Reset();
  // The process we spawned forks the one that stays, and ends.
  auto ended = conmon->WaitFor(kCreateTimeout);
  if (!ended) return ended.error();
  return ReadReport(sync_read.get(), {});
}

Status ReopenConmonLog(const std::string& bundle) {
  auto control = io::Open(bundle + "/ctl", O_WRONLY | O_NONBLOCK);
  if (!control) return control.error();
  return io::WriteAll(control->get(), "2 0 0\n");
}

}  // namespace leat::node
