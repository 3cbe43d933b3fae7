#include "net/exchange.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::net {
namespace {

// An unread request body up to this size is read and dropped to keep the connection.
constexpr uint64_t kMaxDrain = 256u << 10;
// Below this, copying the head and the body together is cheaper than two sends.
constexpr size_t kMaxJoined = 32u << 10;
// A body in memory from which on what its handling took is given back: the allocator would keep it.
constexpr size_t kLarge = 1u << 20;
constexpr std::chrono::milliseconds kSoon{100};
// How much of a file is sent by one call.
constexpr uint64_t kFileStep = 4u << 20;

std::string Hex(uint64_t number) {
  char text[17];
  return {text, static_cast<size_t>(std::snprintf(text, sizeof text, "%lx", number))};
}

// A header value must not be able to start a new header line.
void AppendField(std::string* head, std::string_view name, std::string_view value) {
  *head += name;
  *head += ": ";
  for (const char c : value) *head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  *head += "\r\n";
}

// RFC 9110, section 5.1: anything else in its place could begin another line.
bool IsFieldName(std::string_view name) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kSigns.find(c) != std::string_view::npos;
  });
}

bool AllowsBody(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

class Exchange::Request : public ServerRequest {
 public:
  Request(Transport& transport, InputBuffer& input, MessageParser& parser,
          const Surroundings& around, std::stop_token stop)
      : transport_(transport),
        parser_(parser),
        body_(transport, input, parser,
              parser.chunked() ? BodyReader::Framing::kChunked : BodyReader::Framing::kLength,
              parser.content_length().value_or(0)),
        force_stop_(around.force_stop),
        waits_(around.waits),
        pace_(around.options.body_timeout),
        stop_(std::move(stop)) {
    remote = around.remote;
    tls = transport.secure();
    peer = around.peer;
  }

  Status TakeHead() {
    MessageHead& head = parser_.head();
    method = std::move(head.method);
    target = std::move(head.target);
    headers = std::move(head.headers);
    const auto hosts =
        std::count_if(headers.all().begin(), headers.all().end(),
                      [](const auto& field) { return EqualsIgnoreCase(field.first, "Host"); });
    if (hosts > 1 || (hosts == 0 && parser_.version() == 11))
      return Error{Code::kInvalid, "HTTP/1.1 requests need one Host header"};
    std::string_view rest = target;
    if (const auto absolute = Cut(rest, "://"); absolute && !rest.starts_with('/')) {
      const size_t end = std::min(absolute->second.find_first_of("/?"), absolute->second.size());
      // RFC 9112 section 3.2.2: the target's authority wins over the Host field.
      headers.Set("Host", absolute->second.substr(0, end));
      rest = absolute->second.substr(end);
    }
    const auto path_query = Cut(rest, "?");
    path = path_query ? path_query->first : rest;
    if (path_query) raw_query = path_query->second;
    if (path.empty()) path = "/";
    query = Query::Parse(raw_query);
    // Also before an empty body, where it need not be: botocore loses track of a connection on
    // which it asked and got another answer.
    expects_continue_ =
        parser_.version() == 11 && EqualsIgnoreCase(headers.Get("Expect"), "100-continue");
    return {};
  }

  std::optional<uint64_t> ContentLength() const override {
    if (parser_.chunked()) return std::nullopt;
    return parser_.content_length().value_or(0);
  }

  Result<size_t> Read(std::span<char> buffer) override {
    if (taken_used_ < taken_.size()) return ReadTaken(buffer);
    if (failure_) return failure_->Within("request body");
    while (true) {
      if (auto said = SayContinue(); !said) return Fail(said.error());
      auto step = body_.TryRead(buffer);
      if (!step && force_stop_.stop_requested()) step = Error{Code::kCancelled, "stopped"};
      if (!step) return Fail(step.error());
      pace_.Moved(step->bytes);
      if (step->state == IoState::kOk) return step->bytes;
      if (step->state == IoState::kEnd) return 0;
      if (auto ready = AwaitClient(transport_, step->state, force_stop_, &pace_, &waits_); !ready)
        return Fail(ready.error());
    }
  }

  bool MustWait() const override {
    return taken_used_ == taken_.size() && !failure_ && !body_.done();
  }

  bool LargeInMemory() const { return read_at_once_ >= kLarge; }

  IoStep TakeIn(size_t limit) {
    std::array<char, 16 << 10> piece;
    IoStep all{IoState::kOk, 0};
    if (auto said = SayContinue(); !said) failure_ = said.error();
    while (!failure_ && !body_.done() && taken_.size() < limit) {
      const size_t wanted = std::min(piece.size(), limit - taken_.size());
      const auto step = body_.TryRead(std::span(piece).first(wanted));
      if (!step) {
        failure_ = step.error();
      } else if (step->state == IoState::kOk) {
        taken_.append(piece.data(), step->bytes);
        all.bytes += step->bytes;
      } else if (step->state != IoState::kEnd) {
        all.state = step->state;
        break;
      }
    }
    return all;
  }

  std::stop_token stop() const override { return stop_; }

  bool body_done() const { return body_.done(); }
  // True when reading the rest of the body is cheap and sure to get it, so that the connection can
  // be used again. A client that waits for 100 Continue may or may not send the body after another
  // answer: nobody could tell it from the next request.
  bool CanDrain() const {
    if (expects_continue_) return false;
    if (body_.done()) return true;
    return !failure_ && body_.remaining().value_or(kMaxDrain) <= kMaxDrain;
  }
  IoStep Drop() {
    std::array<char, 16 << 10> scratch;
    while (!body_.done()) {
      if (dropped_ > kMaxDrain) return {IoState::kFailed, 0};
      const auto step = body_.TryRead(scratch);
      if (!step) return {IoState::kFailed, 0};
      if (step->state != IoState::kOk && step->state != IoState::kEnd) return *step;
      dropped_ += step->bytes;
    }
    return {};
  }

 private:
  size_t ReadTaken(std::span<char> buffer) {
    const size_t n = std::min(buffer.size(), taken_.size() - taken_used_);
    std::memcpy(buffer.data(), taken_.data() + taken_used_, n);
    taken_used_ += n;
    if (taken_used_ == taken_.size()) {
      taken_ = {};
      taken_used_ = 0;
    }
    return n;
  }

  // An empty connection takes as much without blocking. One that is full of unread answers is cut.
  Status SayContinue() {
    if (!std::exchange(expects_continue_, false)) return {};
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (transport_.Write(kContinue).bytes == kContinue.size()) return {};
    return Error{Code::kUnavailable, "the client does not take 100 Continue"};
  }

  Error Fail(Error error) {
    failure_ = std::move(error);
    return failure_->Within("request body");
  }

  Transport& transport_;
  MessageParser& parser_;
  BodyReader body_;
  const std::stop_token force_stop_;
  LongWaits& waits_;
  Pace pace_;
  const std::stop_token stop_;
  bool expects_continue_ = false;
  std::string taken_;  // by the loop, before the handler
  size_t taken_used_ = 0;
  uint64_t dropped_ = 0;
  std::optional<Error> failure_;  // no more can be read
};

class Exchange::Response : public ResponseWriter {
 public:
  Response(Transport& transport, const MessageParser& parser, Request& request,
           const Surroundings& around)
      : transport_(transport),
        request_(request),
        version_(parser.version()),
        client_keeps_(parser.keep_alive()),
        is_head_(request.method == "HEAD"),
        force_stop_(around.force_stop),
        waits_(around.waits),
        pace_(around.options.write_timeout),
        stopping_(around.stopping) {}

  void Send(int status, std::string body) override {
    if (phase_ != Phase::kNothing) return;
    Begin(status, body.size());
    if (!AllowsBody(status) || is_head_) body.clear();
    if (body.size() <= kMaxJoined) {
      head_ += body;
      body.clear();
    }
    sent_ = length_.value_or(0);
    phase_ = Phase::kDone;
    unsent_ = SendWhatFits(std::move(head_), body.empty() ? Flush::kNow : Flush::kMoreFollows);
    if (body.empty()) return;
    unsent_ = unsent_.empty() ? SendWhatFits(std::move(body), Flush::kNow) : unsent_ + body;
  }

  Status Start(int status, std::optional<uint64_t> length) override {
    if (phase_ != Phase::kNothing) return OutOfTurn("Start");
    Begin(status, length);
    phase_ = Phase::kBody;
    return Put(head_, Flush::kNow);
  }

  Status Write(std::string_view bytes) override {
    return Body(
        bytes.size(), [&](Flush flush) { return Put(bytes, flush); }, bytes);
  }

  Status WriteFile(int fd, uint64_t offset, uint64_t size) override {
    return Body(size,
                [&](Flush) {
                  return Move(size, [&](uint64_t done) {
                    const uint64_t step = std::min<uint64_t>(size - done, kFileStep);
                    return transport_.SendFile(fd, offset + done, step);
                  });
                },
                {});
  }

  Status Finish() override {
    if (phase_ != Phase::kBody) return OutOfTurn("Finish");
    phase_ = Phase::kDone;
    if (length_ && has_body_ && sent_ != *length_) {
      keep_alive_ = false;
      return Keep(Error{Code::kInternal, "the response has " + std::to_string(sent_) + " of its " +
                                             std::to_string(*length_) + " bytes"});
    }
    return chunked_ && has_body_ ? Put("0\r\n\r\n", Flush::kNow) : broken_;
  }

  void Stream(int status, std::shared_ptr<Outbox> outbox) override {
    if (phase_ != Phase::kNothing) return;
    Begin(status, std::nullopt);
    phase_ = Phase::kDone;
    unsent_ = SendWhatFits(std::move(head_), Flush::kNow);
    if (!broken_ || !has_body_) return outbox->Close();
    stream_ = std::move(outbox);
  }

  bool started() const override { return phase_ != Phase::kNothing; }

  // After the handler.
  Aftermath End() {
    if (phase_ == Phase::kNothing) {
      headers = {{"Content-Type", "text/plain"}};
      Send(500, "the server has no answer to this request\n");
    }
    // An answer without its end is a handler's failure half-way: the client must see it cut off.
    const bool whole = phase_ == Phase::kDone && broken_;
    return {.keep_alive = whole && keep_alive_,
            .linger = whole,
            .unsent = whole ? std::move(unsent_) : "",
            .stream = std::move(stream_),
            .stream_chunked = chunked_};
  }

 private:
  enum class Phase { kNothing, kBody, kDone };

  static Error OutOfTurn(std::string_view call) {
    return {Code::kInternal, std::string(call) + " was called out of turn on a response"};
  }

  Status Keep(Status status) {
    if (!status && broken_) {
      broken_ = status.error().Within("response");
      keep_alive_ = false;
    }
    return broken_;
  }
  Status Put(std::string_view bytes, Flush flush) {
    return Move(bytes.size(), [&](uint64_t done) {
      return transport_.Write(bytes.substr(static_cast<size_t>(done)), flush);
    });
  }

  // Takes steps, each of which gets how many bytes are done, until all are.
  template <class Step>
  Status Move(uint64_t size, Step step) {
    uint64_t done = 0;
    while (broken_ && done < size) {
      const IoStep moved = step(done);
      done += moved.bytes;
      pace_.Moved(moved.bytes);
      if (moved.state == IoState::kOk) continue;
      if (moved.state == IoState::kFailed)
        return Keep(force_stop_.stop_requested() ? Error{Code::kCancelled, "stopped"}
                                                 : transport_.error());
      (void)Keep(AwaitClient(transport_, moved.state, force_stop_, &pace_, &waits_));
    }
    return broken_;
  }

  // Returns what the connection did not take at once, or soon: a client that is there gets a long
  // answer from this thread. Short answers, which also those get who have shown no key, do not
  // wait.
  std::string SendWhatFits(std::string bytes, Flush flush) {
    const Patience brief{kSoon, force_stop_, std::chrono::steady_clock::now() + kSoon};
    size_t sent = 0;
    while (sent < bytes.size()) {
      const IoStep step = transport_.Write(std::string_view(bytes).substr(sent), flush);
      sent += step.bytes;
      if (step.state == IoState::kOk) continue;
      if (step.state == IoState::kFailed) (void)Keep(transport_.error());
      if (step.state != IoState::kWantWrite || bytes.size() <= kMaxJoined) break;
      if (!WaitFor(transport_, POLLOUT, brief)) break;
    }
    if (!broken_ || sent == bytes.size()) return "";
    if (sent > 0) bytes.erase(0, sent);
    return bytes;
  }

  // Builds the head and settles how the body is framed and whether the connection is kept.
  void Begin(int status, std::optional<uint64_t> length) {
    has_body_ = AllowsBody(status) && !is_head_;
    length_ = length;
    chunked_ = !length && version_ == 11 && AllowsBody(status);
    keep_alive_ = client_keeps_ && !stopping_.stop_requested() && request_.CanDrain() &&
                  (length || chunked_ || !has_body_) &&
                  !EqualsIgnoreCase(headers.Get("Connection"), "close");
    head_ = "HTTP/1.1 " + std::to_string(status) + " ";
    head_ += ReasonPhrase(status);
    head_ += "\r\n";
    for (const auto& [name, value] : headers.all()) {
      if (EqualsIgnoreCase(name, "Content-Length") || EqualsIgnoreCase(name, "Connection") ||
          EqualsIgnoreCase(name, "Transfer-Encoding"))
        continue;
      if (IsFieldName(name)) {
        AppendField(&head_, name, value);
      } else {
        LogWarning("response header left out: its name is none that HTTP allows",
                   {{"name", PercentEncode(name)}, {"path", request_.path}});
      }
    }
    if (!headers.Has("Date"))
      AppendField(&head_, "Date",
                  FormatUtc(std::chrono::system_clock::now(), "%a, %d %b %Y %H:%M:%S GMT"));
    // The length of a 304 is that of the 200 it stands for, so an empty Send must not give one.
    if (length && status >= 200 && status != 204 && (status != 304 || *length > 0))
      AppendField(&head_, "Content-Length", std::to_string(*length));
    if (chunked_) AppendField(&head_, "Transfer-Encoding", "chunked");
    if (!keep_alive_) AppendField(&head_, "Connection", "close");
    if (keep_alive_ && version_ == 10) AppendField(&head_, "Connection", "keep-alive");
    head_ += "\r\n";
  }

  // Sends one piece of the body in its frame. Small pieces (given as `bytes` too) go in one send.
  template <class SendPiece>
  Status Body(uint64_t size, SendPiece send, std::string_view bytes) {
    if (phase_ != Phase::kBody) return OutOfTurn("Write");
    if (!broken_) return broken_;
    if (length_ && size > *length_ - sent_)
      return Error{Code::kInternal, "the response would be longer than its declared " +
                                        std::to_string(*length_) + " bytes"};
    sent_ += size;
    if (!has_body_ || size == 0) return {};
    if (!chunked_) return send(Flush::kNow);
    if (!bytes.empty() && size <= kMaxJoined)
      return Put(Hex(size) + "\r\n" + std::string(bytes) + "\r\n", Flush::kNow);
    if (auto put = Put(Hex(size) + "\r\n", Flush::kMoreFollows); !put) return put;
    if (auto put = send(Flush::kMoreFollows); !put) return put;
    return Put("\r\n", Flush::kNow);
  }

  Transport& transport_;
  Request& request_;
  const int version_;
  const bool client_keeps_;
  const bool is_head_;
  const std::stop_token force_stop_;
  LongWaits& waits_;
  Pace pace_;
  const std::stop_token stopping_;

  Phase phase_ = Phase::kNothing;
  Status broken_;  // the first failure
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool has_body_ = true;
  std::optional<uint64_t> length_;
  uint64_t sent_ = 0;
  std::string head_;
  std::string unsent_;
  std::shared_ptr<Outbox> stream_;
};

Exchange::Exchange() = default;
Exchange::~Exchange() = default;

Result<std::unique_ptr<Exchange>> Exchange::Make(Transport& transport, InputBuffer& input,
                                                 std::unique_ptr<MessageParser> parser,
                                                 Surroundings surroundings) {
  std::unique_ptr<Exchange> made(new Exchange);
  made->parser_ = std::move(parser);
  MessageParser& head = *made->parser_;
  made->request_ =
      std::make_unique<Request>(transport, input, head, surroundings, made->stop_.get_token());
  if (auto taken = made->request_->TakeHead(); !taken) return taken.error();
  made->response_ = std::make_unique<Response>(transport, head, *made->request_, surroundings);
  return made;
}

const ServerRequest& Exchange::request() const { return *request_; }

IoStep Exchange::TakeIn(size_t limit) { return request_->TakeIn(limit); }

IoStep Exchange::DropBody() { return request_->Drop(); }

Aftermath Exchange::Run(const Handler& handler) {
  try {
    handler(*request_, *response_);
  } catch (const std::exception& error) {
    LogError("request handler threw",
             {{"method", request_->method}, {"path", request_->path}, {"error", error.what()}});
  }
  Aftermath aftermath = response_->End();
  if (request_->LargeInMemory()) ::malloc_trim(0);
  if (aftermath.stream && !request_->body_done()) aftermath.keep_alive = false;
  return aftermath;
}

Result<std::string> ServerRequest::ReadAll(size_t max_bytes) {
  const Error too_large{Code::kTooLarge, "the request body is larger than the " +
                                             std::to_string(max_bytes) + " bytes allowed here"};
  const auto declared = ContentLength();
  if (declared && *declared > max_bytes) return too_large;
  std::string body;
  size_t size = 0;
  while (true) {
    // Grows with what really came: a declared length alone must not take memory.
    if (body.size() - size < (4u << 10))
      body.resize(std::max<size_t>(16u << 10, std::min<size_t>(body.size() * 2, max_bytes + 1)));
    const auto n = Read(std::span(body).subspan(size));
    if (!n) return n.error();
    if (*n == 0) break;
    size += *n;
    read_at_once_ = size;
    if (size > max_bytes) return too_large;
  }
  body.resize(size);
  return body;
}

}  // namespace leat::net
