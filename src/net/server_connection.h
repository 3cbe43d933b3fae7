// One connection of a server, as its event loop sees it.
//
// Ownership goes round. The loop owns a connection while it waits: for the TLS handshake, for the
// head of a request, for the first part of a body that its handler needs before it can tell who
// asks, for a client that takes its answer slowly, for an outbox that is being streamed, for the
// end of a closing one. Then the connection is handed to a handler's thread, which alone uses the
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
#include "net/pace.h"
#include "net/server.h"
#include "net/transport.h"

namespace leat::net {

class ServerConnection;

// What a connection needs of its server. All calls come from the loop's thread, unless said
// otherwise.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  // Gives the connection to a handler's thread, which calls Handle.
  virtual void Dispatch(std::shared_ptr<ServerConnection> connection, bool ahead) = 0;
  // The connection is closed; drop it once the loop's turn is over.
  virtual void Forget(ServerConnection* connection) = 0;
  // So many more bytes are held of a request that is not whole yet. May end connections that have
  // been sending one for long, also the one that says so.
  virtual void TookIn(size_t bytes) = 0;
  // And so many are not any more.
  virtual void GaveUp(size_t bytes) = 0;
  // Before Dispatch: so many bytes of a body will wait for a handler. False when too many do; never
  // for none.
  virtual bool Queue(size_t body) = 0;
  // And a handler has them. From any thread.
  virtual void Unqueue(size_t body) = 0;
  // For handlers' threads.
  virtual LongWaits& waits() = 0;
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

  // Since when this has waited for its client, without a request in work or a stream; nullopt when
  // it has not.
  std::optional<MonoTime> idle_since() const;
  // Bytes held of a request that is not whole yet.
  size_t taken_in() const { return Collecting() ? taken_in_ : 0; }
  // Answers 408 to a request that is not whole yet.
  void GiveUpRequest();
  void Close();

  // On a handler's thread, between Dispatch and the task that it posts at its end.
  void Handle(const Handler& handler);

 private:
  enum class State {
    kHandshake,
    kReadingHead,
    kTakingBody,  // its first part
    kHandling,
    kSending,  // a stream, or what a slow client has not taken of an answer yet
    kDroppingBody,
    kLingering,
    kClosed
  };

  void Shake();
  // Starts waiting for the next request, whose first bytes may be here already.
  void AwaitRequest();
  void OnHangUp();
  void ReadHead();
  bool ParseHead();
  bool Collecting() const { return state_ == State::kReadingHead || state_ == State::kTakingBody; }
  bool TakeIn(size_t bytes);
  void GiveUpTaken();
  void TakeBody();
  void Dispatch();
  void Refuse(const Error& error);
  void OnHandled(Aftermath aftermath);
  void StartSending();
  void Pump();
  bool FillPending();
  void Conclude(const Aftermath& ended);
  void DropBody();
  void StartWaiting();
  bool CountWait();
  void Linger();
  void DropInput();
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
  std::unique_ptr<Exchange> exchange_;     // from a whole head to the end of the answer
  bool head_begun_ = false;
  size_t body_first_ = 0;  // how much of the body is taken in
  size_t taken_in_ = 0;    // of a request that is not whole yet, as the host was told
  size_t body_ = 0;        // of the body, until a handler has it
  bool served_ = false;    // at least one request
  bool hung_up_ = false;   // its client sends no more

  MonoTime since_;       // when this state, or the head, began, or bytes of the answer moved
  Pace pace_;            // while taking a body or sending
  MonoTime wait_begun_;  // when the loop began to wait for the client to keep it
  size_t untaken_ = 0;   // of the answer, by the client, then

  // While sending.
  Aftermath aftermath_;
  std::string pending_;  // framed bytes on their way
  size_t pending_sent_ = 0;
  bool stream_ended_ = false;
  std::atomic<bool> pump_posted_ = false;
};

}  // namespace leat::net
