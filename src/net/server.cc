#include "net/server.h"

#include <pthread.h>

#include <csignal>
#include <deque>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "net/event_loop.h"
#include "net/server_connection.h"
#include "net/socket.h"
#include "net/tls_context.h"

namespace leat::net {
namespace {

// Pause after running out of descriptors: connections that end meanwhile give theirs back.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kAcceptsPerTurn = 64;

// sendfile(2) has no MSG_NOSIGNAL.
void BlockSigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

// The threads that run handlers. The queue is bounded by the number of connections, each of which
// waits for at most one handler.
class HandlerThreads {
 public:
  HandlerThreads(int count, const Handler& handler) : handler_(handler) {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { Run(stop); });
  }

  void Push(std::shared_ptr<ServerConnection> connection) {
    {
      MutexLock lock(mu_);
      queue_.push_back(std::move(connection));
    }
    ready_.NotifyOne();
  }

  // Lets running handlers return; queued connections are dropped.
  void StopAndJoin() {
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
  }

 private:
  void Run(const std::stop_token& stop) {
    BlockSigpipe();
    while (auto connection = Next(stop)) connection->Handle(handler_);
  }

  std::shared_ptr<ServerConnection> Next(const std::stop_token& stop) {
    MutexLock lock(mu_);
    ready_.Wait(mu_, stop, [this]() REQUIRES(mu_) { return !queue_.empty(); });
    if (stop.stop_requested()) return nullptr;
    auto connection = std::move(queue_.front());
    queue_.pop_front();
    return connection;
  }

  const Handler& handler_;
  Mutex mu_;
  CondVar ready_;
  std::deque<std::shared_ptr<ServerConnection>> queue_ GUARDED_BY(mu_);
  std::vector<std::jthread> threads_;
};

class LoopServer : public Server, public ConnectionHost, public EventLoop::Watcher {
 public:
  LoopServer(ServerOptions options, Handler handler, std::shared_ptr<EventLoop> loop,
             std::unique_ptr<TlsContext> tls, io::UniqueFd listener, uint16_t port)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        loop_(std::move(loop)),
        tls_(std::move(tls)),
        listener_(std::move(listener)),
        port_(port) {}

  ~LoopServer() override { Stop(std::chrono::seconds(2)); }

  Status Run() {
    if (auto added = loop_->Add(listener_.get(), EPOLLIN, this); !added) return added.error();
    handlers_ = std::make_unique<HandlerThreads>(options_.threads, handler_);
    thread_ = std::jthread([this] {
      BlockSigpipe();
      loop_->Run();
    });
    return {};
  }

  uint16_t port() const override { return port_; }

  void Stop(std::chrono::milliseconds grace) override {
    MutexLock stop_lock(stop_mu_);
    if (!thread_.joinable()) return;
    loop_->Post([this] { StopGently(); });
    {
      MutexLock lock(mu_);
      all_gone_.WaitFor(mu_, {}, grace, [this]() REQUIRES(mu_) { return drained_; });
    }
    force_stop_.request_stop();
    loop_->Post([this] {
      for (const auto& [key, connection] : Snapshot()) connection->StopNow();
    });
    handlers_->StopAndJoin();
    loop_->Stop();
    thread_.join();
    connections_.clear();
  }

 private:
  using Connections = std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>>;

  void OnEvents(uint32_t) override {
    for (int i = 0; i < kAcceptsPerTurn && listener_.ok(); ++i) {
      std::string remote;
      auto fd = AcceptNext(listener_.get(), &remote);
      if (!fd) {
        LogWarning("accepting connections pauses", {{"port", port_}, {"error", fd.error()}});
        loop_->Modify(listener_.get(), 0, this);
        return loop_->SetDeadline(this, kAcceptPause);
      }
      if (!fd->ok()) return;
      if (connections_.size() < options_.max_connections) Adopt(std::move(*fd), std::move(remote));
    }
  }

  void OnDeadline() override { loop_->Modify(listener_.get(), EPOLLIN, this); }

  void Adopt(io::UniqueFd fd, std::string remote) {
    std::unique_ptr<Transport> transport;
    if (tls_) {
      auto accepted = tls_->Accept(std::move(fd));
      if (!accepted) return LogWarning("connection dropped", {{"error", accepted.error()}});
      transport = std::move(*accepted);
    } else {
      transport = MakePlainTransport(std::move(fd));
    }
    auto connection =
        std::make_shared<ServerConnection>(*this, loop_, std::move(transport), std::move(remote));
    connections_.emplace(connection.get(), connection);
    connection->Begin();
  }

  void StopGently() {
    stopping_.request_stop();
    loop_->Remove(listener_.get(), this);
    listener_.Reset();
    for (const auto& [key, connection] : Snapshot()) connection->StopGently();
    NoteIfDrained();
  }

  // Connections leave the map while they are told to stop.
  Connections Snapshot() const { return connections_; }

  void NoteIfDrained() {
    if (!stopping_.stop_requested() || !connections_.empty()) return;
    MutexLock lock(mu_);
    drained_ = true;
    all_gone_.NotifyAll();
  }

  void Dispatch(std::shared_ptr<ServerConnection> connection) override {
    handlers_->Push(std::move(connection));
  }
  void Forget(ServerConnection* connection) override {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    // It is on the stack, and an event of this turn may still be for it.
    closed_.push_back(std::move(found->second));
    loop_->Post([this] { closed_.clear(); });
    connections_.erase(found);
    NoteIfDrained();
  }
  const ServerOptions& options() const override { return options_; }
  std::stop_token stopping() const override { return stopping_.get_token(); }
  std::stop_token force_stop() const override { return force_stop_.get_token(); }

  const ServerOptions options_;
  const Handler handler_;
  const std::shared_ptr<EventLoop> loop_;
  const std::unique_ptr<TlsContext> tls_;
  io::UniqueFd listener_;  // the loop's thread
  const uint16_t port_;
  std::stop_source stopping_;
  std::stop_source force_stop_;
  Connections connections_;                                // the loop's thread
  std::vector<std::shared_ptr<ServerConnection>> closed_;  // the loop's thread

  Mutex stop_mu_;  // one Stop at a time; taken before mu_
  Mutex mu_;
  CondVar all_gone_;
  bool drained_ GUARDED_BY(mu_) = false;
  std::unique_ptr<HandlerThreads> handlers_;
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Handler handler) {
  std::unique_ptr<TlsContext> tls;
  if (options.tls) {
    auto made = TlsContext::ForServer(*options.tls);
    if (!made) return made.error();
    tls = std::move(*made);
  }
  auto listener = Listen(options.address, options.port);
  if (!listener) return listener.error();
  const auto port = LocalPort(listener->get());
  if (!port) return port.error();
  auto loop = EventLoop::Make();
  if (!loop) return loop.error();
  auto server =
      std::make_unique<LoopServer>(std::move(options), std::move(handler), std::move(*loop),
                                   std::move(tls), std::move(*listener), *port);
  if (auto running = server->Run(); !running) return running.error();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace leat::net
