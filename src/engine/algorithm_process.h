// The algorithm's main process, seen from the upload container of the same pod (ADR 0002).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "io/fd.h"

namespace leat::engine {

// In a shared process namespace: the oldest process whose parent is outside (0), that is neither
// the sandbox (1) nor `self`. Later ones are what someone ran with exec. nullopt when there is
// none.
std::optional<pid_t> FindAlgorithm(const std::string& proc_dir, pid_t self);

// Holds on to it, so that a signal never reaches another process that got its number.
class AlgorithmProcess {
 public:
  // kNotFound while it has not started, or has ended.
  static Result<AlgorithmProcess> Find(const std::string& proc_dir = "/proc");
  Status Signal(int signal);  // kNotFound when it has ended
  pid_t pid() const { return pid_; }

 private:
  AlgorithmProcess(pid_t pid, io::UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid_;
  io::UniqueFd fd_;
};

// Ends the algorithm as SageMaker does: SIGTERM once, SIGKILL 120 s later.
class AlgorithmEnding {
 public:
  explicit AlgorithmEnding(Clock& clock, std::string proc_dir = "/proc")
      : clock_(clock), proc_dir_(std::move(proc_dir)) {}
  // Called again and again until the algorithm has ended; does what it is time for. `why` is for
  // the log.
  void Press(const std::string& why);

 private:
  Clock& clock_;
  const std::string proc_dir_;
  std::optional<AlgorithmProcess> process_;
  MonoTime kill_at_;
  bool killed_ = false;
};

}  // namespace leat::engine
