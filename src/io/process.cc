#include "io/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "io/file.h"
#include "io/wait.h"

namespace leat::io {
namespace {

constexpr size_t kMaxOut = 16u << 20;
constexpr size_t kMaxErr = 64u << 10;

Result<ExitStatus> Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return ErrnoError(errno, "wait for process " + std::to_string(pid));
  if (WIFSIGNALED(status)) return ExitStatus{.signal = WTERMSIG(status)};
  return ExitStatus{.code = WEXITSTATUS(status)};
}

// The reading end of a pipe whose writing end a child has.
struct Output {
  UniqueFd read;
  UniqueFd write;
  std::string text;

  Status Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "make a pipe");
    read.Reset(ends[0]);
    write.Reset(ends[1]);
    fcntl(read.get(), F_SETFL, O_NONBLOCK);
    return {};
  }

  // Takes what is there now, up to `at_most` bytes; closes `read` at the end of the stream.
  void Drain(size_t at_most) {
    char buffer[16 << 10];
    size_t taken = 0;
    while (read.ok() && taken < at_most) {
      const ssize_t got = ::read(read.get(), buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) read.Reset();
      if (got <= 0) return;
      text.append(buffer, static_cast<size_t>(got));
      taken += static_cast<size_t>(got);
    }
  }

  void KeepEnd(size_t bytes) {
    if (text.size() > bytes) text.erase(0, text.size() - bytes);
  }
};

}  // namespace

Process::Process(Process&& other) noexcept
    : pid_(other.pid_), pidfd_(std::move(other.pidfd_)), ours_(std::exchange(other.ours_, false)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  End();
  pid_ = other.pid_;
  pidfd_ = std::move(other.pidfd_);
  ours_ = std::exchange(other.ours_, false);
  return *this;
}

Process::~Process() { End(); }

void Process::End() {
  if (!ours_) return;
  ours_ = false;
  ::kill(pid_, SIGKILL);  // not yet reaped, so the pid is still its own
  (void)Reap(pid_);
}

void Process::LetGo() { ours_ = false; }

Status Process::Kill(int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) != 0)
    return ErrnoError(errno, "signal process " + std::to_string(pid_));
  return {};
}

Result<ExitStatus> Process::Wait(const std::stop_token& stop) {
  return WaitUntil(std::nullopt, stop);
}

Result<ExitStatus> Process::WaitFor(std::chrono::nanoseconds timeout, const std::stop_token& stop) {
  return WaitUntil(std::chrono::steady_clock::now() + timeout, stop);
}

Result<ExitStatus> Process::WaitUntil(std::optional<std::chrono::steady_clock::time_point> deadline,
                                      const std::stop_token& stop) {
  const std::string what = "wait for process " + std::to_string(pid_);
  if (!ours_) return Error{Code::kInvalid, what + ": it was waited for or let go before"};
  pollfd ended{pidfd_.get(), POLLIN, 0};
  const Result<int> ready = Poll({&ended, 1}, deadline, stop);
  if (!ready) return ready.error().Within(what);
  if (*ready == 0) return Error{Code::kTimeout, what + ": it has not ended in time"};
  ours_ = false;
  return Reap(pid_);
}

Result<RunResult> Run(SpawnOptions options, std::chrono::nanoseconds timeout,
                      const std::stop_token& stop) {
  const MonoTime deadline = std::chrono::steady_clock::now() + timeout;
  const std::string what = "run " + (options.argv.empty() ? "" : options.argv[0]);
  Output out;
  Output err;
  for (auto [output, fd] : {std::pair{&out, &options.stdout_fd}, {&err, &options.stderr_fd}}) {
    if (*fd >= 0) continue;
    Status opened = output->Open();
    if (!opened) return opened.error().Within(what);
    *fd = output->write.get();
  }
  Result<Process> child = Process::Spawn(options);
  if (!child) return child.error();
  out.write.Reset();
  err.write.Reset();

  bool ended = false;
  while (!ended) {
    pollfd fds[] = {
        {child->pidfd(), POLLIN, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    Result<int> ready = Poll(fds, deadline, stop);
    // A child that writes without end must not keep us from seeing the stop.
    if (stop.stop_requested()) ready = Error{Code::kCancelled, "a stop was requested"};
    if (!ready) return ready.error().Within(what);
    if (*ready == 0)
      return Error{Code::kTimeout,
                   what + ": not done after " +
                       std::to_string(
                           std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()) +
                       " ms; it was killed"};
    ended = fds[0].revents != 0;  // seen before draining, so that nothing it wrote is missed
    out.Drain(kMaxOut);
    err.Drain(kMaxErr * 4);
    err.KeepEnd(kMaxErr);
    if (out.text.size() > kMaxOut)
      return Error{Code::kTooLarge, what + ": printed more than 16 MiB; it was killed"};
  }
  Result<ExitStatus> exit = child->Wait();
  if (!exit) return exit.error().Within(what);
  return RunResult{*exit, std::move(out.text), std::move(err.text)};
}

}  // namespace leat::io
