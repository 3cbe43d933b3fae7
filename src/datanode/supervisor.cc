#include "datanode/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "datanode/control_client.h"
#include "datanode/worker.h"
#include "fuse/mount.h"
#include "io/wait.h"

namespace leat::datanode {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLogCheck{10};
constexpr std::chrono::seconds kLastWords{2};
constexpr std::string_view kMountPrefix = "mount:";

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<int> NumbersOf(const std::vector<io::UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const io::UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

bool Readable(int fd) {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  const Result<int> ready = io::Poll({&poll, 1}, steady_clock::now());
  return ready && *ready > 0;
}

}  // namespace

Result<Supervisor> Supervisor::Take(SupervisorOptions options) {
  Result<io::FileLock> lock = io::FileLock::Take(options.directory + "/supervisor.lock");
  if (!lock) return lock.error();
  // A full disk takes no note; others are then told that there is none.
  (void)lock->SetNote("leat data supervisor, process " + std::to_string(getpid()));
  Result<io::UniqueFd> listener = io::ListenUnix(ControlSocketOf(options.directory));
  if (!listener) return listener.error();
  return Supervisor(std::move(options), std::move(*lock), std::move(*listener));
}

Supervisor::Supervisor(SupervisorOptions options, io::FileLock lock, io::UniqueFd listener)
    : options_(std::move(options)), lock_(std::move(lock)), listener_(std::move(listener)) {}

Supervisor::~Supervisor() {
  // While a worker lives it listens on the socket too, and removes it when it has drained.
  if (listener_.ok() && !worker_) (void)io::Remove(ControlSocketOf(options_.directory));
}

void Supervisor::Run(const std::stop_token& stop) {
  RaiseDescriptorLimit();
  next_start_ = steady_clock::now();
  while (!done_ && !stop.stop_requested()) {
    if (!worker_ && steady_clock::now() >= next_start_) StartWorker();
    Watch(stop);
  }
  if (done_) return;
  if (worker_ && worker_->WaitFor(std::chrono::nanoseconds(0))) worker_.reset();
  // The worker, seeing its socket close, would do it too, if it does not die before.
  DetachMounts();
  if (worker_) worker_->LetGo();
}

void Supervisor::StartWorker() {
  started_ = steady_clock::now();
  auto sockets = io::SocketPair();
  if (!sockets) {
    LogError("no socket for the worker", {{"error", sockets.error()}});
    return DelayNextStart(started_);
  }
  // The worker must not be able to stop us by not reading.
  (void)fcntl(sockets->first.get(), F_SETFL, O_NONBLOCK);
  auto worker = io::Process::Spawn(
      {.argv = options_.worker,
       .dir = "/",
       .fds = {{sockets->second.get(), kKeeperDescriptor}, {listener_.get(), kControlDescriptor}},
       .new_session = true});
  if (!worker) {
    LogError("the worker cannot be started", {{"error", worker.error()}});
    return DelayNextStart(started_);
  }
  LogInfo("worker started", {{"pid", worker->pid()}, {"kept", kept_.size()}});
  worker_ = std::move(*worker);
  socket_ = std::move(sockets->first);
  sent_ = "";
}

// Sends what fits into the socket.
void Supervisor::SendKept() {
  while (sent_) {
    const auto next = kept_.upper_bound(*sent_);
    if (next == kept_.end()) {
      if (Status sent = io::SendMessage(socket_.get(), EndMessage()); !sent) return;
      sent_.reset();
      return;
    }
    const Kept& kept = next->second;
    Status sent =
        io::SendMessage(socket_.get(), KeepMessage(kept.name, kept.text), NumbersOf(kept.fds));
    if (!sent && sent.error().code == Code::kUnavailable) return;  // full, or dying
    if (!sent) LogError("kept, but not sent", {{"name", kept.name}, {"error", sent.error()}});
    sent_ = kept.name;
  }
}

// One message, if there is one; false when there is none or the worker closed its end.
bool Supervisor::ReceiveOne() {
  Result<io::Message> message = io::ReceiveMessage(socket_.get(), {}, std::chrono::nanoseconds(0));
  if (!message && message.error().code != Code::kTooLarge) return false;
  std::optional<KeptMessage> parsed;
  if (message) parsed = ParseKeptMessage(std::move(*message));
  if (!parsed || parsed->kind == KeptMessage::Kind::kEnd) {
    LogWarning("the worker sent a message that is not understood; it is left out");
  } else if (parsed->kind == KeptMessage::Kind::kForget) {
    kept_.erase(parsed->kept.name);
    sizes_.Remove(parsed->kept.name);
  } else if (Kept& kept = parsed->kept; sizes_.Put(kept.name, kept.text.size(), kept.fds.size())) {
    const std::string name = kept.name;
    kept_.insert_or_assign(name, std::move(kept));
  } else {
    LogWarning("the worker gives more to keep than is allowed", {{"name", kept.name}});
  }
  return true;
}

// A worker that sends without end must not keep us from seeing it die, or a stop.
void Supervisor::Receive() {
  for (int i = 0; i < 1000 && ReceiveOne(); ++i) {
  }
}

void Supervisor::Watch(const std::stop_token& stop) {
  std::array<pollfd, 2> fds{pollfd{-1, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  MonoTime deadline = steady_clock::now() + kLogCheck;
  if (worker_) {
    fds[0].fd = worker_->pidfd();
    fds[1].fd = socket_.get();
    if (sent_) fds[1].events |= POLLOUT;
  } else {
    deadline = std::min(deadline, next_start_);
  }
  const Result<int> ready = io::Poll(fds, deadline, stop);
  ShortenLog();
  if (!ready || !worker_) return;
  if ((fds[1].revents & POLLOUT) != 0) SendKept();
  if ((fds[1].revents & POLLIN) != 0) Receive();
  const bool closed = (fds[1].revents & (POLLHUP | POLLERR)) != 0;
  if (!closed && fds[0].revents == 0) return;
  // Who has closed its end is about to end; if it is not, it can be of no use any more.
  Result<io::ExitStatus> exit = worker_->WaitFor(kLastWords);
  if (!exit) {
    (void)worker_->Kill(SIGKILL);
    exit = worker_->Wait();
  }
  while (ReceiveOne()) {  // what it said before it died counts
  }
  worker_.reset();
  socket_.Reset();
  LogInfo("worker ended",
          {{"status", exit ? exit->code : -1}, {"signal", exit ? exit->signal : 0}});
  if (exit && exit->signal == SIGBUS) {
    LogError(
        "most likely the disk of the cache lost a page of what a mount shows: look after the disk; "
        "the next worker detaches the mounts whose manifests cannot be read",
        {{"directory", options_.directory}});
  }
  done_ = exit && EndedForGood(*exit);
  if (!done_) DelayNextStart(steady_clock::now());
}

bool Supervisor::EndedForGood(const io::ExitStatus& exit) const {
  const bool keeps_mounts =
      std::any_of(kept_.begin(), kept_.end(), [](const auto& k) { return !k.second.fds.empty(); });
  if (keeps_mounts || exit.signal != 0) return false;
  return exit.code == kLeftToOther || (exit.ok() && !Readable(listener_.get()));
}

void Supervisor::DelayNextStart(MonoTime now) {
  if (now - started_ >= options_.young)
    delay_ = std::chrono::milliseconds(0);
  else
    delay_ = std::clamp(delay_ * 2, options_.least_delay, options_.most_delay);
  next_start_ = now + delay_;
}

// Copied and cut rather than renamed, since the worker writes to the same open file. Lines written
// in between are lost.
void Supervisor::ShortenLog() const {
  if (options_.log.empty()) return;
  const auto log = io::Open(options_.log, O_RDWR);
  struct stat info {};
  if (!log || fstat(log->get(), &info) != 0) return;
  if (static_cast<uint64_t>(info.st_size) <= options_.max_log_bytes) return;
  const auto old = io::Open(options_.log + ".1", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  if (old)
    for (off_t at = 0; at < info.st_size;)
      if (sendfile(old->get(), log->get(), &at, static_cast<size_t>(info.st_size - at)) <= 0) break;
  if (ftruncate(log->get(), 0) != 0) LogWarning("the log cannot be cut", {{"log", options_.log}});
}

void Supervisor::DetachMounts() const {
  for (const auto& [name, kept] : kept_)
    if (name.starts_with(kMountPrefix)) (void)fuse::Unmount(name.substr(kMountPrefix.size()), true);
}

}  // namespace leat::datanode
