// Child processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::io {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up on PATH
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  bool clear_env = false;
  std::string dir;            // working directory; empty = ours
  int stdin_fd = -1;          // -1 = /dev/null; borrowed
  int stdout_fd = -1;         // -1 = /dev/null; borrowed
  int stderr_fd = -1;         // -1 = ours; borrowed
  std::vector<std::pair<int, int>> fds;  // {ours, number in the child}; all others are closed
  bool new_session = false;   // setsid: survives our terminal's signals
};

// How a process ended.
struct ExitStatus {
  int code = 0;    // 0..255, when signal is 0
  int signal = 0;  // the signal that killed it, else 0
  bool ok() const { return code == 0 && signal == 0; }
};

// A child that we wait for. Destruction kills (SIGKILL) and reaps a child that was not waited for
// or let go.
class Process {
 public:
  static Result<Process> Spawn(const SpawnOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  Status Kill(int signal);
  // Blocks until it ends; kCancelled on stop (the child goes on).
  Result<ExitStatus> Wait(const std::stop_token& stop = {});
  // kTimeout when it has not ended by then.
  Result<ExitStatus> WaitFor(std::chrono::nanoseconds timeout, const std::stop_token& stop = {});
  void LetGo();  // the child outlives this object; it is reaped by init

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

struct RunResult {
  ExitStatus exit;
  std::string out;  // stdout, at most 16 MiB
  std::string err;  // stderr, at most 64 KiB (its end)
};

// Runs to the end and collects the output. kTimeout kills the child; a non-zero exit is not an
// Error.
Result<RunResult> Run(SpawnOptions options, std::chrono::nanoseconds timeout,
                      const std::stop_token& stop = {});

// The absolute path of a program on PATH (or itself when it has a slash), else kNotFound.
Result<std::string> FindProgram(const std::string& name);

}  // namespace leat::io
