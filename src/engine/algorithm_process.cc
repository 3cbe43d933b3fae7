#include "engine/algorithm_process.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::engine {
namespace {

constexpr std::chrono::seconds kStopGrace{120};

struct ProcStat {
  int64_t parent = -1;
  int64_t start = 0;  // in clock ticks since boot
};

std::optional<ProcStat> ReadStat(const std::string& proc_dir, const std::string& pid) {
  auto text = io::ReadFile(proc_dir + "/" + pid + "/stat", 4096);
  if (!text) return std::nullopt;
  // "pid (name) state parent ...": the name may hold anything, even ')'.
  const size_t end = text->rfind(')');
  if (end == std::string::npos || end + 2 > text->size()) return std::nullopt;
  const auto fields = Split(std::string_view(*text).substr(end + 2), ' ');
  constexpr size_t kParent = 1, kStart = 19;
  if (fields.size() <= kStart) return std::nullopt;
  const auto parent = ParseInt(fields[kParent]), start = ParseInt(fields[kStart]);
  if (!parent || !start) return std::nullopt;
  return ProcStat{*parent, *start};
}

}  // namespace

std::optional<pid_t> FindAlgorithm(const std::string& proc_dir, pid_t self) {
  auto names = io::ListDir(proc_dir);
  if (!names) return std::nullopt;
  std::optional<pid_t> oldest;
  int64_t start = 0;
  for (const std::string& name : *names) {
    const auto pid = ParseInt(name);
    if (!pid || *pid == 1 || *pid == self) continue;
    const auto stat = ReadStat(proc_dir, name);
    if (!stat || stat->parent != 0) continue;
    if (oldest && stat->start >= start) continue;
    oldest = static_cast<pid_t>(*pid);
    start = stat->start;
  }
  return oldest;
}

Result<AlgorithmProcess> AlgorithmProcess::Find(const std::string& proc_dir) {
  const Error none{Code::kNotFound, "the algorithm has no process"};
  const auto pid = FindAlgorithm(proc_dir, getpid());
  if (!pid) return none;
  io::UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (!fd.ok()) return errno == ESRCH ? none : io::ErrnoError(errno, "pidfd_open");
  // It may have ended, and its number gone to another, before we held it.
  if (FindAlgorithm(proc_dir, getpid()) != pid) return none;
  return AlgorithmProcess(*pid, std::move(fd));
}

Status AlgorithmProcess::Signal(int signal) {
  if (syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0) != 0)
    return io::ErrnoError(errno, "signal the algorithm");
  return {};
}

void AlgorithmEnding::Press(const std::string& why) {
  if (!process_) {
    auto found = AlgorithmProcess::Find(proc_dir_);
    if (!found || !found->Signal(SIGTERM)) return;  // not started yet, or ended
    LogInfo("asked the algorithm to end", {{"reason", why}, {"pid", found->pid()}});
    process_ = std::move(*found);
    kill_at_ = clock_.Monotonic() + kStopGrace;
  } else if (!killed_ && clock_.Monotonic() >= kill_at_) {
    killed_ = true;
    if (process_->Signal(SIGKILL))
      LogWarning("the algorithm did not end in time: killed it", {{"pid", process_->pid()}});
  }
}

}  // namespace leat::engine
