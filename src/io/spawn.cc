// From SpawnOptions to a running program. Between vfork and exec the child shares our memory and
// must not allocate or lock, so everything it needs is laid out before in a Plan.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"
#include "io/file.h"
#include "io/process.h"

namespace leat::io {
namespace {

struct Mapping {
  int ours;
  int childs;
};

struct Plan {
  std::string program;
  std::string dir;
  bool new_session = false;
  std::vector<std::string> env;
  std::vector<char*> argv_pointers;
  std::vector<char*> env_pointers;
  std::vector<Mapping> fds;
  int first_free = 3;  // above all of the child's descriptors
};

// What the child says when it cannot become the program; never sent on success.
struct Failure {
  enum Step { kDescriptors, kDirectory, kExec } step;
  int error;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const SpawnOptions& options) {
  std::vector<std::string> env;
  const auto replaced = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    return std::any_of(options.env.begin(), options.env.end(),
                       [&](const auto& pair) { return pair.first == name; });
  };
  for (char** entry = environ; !options.clear_env && entry && *entry; ++entry)
    if (!replaced(*entry)) env.emplace_back(*entry);
  for (const auto& [name, value] : options.env) env.push_back(name + "=" + value);
  return env;
}

Result<Plan> MakePlan(const SpawnOptions& options, int dev_null) {
  LEAT_CHECK(!options.argv.empty(), "a process needs an argv[0]");
  Plan plan;
  plan.program = options.argv[0];
  if (plan.program.find('/') == std::string::npos) {
    Result<std::string> found = FindProgram(plan.program);
    if (!found) return found.error();
    plan.program = *found;
  }
  plan.dir = options.dir;
  plan.new_session = options.new_session;
  plan.env = Environment(options);
  plan.argv_pointers = Pointers(options.argv);
  plan.env_pointers = Pointers(plan.env);
  plan.fds = {{options.stdin_fd < 0 ? dev_null : options.stdin_fd, 0},
              {options.stdout_fd < 0 ? dev_null : options.stdout_fd, 1},
              {options.stderr_fd < 0 ? 2 : options.stderr_fd, 2}};
  for (const auto& [ours, childs] : options.fds) {
    plan.fds.push_back({ours, childs});
    plan.first_free = std::max(plan.first_free, childs + 1);
  }
  return plan;
}

// True, or false with errno. Moves all sources out of the way first, since one mapping's target may
// be another's source; then dup2 clears CLOEXEC on exactly the wanted ones.
bool ArrangeDescriptors(Plan& plan) {
  for (Mapping& fd : plan.fds) {
    fd.ours = fcntl(fd.ours, F_DUPFD_CLOEXEC, plan.first_free);
    if (fd.ours < 0) return false;
  }
  if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  for (const Mapping& fd : plan.fds)
    if (dup2(fd.ours, fd.childs) < 0) return false;
  return true;
}

[[noreturn]] void Fail(int report, Failure::Step step) {
  const Failure failure{step, errno};
  (void)!::write(report, &failure, sizeof(failure));
  _exit(127);
}

[[noreturn]] void Child(Plan& plan, int report) {
  if (plan.new_session) setsid();
  const int low = report;
  report = fcntl(low, F_DUPFD_CLOEXEC, plan.first_free);
  if (report < 0) Fail(low, Failure::kDescriptors);
  if (!ArrangeDescriptors(plan)) Fail(report, Failure::kDescriptors);
  if (!plan.dir.empty() && chdir(plan.dir.c_str()) != 0) Fail(report, Failure::kDirectory);
  // A server ignores SIGPIPE, and ignored signals stay so across exec.
  // By the kernel's own call: libc keeps two signals to itself and would leave those ignored.
  struct {
    void (*handler)(int) = SIG_DFL;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    uint64_t mask = 0;
  } standard;
  for (int signal = 1; signal < NSIG; ++signal)
    syscall(SYS_rt_sigaction, signal, &standard, nullptr, sizeof standard.mask);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(plan.program.c_str(), plan.argv_pointers.data(), plan.env_pointers.data());
  Fail(report, Failure::kExec);
}

// vfork, since a fork of a process with gigabytes of memory copies megabytes of page tables. All
// signals are blocked meanwhile: a handler of ours must not run in the child, on our memory.
pid_t StartChild(Plan& plan, int report) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = vfork();
  if (pid == 0) Child(plan, report);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

Error Explain(const Failure& failure, const Plan& plan) {
  const std::string start = "start " + plan.program;
  switch (failure.step) {
    case Failure::kDescriptors:
      return ErrnoError(failure.error, start + ": pass descriptors");
    case Failure::kDirectory:
      return ErrnoError(failure.error, start + " in " + plan.dir);
    case Failure::kExec:
      return ErrnoError(failure.error, start);
  }
  return ErrnoError(failure.error, start);
}

}  // namespace

Result<Process> Process::Spawn(const SpawnOptions& options) {
  Result<UniqueFd> dev_null = Open("/dev/null", O_RDWR);
  if (!dev_null) return dev_null.error();
  Result<Plan> plan = MakePlan(options, dev_null->get());
  if (!plan) return plan.error();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "start " + plan->program);
  UniqueFd report_read(ends[0]);
  UniqueFd report_write(ends[1]);

  const pid_t pid = StartChild(*plan, report_write.get());
  if (pid < 0) return ErrnoError(errno, "start " + plan->program);
  report_write.Reset();
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_error = errno;
  Process process(pid, std::move(pidfd));  // reaps, should we return an error

  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(report_read.get(), &failure, sizeof(failure));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(failure)) return Explain(failure, *plan);
  if (!process.pidfd_.ok()) return ErrnoError(pidfd_error, "start " + plan->program + ": pidfd");
  return process;
}

Result<std::string> FindProgram(const std::string& name) {
  const auto runnable = [](const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
           access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    if (runnable(name)) return name;
    return Error{Code::kNotFound, "no program at " + name};
  }
  const char* path = std::getenv("PATH");
  const std::string_view dirs =
      path && *path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (std::string_view dir : Split(dirs, ':')) {
    if (!dir.starts_with('/')) continue;  // a relative entry would make the answer depend on cwd
    const std::string candidate = std::string(dir) + "/" + name;
    if (runnable(candidate)) return candidate;
  }
  return Error{Code::kNotFound,
               "no program '" + name + "' on PATH; install it or add its directory to PATH"};
}

}  // namespace leat::io
