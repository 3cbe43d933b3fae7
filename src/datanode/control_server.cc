#include "datanode/control_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/log.h"
#include "io/unix_socket.h"
#include "io/wait.h"

namespace leat::datanode {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxClients = 64;
constexpr std::chrono::seconds kRequestTimeout{10};
constexpr std::chrono::milliseconds kUntilDescriptors{100};

bool MayAsk(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

json::Value ErrorMessage(const Error& error) {
  return json::Object(
      {{"error", json::Object({{"code", CodeName(error.code)}, {"message", error.message}})}});
}

Status Send(int socket, const json::Value& message) {
  Status sent = io::SendMessage(socket, json::Print(message));
  // Then at least this can be said.
  if (!sent && sent.error().code == Code::kTooLarge)
    return io::SendMessage(socket, json::Print(ErrorMessage(sent.error())));
  return sent;
}

}  // namespace

struct ControlServer::Connection {
  io::UniqueFd socket;
  bool watched = true;              // for its end; by the server's thread only
  bool on_spare = false;            // the spare descriptors were given up for it; likewise
  std::atomic<bool> ended = false;  // the thread has nothing more to do
  std::jthread thread;
};

ControlServer::ControlServer(int listener, ControlHandler handler)
    : listener_(listener),
      handler_(std::move(handler)),
      ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      idle_since_(steady_clock::now()),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

ControlServer::~ControlServer() {
  thread_.request_stop();
  thread_.join();
  std::list<Connection> ending;
  {
    MutexLock lock(mu_);
    ending.swap(connections_);
  }
  for (Connection& connection : ending) {
    connection.thread.request_stop();
    // A client that does not read must not keep us here.
    (void)shutdown(connection.socket.get(), SHUT_RDWR);
  }
}

std::optional<MonoTime> ControlServer::IdleSince() const {
  MutexLock lock(mu_);
  if (!connections_.empty()) return std::nullopt;
  return idle_since_;
}

void ControlServer::Run(const std::stop_token& stop) {
  KeepSpare();
  // A client may be gone again before it is accepted.
  (void)fcntl(listener_, F_SETFL, O_NONBLOCK);
  bool may_accept = true;
  while (!stop.stop_requested()) {
    std::vector<pollfd> fds = {{may_accept ? listener_ : -1, POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    std::vector<Connection*> watched;  // only this thread takes connections away
    {
      MutexLock lock(mu_);
      for (Connection& connection : connections_) {
        if (!connection.watched) continue;
        fds.push_back({connection.socket.get(), 0, 0});  // POLLHUP needs no asking
        watched.push_back(&connection);
      }
    }
    const auto until = may_accept
                           ? std::nullopt
                           : std::optional<MonoTime>(steady_clock::now() + kUntilDescriptors);
    if (!io::Poll(fds, until, stop)) return;
    for (size_t i = 0; i < watched.size(); ++i) {
      if (fds[i + 2].revents == 0) continue;
      watched[i]->watched = false;
      watched[i]->thread.request_stop();
    }
    if (fds[1].revents != 0) Reap();
    may_accept = fds[0].revents == 0 || Accept();
  }
}

void ControlServer::KeepSpare() {
  for (io::UniqueFd& fd : spare_) {
    if (!fd.ok()) fd.Reset(fcntl(ended_.get(), F_DUPFD_CLOEXEC, 0));
  }
}

bool ControlServer::Accept() {
  io::UniqueFd socket(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  const bool none_left = !socket.ok() && (errno == EMFILE || errno == ENFILE);
  // Serving it takes more than the one that it came in by.
  const bool on_spare =
      none_left || (socket.ok() && !io::UniqueFd(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)).ok());
  if (on_spare) {
    for (io::UniqueFd& fd : spare_) fd.Reset();
  }
  if (none_left) socket.Reset(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket.ok()) return errno != EMFILE && errno != ENFILE;
  if (MayServe(socket.get())) {
    Begin(std::move(socket), on_spare);
  } else {
    socket.Reset();
    KeepSpare();
  }
  return true;
}

bool ControlServer::MayServe(int socket) const {
  if (!MayAsk(socket)) {
    LogWarning("a client of another user was turned away");
    return false;
  }
  MutexLock lock(mu_);
  if (connections_.size() < kMaxClients) return true;
  (void)Send(socket, ErrorMessage({Code::kExhausted,
                                   "the data node serves 64 clients already; "
                                   "try again in a moment"}));
  return false;
}

void ControlServer::Begin(io::UniqueFd socket, bool on_spare) {
  MutexLock lock(mu_);
  Connection& connection = connections_.emplace_back();
  connection.socket = std::move(socket);
  connection.on_spare = on_spare;
  connection.thread = std::jthread([this, &connection](const std::stop_token& stop) {
    Serve(connection, stop);
    connection.ended = true;
    (void)eventfd_write(ended_.get(), 1);
  });
}

void ControlServer::Serve(Connection& connection, const std::stop_token& stop) const {
  const int socket = connection.socket.get();
  const auto message = io::ReceiveMessage(socket, stop, kRequestTimeout);
  if (!message) return;
  const auto request = json::Parse(message->bytes);
  if (!request || !request->IsObject()) {
    (void)Send(socket, ErrorMessage({Code::kInvalid, "the request is no JSON object"}));
    return;
  }
  const Tell tell = [socket](const json::Value& progress) {
    return io::SendMessage(socket, json::Print(json::Object({{"progress", progress}})));
  };
  Result<json::Value> done = handler_(*request, tell, stop);
  (void)Send(socket, done ? json::Object({{"ok", std::move(*done)}}) : ErrorMessage(done.error()));
}

void ControlServer::Reap() {
  eventfd_t count = 0;
  (void)eventfd_read(ended_.get(), &count);
  std::list<Connection> ending;
  bool in_use = false;  // a client still needs the spare descriptors
  {
    MutexLock lock(mu_);
    for (auto each = connections_.begin(); each != connections_.end();) {
      const auto next = std::next(each);
      if (each->ended) ending.splice(ending.end(), connections_, each);
      each = next;
    }
    if (connections_.empty()) idle_since_ = steady_clock::now();
    in_use = std::any_of(connections_.begin(), connections_.end(),
                         [](const Connection& each) { return each.on_spare; });
  }
  ending.clear();  // their threads are at their last line, so joining them here takes no time
  if (!in_use) KeepSpare();
}

}  // namespace leat::datanode
