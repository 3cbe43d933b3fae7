#include "net/server_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.h"

namespace leat::net {
namespace {

constexpr uint32_t kGone = EPOLLHUP | EPOLLERR;
constexpr uint32_t kHangUp = EPOLLRDHUP | kGone;
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::chrono::seconds kDropTimeout{2};
// How much of a stream is framed and sent in one go.
constexpr size_t kStreamBatch = 64u << 10;

int HttpStatus(Code code) {
  switch (code) {
    case Code::kTimeout:
      return 408;
    case Code::kTooLarge:
      return 431;
    case Code::kExhausted:
      return 503;
    case Code::kUnimplemented:
      return 505;
    default:
      return 400;
  }
}

MonoTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace

ServerConnection::ServerConnection(ConnectionHost& host, std::shared_ptr<EventLoop> loop,
                                   std::unique_ptr<Transport> transport, std::string remote)
    : host_(host),
      loop_(std::move(loop)),
      transport_(std::move(transport)),
      remote_(std::move(remote)),
      since_(Now()),
      pace_(host.options().body_timeout) {}

void ServerConnection::Begin() {
  watched_ = EPOLLIN | EPOLLRDHUP;
  if (auto added = loop_->Add(transport_->fd(), watched_, this); !added) {
    LogWarning("connection dropped", {{"remote", remote_}, {"error", added.error()}});
    return Close();
  }
  loop_->SetDeadline(this, host_.options().header_timeout);
  // TLS takes its memory with the client's first bytes: one that says nothing shall cost little.
  if (!transport_->secure()) Shake();
}

void ServerConnection::OnEvents(uint32_t epoll_events) {
  switch (state_) {
    case State::kHandshake:
      return Shake();
    case State::kReadingHead:
      return ReadHead();
    case State::kTakingBody:
      return TakeBody();
    case State::kHandling:
      if (epoll_events & kHangUp) OnHangUp();
      return;
    case State::kSending:
      // Who has ended its side only may still read the answer; a stream has no such reader.
      if (epoll_events & (aftermath_.stream ? kHangUp : kGone)) return Close();
      return Pump();
    case State::kDroppingBody:
      return DropBody();
    case State::kLingering:
      return DropInput();
    case State::kClosed:
      return;
  }
}

void ServerConnection::OnDeadline() {
  if (state_ == State::kReadingHead && head_begun_)
    LogDebug("connection closed: no whole request head in time", {{"remote", remote_}});
  if (state_ == State::kTakingBody) return GiveUpRequest();
  if (state_ == State::kDroppingBody) return Linger();
  if (state_ == State::kSending) {
    if (CountWait()) return StartWaiting();
    LogInfo("answer cut off: the client does not read it, or too slowly", {{"remote", remote_}});
  }
  Close();
}

void ServerConnection::OnHangUp() {
  hung_up_ = true;
  exchange_->RequestStop();
  // Nobody may ever read the rest, and its window can stay shut: do not wait for that.
  if (host_.stopping().stop_requested()) ::shutdown(transport_->fd(), SHUT_RDWR);
}

void ServerConnection::Shake() {
  const IoStep step = transport_->Handshake();
  switch (step.state) {
    case IoState::kOk:
      peer_ = transport_->Peer();
      return AwaitRequest();
    case IoState::kWantRead:
      return Watch(EPOLLIN | EPOLLRDHUP);
    case IoState::kWantWrite:
      return Watch(EPOLLOUT | EPOLLRDHUP);
    case IoState::kEnd:
      return Close();
    case IoState::kFailed:
      LogDebug("TLS handshake failed", {{"remote", remote_}, {"error", transport_->error()}});
      return Linger();  // the alert that says why is on its way
  }
}

void ServerConnection::AwaitRequest() {
  if (host_.stopping().stop_requested()) return Close();
  state_ = State::kReadingHead;
  since_ = Now();
  head_begun_ = false;
  parser_ = nullptr;
  input_.Shrink();
  const ServerOptions& options = host_.options();
  loop_->SetDeadline(this, served_ ? options.idle_timeout : options.header_timeout);
  Watch(EPOLLIN | EPOLLRDHUP);
  if (!input_.empty()) {
    if (!TakeIn(input_.view().size()) || ParseHead()) return;
  }
  if (transport_->HasBuffered()) ReadHead();
}

void ServerConnection::ReadHead() {
  std::array<char, 16 << 10> received;
  while (state_ == State::kReadingHead) {
    const IoStep step = transport_->Read(received);
    if (step.state == IoState::kWantRead) return Watch(EPOLLIN | EPOLLRDHUP);
    if (step.state == IoState::kWantWrite) return Watch(EPOLLOUT | EPOLLRDHUP);
    if (step.state != IoState::kOk) return Close();
    input_.Append({received.data(), step.bytes});
    if (!TakeIn(step.bytes) || ParseHead()) return;
    // A plain socket that gave less than asked for is empty: save the call that would say so.
    if (step.bytes < received.size() && !transport_->HasBuffered()) return;
  }
}

// True when the connection left this state: dispatched or refused.
bool ServerConnection::ParseHead() {
  if (!std::exchange(head_begun_, true)) {
    since_ = Now();
    loop_->SetDeadline(this, host_.options().header_timeout);
    parser_ = MessageParser::ForRequest(host_.options().max_header_bytes);
  }
  const auto complete = parser_->ParseHead(input_);
  if (!complete) {
    Refuse(complete.error());
    return true;
  }
  if (!*complete) return false;
  auto exchange = Exchange::Make(*transport_, input_, std::move(parser_),
                                 {.options = host_.options(),
                                  .remote = remote_,
                                  .peer = peer_,
                                  .force_stop = host_.force_stop(),
                                  .stopping = host_.stopping(),
                                  .waits = host_.waits()});
  if (!exchange) {
    Refuse(exchange.error());
    return true;
  }
  exchange_ = std::move(*exchange);
  served_ = true;
  const auto& body_first = host_.options().body_first;
  body_first_ = body_first ? body_first(exchange_->request()) : 0;
  if (body_first_ == 0) {
    Dispatch();
    return true;
  }
  state_ = State::kTakingBody;
  pace_ = Pace(host_.options().body_timeout);
  wait_begun_ = Now();
  TakeBody();
  return true;
}

void ServerConnection::TakeBody() {
  const IoStep step = exchange_->TakeIn(body_first_);
  pace_.Waited(Now() - wait_begun_);
  pace_.Moved(step.bytes);
  body_ += step.bytes;
  if (!TakeIn(step.bytes)) return;
  if (step.state == IoState::kOk) return Dispatch();
  Watch((step.state == IoState::kWantRead ? EPOLLIN : EPOLLOUT) | EPOLLRDHUP);
  StartWaiting();
}

// The client is waited for as long as its pace allows.
void ServerConnection::StartWaiting() {
  wait_begun_ = Now();
  untaken_ = transport_->Untaken();
  loop_->SetDeadline(this, std::chrono::ceil<std::chrono::milliseconds>(pace_.left()));
}

// While sending: true when the client has taken something since StartWaiting.
bool ServerConnection::CountWait() {
  const MonoTime now = Now();
  pace_.Waited(now - wait_begun_);
  const size_t drained = untaken_ - std::min(transport_->Untaken(), untaken_);
  pace_.Drained(drained);
  if (drained > 0) since_ = now;
  return drained > 0;
}

// False when this connection was ended for it.
bool ServerConnection::TakeIn(size_t bytes) {
  taken_in_ += bytes;
  host_.TookIn(bytes);
  return Collecting();
}

void ServerConnection::GiveUpTaken() { host_.GaveUp(std::exchange(taken_in_, 0)); }

void ServerConnection::GiveUpRequest() {
  LogDebug("request given up: its client sends too slowly", {{"remote", remote_}});
  Refuse({Code::kTimeout, "the request comes too slowly"});
}

std::optional<MonoTime> ServerConnection::idle_since() const {
  if (state_ == State::kHandling || state_ == State::kClosed) return std::nullopt;
  if (state_ == State::kSending && aftermath_.stream) return std::nullopt;
  return since_;
}

void ServerConnection::Dispatch() {
  GiveUpTaken();
  if (!host_.Queue(body_)) {
    LogInfo("request refused: too much waits for its turn", {{"remote", remote_}});
    return Refuse(
        {Code::kExhausted,
         "the server has too many requests that wait for their turn: send it again later"});
  }
  state_ = State::kHandling;
  loop_->ClearDeadline(this);
  Watch(EPOLLRDHUP | EPOLLONESHOT);
  const auto& ahead = host_.options().ahead;
  host_.Dispatch(shared_from_this(), ahead && ahead(exchange_->request()));
}

void ServerConnection::Refuse(const Error& error) {
  const int status = HttpStatus(error.code);
  const std::string body = error.message + "\n";
  const std::string reply =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(ReasonPhrase(status)) +
      "\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  // A fresh connection takes this much without blocking; one that does not is no loss.
  transport_->Write(reply);
  Linger();
}

void ServerConnection::Handle(const Handler& handler) {
  host_.Unqueue(std::exchange(body_, 0));
  Aftermath aftermath = exchange_->Run(handler);
  loop_->Post([self = shared_from_this(), aftermath = std::move(aftermath)]() mutable {
    self->OnHandled(std::move(aftermath));
  });
}

void ServerConnection::OnHandled(Aftermath aftermath) {
  if (!aftermath.stream && aftermath.unsent.empty()) return Conclude(aftermath);
  aftermath_ = std::move(aftermath);
  StartSending();
}

// What remains to be done once the answer is sent.
void ServerConnection::Conclude(const Aftermath& ended) {
  if (ended.keep_alive) {
    state_ = State::kDroppingBody;
    since_ = Now();
    DropBody();
    if (state_ == State::kDroppingBody) loop_->SetDeadline(this, kDropTimeout);
    return;
  }
  exchange_ = nullptr;
  if (ended.linger) return Linger();
  Close();
}

void ServerConnection::DropBody() {
  const IoStep step = exchange_->DropBody();
  if (step.state == IoState::kFailed) return Linger();
  if (step.state != IoState::kOk)
    return Watch((step.state == IoState::kWantRead ? EPOLLIN : EPOLLOUT) | EPOLLRDHUP);
  exchange_ = nullptr;
  AwaitRequest();
}

void ServerConnection::StartSending() {
  state_ = State::kSending;
  since_ = Now();
  pace_ = Pace(host_.options().write_timeout);
  pending_ = std::move(aftermath_.unsent);
  pending_sent_ = 0;
  stream_ended_ = !aftermath_.stream;
  if (!aftermath_.stream) return Pump();
  // Producers outlive connections, so the outbox must not keep this one alive.
  aftermath_.stream->SetWake([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->pump_posted_.exchange(true)) return;
    self->loop_->Post([self] {
      self->pump_posted_ = false;
      if (self->state_ == State::kSending) self->Pump();
    });
  });
  if (host_.stopping().stop_requested()) aftermath_.stream->Close();
  Watch(EPOLLRDHUP);
  Pump();
}

void ServerConnection::Pump() {
  const uint32_t hang_up = aftermath_.stream ? uint32_t{EPOLLRDHUP} : 0;
  if (EventLoop::HasDeadline(this)) {
    CountWait();
    loop_->ClearDeadline(this);
  }
  while (FillPending()) {
    const IoStep step =
        transport_->Write(std::string_view(pending_).substr(pending_sent_), Flush::kNow);
    switch (step.state) {
      case IoState::kOk:
        pending_sent_ += step.bytes;
        pace_.Moved(step.bytes);
        since_ = Now();
        break;
      case IoState::kWantRead:
      case IoState::kWantWrite:
        Watch((step.state == IoState::kWantRead ? EPOLLIN : EPOLLOUT) | hang_up);
        return StartWaiting();
      case IoState::kEnd:
      case IoState::kFailed:
        return Close();
    }
  }
  Watch(hang_up);
  if (!stream_ended_) return;
  if (aftermath_.stream) aftermath_.stream->SetWake(nullptr);
  const Aftermath ended = std::exchange(aftermath_, {});
  pending_ = {};
  Conclude(ended);
}

// Makes sure that pending_ has unsent bytes; false when there is nothing to send now.
bool ServerConnection::FillPending() {
  if (pending_sent_ < pending_.size()) return true;
  pending_.clear();
  pending_sent_ = 0;
  if (pending_.capacity() > 2 * kStreamBatch) pending_ = {};
  while (!stream_ended_ && pending_.size() < kStreamBatch) {
    // Asked for in this order: what was pushed before the outbox closed is popped.
    const bool closed = aftermath_.stream->closed();
    const auto chunk = aftermath_.stream->Pop();
    if (!chunk && !closed) break;
    if (!chunk) {
      stream_ended_ = true;
      if (aftermath_.stream_chunked) pending_ += "0\r\n\r\n";
    } else if (!aftermath_.stream_chunked) {
      pending_ += *chunk;
    } else if (!chunk->empty()) {
      char size[24];
      pending_.append(
          size, static_cast<size_t>(std::snprintf(size, sizeof size, "%zx\r\n", chunk->size())));
      pending_ += *chunk;
      pending_ += "\r\n";
    }
  }
  return !pending_.empty();
}

// Closing a socket that has unread input resets it, and the reset may overtake our answer. So the
// client's last bytes are taken and dropped for a little while.
void ServerConnection::Linger() {
  GiveUpTaken();
  state_ = State::kLingering;
  exchange_ = nullptr;
  transport_->CloseWrite();
  loop_->SetDeadline(this, kLingerTimeout);
  Watch(EPOLLIN);
  DropInput();
  if (host_.stopping().stop_requested()) Close();
}

void ServerConnection::DropInput() {
  std::array<char, 64 << 10> dropped;
  for (int turns = 0; turns < 4; ++turns) {  // then other connections have their turn
    // Not through the transport: nobody needs these bytes decrypted.
    const ssize_t n = ::recv(transport_->fd(), dropped.data(), dropped.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return Close();
  }
}

void ServerConnection::StopGently() {
  switch (state_) {
    case State::kHandling:
      return hung_up_ ? OnHangUp() : exchange_->RequestStop();
    case State::kSending:
      if (aftermath_.stream) aftermath_.stream->Close();
      return exchange_->RequestStop();
    case State::kLingering:
    case State::kClosed:
      return;
    case State::kHandshake:
    case State::kReadingHead:
    case State::kTakingBody:
    case State::kDroppingBody:
      return Close();
  }
}

void ServerConnection::StopNow() {
  if (state_ == State::kHandling) {
    ::shutdown(transport_->fd(), SHUT_RDWR);
  } else {
    Close();
  }
}

void ServerConnection::Close() {
  if (state_ == State::kClosed) return;
  GiveUpTaken();
  state_ = State::kClosed;
  loop_->Remove(transport_->fd(), this);
  if (aftermath_.stream) {
    aftermath_.stream->SetWake(nullptr);
    aftermath_.stream->Close();
  }
  if (exchange_) exchange_->RequestStop();
  ::shutdown(transport_->fd(), SHUT_RDWR);
  host_.Forget(this);
}

void ServerConnection::Watch(uint32_t epoll_events) {
  // A one-shot watch may have fired, so it is always set anew.
  if (epoll_events == watched_ && !(epoll_events & EPOLLONESHOT)) return;
  watched_ = epoll_events;
  loop_->Modify(transport_->fd(), epoll_events, this);
}

}  // namespace leat::net
