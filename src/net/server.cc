#include "net/server.h"

#include <atomic>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "net/event_loop.h"
#include "net/handler_threads.h"
#include "net/server_connection.h"
#include "net/socket.h"
#include "net/tls_context.h"

namespace leat::net {
namespace {

// Pause after running out of descriptors: connections that end meanwhile give theirs back.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kAcceptsPerTurn = 64;
// How long a connection may be without a request before it can be closed for another one: enough to
// send one, also when a crowd of newcomers stands at the door, who then wait there.
constexpr std::chrono::milliseconds kGrace{250};

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
    handlers_ = std::make_unique<HandlerThreads>(static_cast<size_t>(options_.threads),
                                                 options_.max_waiting, handler_);
    if (options_.ahead) ahead_ = std::make_unique<HandlerThreads>(1, 0, handler_);
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
    if (ahead_) ahead_->StopAndJoin();
    loop_->Stop();
    thread_.join();
    connections_.clear();
  }

 private:
  using Connections = std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>>;

  void OnEvents(uint32_t) override {
    // On a full port one for one, since only the first is sure to be there.
    for (int i = 0; i < kAcceptsPerTurn && listener_.ok(); ++i) {
      const bool full = connections_.size() >= options_.max_connections;
      if (full && i > 0) return;
      if (full)
        if (const auto pause = MakeRoom()) return Pause(*pause);
      std::string remote;
      auto fd = AcceptNext(listener_.get(), &remote);
      if (!fd) {
        LogWarning("accepting connections pauses", {{"port", port_}, {"error", fd.error()}});
        MakeRoom();
        return Pause(kAcceptPause);
      }
      if (!fd->ok()) return;
      if (connections_.size() < options_.max_connections) Adopt(std::move(*fd), std::move(remote));
    }
  }

  void Pause(std::chrono::milliseconds pause) {
    loop_->Modify(listener_.get(), 0, this);
    loop_->SetDeadline(this, pause);
  }

  // Closes the connection that is idle longest, unless every one has a request in work or a stream.
  // Returns how long to wait first when all are new. Looks at all connections, which costs
  // microseconds, and only on a full port.
  std::optional<std::chrono::milliseconds> MakeRoom() {
    ServerConnection* const longest =
        Longest([](const ServerConnection& connection) { return connection.idle_since(); });
    if (!longest) return std::nullopt;
    const auto left = *longest->idle_since() + kGrace - std::chrono::steady_clock::now();
    if (left > left.zero()) return std::chrono::ceil<std::chrono::milliseconds>(left);
    longest->Close();
    return std::nullopt;
  }

  // The connection with the earliest time, of those that have one.
  template <class TimeOf>
  ServerConnection* Longest(TimeOf time_of) const {
    ServerConnection* longest = nullptr;
    MonoTime earliest = MonoTime::max();
    for (const auto& [connection, owner] : connections_) {
      const std::optional<MonoTime> since = time_of(*connection);
      if (!since || *since >= earliest) continue;
      earliest = *since;
      longest = connection;
    }
    return longest;
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

  void Dispatch(std::shared_ptr<ServerConnection> connection, bool ahead) override {
    (ahead ? ahead_ : handlers_)->Push(std::move(connection));
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
  void TookIn(size_t bytes) override {
    taken_in_ += bytes;
    while (taken_in_ > options_.max_taken_in) {
      ServerConnection* const longest = Longest([](const ServerConnection& connection) {
        return connection.taken_in() > 0 ? connection.idle_since() : std::nullopt;
      });
      if (!longest) return;
      longest->GiveUpRequest();
    }
  }
  void GaveUp(size_t bytes) override { taken_in_ -= bytes; }
  bool Queue(size_t body) override {
    if (body > 0 && queued_ + body > options_.max_taken_in) return false;
    queued_ += body;
    return true;
  }
  void Unqueue(size_t body) override { queued_ -= body; }
  LongWaits& waits() override { return *handlers_; }
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
  size_t taken_in_ = 0;                                    // of requests that are not whole yet
  std::atomic<size_t> queued_ = 0;                         // of bodies that wait for a handler
  Connections connections_;                                // the loop's thread
  std::vector<std::shared_ptr<ServerConnection>> closed_;  // the loop's thread

  Mutex stop_mu_;  // one Stop at a time; taken before mu_
  Mutex mu_;
  CondVar all_gone_;
  bool drained_ GUARDED_BY(mu_) = false;
  std::unique_ptr<HandlerThreads> handlers_;
  std::unique_ptr<HandlerThreads> ahead_;  // those of options_.ahead, if any
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
