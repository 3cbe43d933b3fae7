// Child processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::io {

struct SpawnOptions {
  std::vector<std::string> argv;                         // argv[0] is looked up on PATH
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  bool clear_env = false;
  std::string dir;                       // working directory; empty = ours
  int stdin_fd = -1;                     // -1 = /dev/null; borrowed
  int stdout_fd = -1;                    // -1 = /dev/null; borrowed
  int stderr_fd = -1;                    // -1 = ours; borrowed
  std::vector<std::pair<int, int>> fds;  // {ours, number in the child}; all others are closed
  bool new_session = false;              // setsid: survives our terminal's signals
};

// How a process ended.
struct ExitStatus {
  int code = 0;    // 0..255, when signal is 0
  int signal = 0;  // the signal that killed it, else 0
  bool ok() const { return code == 0 && signal == 0; }
};

// A child that we wait for. Destruction kills (SIGKILL) and reaps a child that was not waited for
// or let go. Used by one thread at a time, except that Kill may be called while another waits.
class Process {
 public:
  // Returns once the program runs, with default signal handlers and none blocked. A program or
  // directory that is not there: kNotFound.
  static Result<Process> Spawn(const SpawnOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable once it has ended; for poll sets
  // kNotFound when it has ended and was waited for; never hits a stranger with the same pid.
  Status Kill(int signal);
  // Blocks until it ends; kCancelled on stop (the child goes on). Succeeds once.
  Result<ExitStatus> Wait(const std::stop_token& stop = {});
  // kTimeout when it has not ended by then.
  Result<ExitStatus> WaitFor(std::chrono::nanoseconds timeout, const std::stop_token& stop = {});
  // The child outlives this object. Init reaps it after us; if it ends before we do, it stays a
  // zombie until then.
  void LetGo();

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)), ours_(true) {}
  Result<ExitStatus> WaitUntil(std::optional<std::chrono::steady_clock::time_point> deadline,
                               const std::stop_token& stop);
  void End();

  pid_t pid_ = -1;
  UniqueFd pidfd_;     // open until destruction, so that Kill and Wait need no lock
  bool ours_ = false;  // still to be waited for
};

struct RunResult {
  ExitStatus exit;
  std::string out;  // stdout
  std::string err;  // stderr, at most 64 KiB (its end)
};

// Runs to the end and collects what goes to the outputs that `options` leaves at -1. A non-zero
// exit is not an Error. The child is killed on kTimeout, kCancelled and, when stdout passes 16 MiB,
// kTooLarge. Does not wait for grandchildren that keep the outputs open.
Result<RunResult> Run(SpawnOptions options, std::chrono::nanoseconds timeout,
                      const std::stop_token& stop = {});

// The absolute path of a program on PATH (or itself when it has a slash), else kNotFound.
Result<std::string> FindProgram(const std::string& name);

}  // namespace leat::io
