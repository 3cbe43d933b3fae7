#include "fuse/session.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "fuse/device.h"
#include "fuse/dispatcher.h"
#include "fuse/threads.h"
#include "io/file.h"

namespace leat::fuse {
namespace {

// Room for the longest request, and for some thousand of forgotten nodes at once.
constexpr size_t kBufferSize = 64 << 10;

int WakeSignal() { return SIGRTMAX - 3; }

// A thread that is blocked in read(2) is ended by a signal that does nothing: a poll before each
// read would cost a system call a request, and wake all threads for each.
void CatchWakeSignal() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  LEAT_CHECK(sigaction(WakeSignal(), &action, nullptr) == 0, "no handler for the wake signal");
}

void UnblockWakeSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, WakeSignal());
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

struct Session::State {
  State(Connection connection, Filesystem& filesystem, const SessionOptions& options)
      : agreement(connection.agreement),
        dispatcher(filesystem, agreement.flags, options.listings),
        threads_wanted(static_cast<size_t>(ThreadsFor(options))) {
    for (io::UniqueFd& fd : connection.devices)
      devices.push_back(std::make_shared<Device>(std::move(fd)));
  }

  void Serve(std::shared_ptr<Device> device);
  void Stop();

  const Agreement agreement;
  Dispatcher dispatcher;
  const size_t threads_wanted;
  std::vector<std::shared_ptr<Device>> devices;
  std::atomic<bool> stopping = false;
  std::vector<std::thread> threads;

  Mutex mu;
  CondVar ended;
  int running GUARDED_BY(mu) = 0;
};

void Session::State::Serve(std::shared_ptr<Device> device) {
  UnblockWakeSignal();
  // Written to once, so that no page is missing when the kernel fills it: a worker that is killed
  // while one is brought in would lose the request.
  std::vector<char> buffer(kBufferSize, '\1');
  while (!stopping) {
    const ssize_t got = device->Read(buffer);
    if (got > 0) {
      dispatcher.Handle(device, {buffer.data(), static_cast<size_t>(got)});
    } else if (got == -ENODEV || got == -ECONNABORTED || got == -EBADF || got == -EPERM) {
      break;
    } else if (got == -EAGAIN) {  // somebody who shares the descriptor made it non-blocking
      pollfd ready{.fd = device->fd(), .events = POLLIN, .revents = 0};
      (void)::poll(&ready, 1, 100);
    }
  }
  MutexLock lock(mu);
  --running;
  ended.NotifyAll();
}

void Session::State::Stop() {
  stopping = true;
  // A signal between the test of `stopping` and the read is lost: until all have ended, again.
  while (true) {
    {
      MutexLock lock(mu);
      if (ended.WaitFor(mu, {}, std::chrono::milliseconds(2),
                        [&]() REQUIRES(mu) { return running == 0; }))
        break;
    }
    for (std::thread& thread : threads) pthread_kill(thread.native_handle(), WakeSignal());
  }
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Session::Session(Connection connection, Filesystem& filesystem, const SessionOptions& options)
    : state_(std::make_unique<State>(std::move(connection), filesystem, options)) {
  LEAT_CHECK(!state_->devices.empty(), "a session without a device");
}

void Session::Start(bool resume) {
  CatchWakeSignal();
  if (resume && state_->agreement.resend) {
    const int error = state_->devices[0]->Notify(abi::Notice::kResend);
    if (error != 0) LogError("the kernel will not send requests again", {{"errno", error}});
  }
  const size_t threads = std::max(state_->devices.size(), state_->threads_wanted);
  {
    MutexLock lock(state_->mu);
    state_->running = static_cast<int>(threads);
  }
  for (size_t i = 0; i < threads; ++i) {
    state_->threads.emplace_back(
        [state = state_.get(), device = state_->devices[i % state_->devices.size()]] {
          state->Serve(device);
        });
  }
}

Session::~Session() { Stop(); }

void Session::Stop() {
  state_->Stop();
  if (!state_->agreement.resend) return;
  for (const std::shared_ptr<Device>& device : state_->devices) device->Mute();
}

void Session::Wait(const std::stop_token& stop) {
  MutexLock lock(state_->mu);
  state_->ended.Wait(state_->mu, stop,
                     [this]() REQUIRES(state_->mu) { return state_->running == 0; });
}

bool Session::passthrough() const { return state_->agreement.passthrough; }
const Agreement& Session::agreement() const { return state_->agreement; }

Result<int32_t> Session::OpenBacking(int fd) {
  if (!state_->agreement.passthrough)
    return Error{Code::kUnimplemented, "passthrough: not offered by this kernel to this process"};
  abi::BackingMap map{.fd = fd, .flags = 0, .padding = 0};
  const int id = ioctl(state_->devices[0]->fd(), abi::kIoctlBackingOpen, &map);
  if (id > 0) return id;
  if (errno == ELOOP) {
    return Error{Code::kInvalid,
                 "passthrough: the backing file lies on a stacked file system (overlay, FUSE); put "
                 "the cache directory on a plain one"};
  }
  return io::ErrnoError(errno, "passthrough: register a backing file");
}

void Session::CloseBacking(int32_t id) {
  uint32_t value = static_cast<uint32_t>(id);
  if (ioctl(state_->devices[0]->fd(), abi::kIoctlBackingClose, &value) != 0)
    LogWarning("passthrough: cannot close a backing id", {{"id", id}, {"errno", errno}});
}

void Session::InvalidateName(NodeId parent, std::string_view name) {
  const abi::InvalidateEntry out{
      .parent = parent, .name_length = static_cast<uint32_t>(name.size()), .flags = 0};
  std::string ended(name);
  ended += '\0';
  const std::array<std::string_view, 2> parts{BytesOf(out), ended};
  // ENOENT: the kernel does not know it. ENOTDIR: nor what it is in, any more.
  const int error = state_->devices[0]->Notify(abi::Notice::kInvalidateEntry, parts);
  if (error != 0 && error != ENOENT && error != ENOTDIR && error != ENODEV && error != ENOTCONN)
    LogWarning("the kernel did not forget a name", {{"errno", error}, {"parent", parent}});
}

void Session::InvalidateNode(NodeId node) {
  const abi::InvalidateInode out{.node = node, .offset = 0, .length = 0};
  const std::string_view part = BytesOf(out);
  const int error = state_->devices[0]->Notify(abi::Notice::kInvalidateInode, {&part, 1});
  if (error != 0 && error != ENOENT && error != ENODEV && error != ENOTCONN)
    LogWarning("the kernel did not drop a node", {{"errno", error}, {"node", node}});
}

}  // namespace leat::fuse
