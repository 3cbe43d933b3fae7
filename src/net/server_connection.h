// One connection of a server, as its event loop sees it.
//
// Ownership goes round. The loop owns a connection while it waits: for the TLS handshake, for the
// head of a request, for an outbox that is being streamed, for the end of a closing one. When a
// head is complete the connection is handed to a handler's thread, which then alone uses the
// transport, the input buffer and the exchange, with blocking calls straight on the socket: no
// copy through the loop, no wake-ups between threads for each piece of a big body. When the handler
// is done it hands the connection back with a posted task. The two hand-overs (the queue of the
// handler threads, the task queue of the loop) are what orders the memory accesses of both sides.
//
// While a handler owns it the loop does three things, none of which touches what the handler uses:
// it watches for the client's hang-up (EPOLLRDHUP, one shot) to fire the request's stop token, it
// fires the same token when the server stops, and, when the server stops and the client has hung up
// or the server's patience is over, it shuts the socket down so that a blocked call returns.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "net/event_loop.h"
#include "net/exchange.h"
#include "net/message_parser.h"
#include "net/server.h"
#include "net/transport.h"

namespace leat::net {

class ServerConnection;

// What a connection needs of its server. All calls come from the loop's thread.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  // Gives the connection to a handler's thread, which calls Handle.
  virtual void Dispatch(std::shared_ptr<ServerConnection> connection) = 0;
  // The connection is closed; drop it once the loop's turn is over.
  virtual void Forget(ServerConnection* connection) = 0;
  virtual const ServerOptions& options() const = 0;
  virtual std::stop_token stopping() const = 0;
  virtual std::stop_token force_stop() const = 0;
};

class ServerConnection : public EventLoop::Watcher,
                         public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(ConnectionHost& host, std::shared_ptr<EventLoop> loop,
                   std::unique_ptr<Transport> transport, std::string remote);

  // On the loop's thread.
  void Begin();
  void OnEvents(uint32_t epoll_events) override;
  void OnDeadline() override;
  // Ends what may end at once; a running handler gets its stop token fired.
  void StopGently();
  // Ends everything; a handler's blocked call returns.
  void StopNow();

  // On a handler's thread, between Dispatch and the task that it posts at its end.
  void Handle(const Handler& handler);

 private:
  enum class State { kHandshake, kReadingHead, kHandling, kStreaming, kLingering, kClosed };

  void Shake();
  // Starts waiting for the next request, whose first bytes may be here already.
  void AwaitRequest();
  void OnHangUp();
  void ReadHead();
  bool ParseHead();
  void Refuse(const Error& error);
  void OnHandled(Aftermath aftermath);
  void StartStreaming();
  void PumpStream();
  bool FillPending();
  void Linger();
  void DropInput();
  void Close();
  void Watch(uint32_t epoll_events);

  ConnectionHost& host_;
  const std::shared_ptr<EventLoop> loop_;
  const std::unique_ptr<Transport> transport_;
  const std::string remote_;
  std::optional<PeerIdentity> peer_;

  State state_ = State::kHandshake;
  uint32_t watched_ = 0;
  InputBuffer input_;
  std::unique_ptr<MessageParser> parser_;  // while reading a head
  std::unique_ptr<Exchange> exchange_;     // while handling and streaming
  bool head_begun_ = false;
  bool served_ = false;   // at least one request
  bool hung_up_ = false;  // its client sends no more

  // While streaming.
  Aftermath aftermath_;
  std::string pending_;  // framed bytes on their way
  size_t pending_sent_ = 0;
  bool stream_ended_ = false;
  std::atomic<bool> pump_posted_ = false;
};

}  // namespace leat::net
