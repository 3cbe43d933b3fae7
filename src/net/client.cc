#include "net/client.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/strings.h"
#include "net/body_reader.h"
#include "net/connection_pool.h"

namespace leat::net {
namespace {

constexpr size_t kMaxResponseHeader = 256u << 10;
constexpr size_t kUploadPiece = 256u << 10;
// Below this, copying the head and the body together is cheaper than two sends.
constexpr size_t kMaxJoined = 32u << 10;

bool Clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// The head of the request; kInvalid when a part of it would break out of its line.
Result<std::string> BuildHead(const ClientRequest& request) {
  std::string target = request.url.path;
  if (!request.url.query.empty()) target += "?" + request.url.query;
  if (!Clean(request.method) || !Clean(target) || target.find(' ') != std::string::npos ||
      !Clean(request.url.host))
    return Error{Code::kInvalid, "a request line with blanks or line ends in it"};
  std::string head = request.method + " " + target + " HTTP/1.1\r\n";
  if (!request.headers.Has("Host")) head += "Host: " + request.url.HostHeader() + "\r\n";
  for (const auto& [name, value] : request.headers.all()) {
    if (!Clean(name) || !Clean(value))
      return Error{Code::kInvalid, "header field \"" + name + "\" holds a line end"};
    if (EqualsIgnoreCase(name, "Content-Length")) continue;
    head += name + ": " + value + "\r\n";
  }
  const uint64_t size = request.body_source ? request.body_size : request.body.size();
  const bool carries_body = request.method != "GET" && request.method != "HEAD" &&
                            request.method != "DELETE" && request.method != "OPTIONS";
  if (size > 0 || carries_body) head += "Content-Length: " + std::to_string(size) + "\r\n";
  return head + "\r\n";
}

// What a failed attempt leaves: whether the same request may be tried on a fresh connection.
struct Failure {
  Error error;
  bool retry = false;
};

// Sends one request on one connection and reads the head of its answer.
class Attempt {
 public:
  Attempt(const ClientRequest& request, ClientConnection& connection, const std::stop_token& stop)
      : request_(request),
        connection_(connection),
        transport_(*connection.transport),
        patience_{request.timeout, stop} {}

  Result<std::unique_ptr<MessageParser>> Run(const std::string& head) {
    auto sent = SendAll(head);
    if (!sent && (body_failed_ || sent.error().code != Code::kUnavailable)) return sent.error();
    // A server may answer and hang up before it has read the whole body: the answer counts then,
    // not the failure to send.
    auto answer = ReadHead();
    if (!answer && !sent) return sent.error();
    return answer;
  }

  // The whole request was sent and only then answered: another may follow on this connection.
  bool reusable() const { return !cut_short_; }
  // The server hung up on a kept connection without a byte of an answer, and doing the request
  // twice would do no harm (RFC 9110 section 9.2.2) or it cannot have been done at all.
  bool may_retry() const {
    const bool harmless = !written_ || (request_.method != "POST" && request_.method != "PATCH");
    return connection_.reused && harmless && !answered_ && !source_used_ && !Stopped();
  }

 private:
  Status SendAll(const std::string& head) {
    if (!request_.body_source && request_.body.size() <= kMaxJoined)
      return Put(head + request_.body, Flush::kNow);
    const bool bodiless = request_.body_source && request_.body_size == 0;
    if (auto put = Put(head, bodiless ? Flush::kNow : Flush::kMoreFollows); !put) return put;
    return request_.body_source ? SendSource() : SendBody();
  }

  Status SendBody() {
    std::string_view left = request_.body;
    while (!left.empty() && !AnswerCame()) {
      const std::string_view piece = left.substr(0, kUploadPiece);
      if (auto put = Put(piece, Flush::kNow); !put) return put;
      left.remove_prefix(piece.size());
    }
    cut_short_ = !left.empty();
    return {};
  }

  Status SendSource() {
    std::vector<char> piece(std::min<uint64_t>(kUploadPiece, request_.body_size));
    uint64_t left = request_.body_size;
    while (left > 0 && !AnswerCame()) {
      source_used_ = true;
      const auto n =
          request_.body_source(std::span(piece).first(std::min<uint64_t>(piece.size(), left)));
      if (!n || *n == 0) {
        body_failed_ = true;
        if (!n) return n.error();
        return Error{Code::kInvalid, "the request's body ended " + std::to_string(left) +
                                         " bytes short of its size"};
      }
      if (auto put = Put({piece.data(), *n}, Flush::kNow); !put) return put;
      left -= *n;
    }
    cut_short_ = left > 0;
    return {};
  }

  // Sends all bytes, or stops early because an answer is here (see AnswerCame).
  Status Put(std::string_view bytes, Flush flush) {
    while (!bytes.empty()) {
      const IoStep step = transport_.Write(bytes, flush);
      if (step.state == IoState::kOk) {
        written_ = true;
        bytes.remove_prefix(step.bytes);
        continue;
      }
      if (step.state == IoState::kEnd || step.state == IoState::kFailed) {
        cut_short_ = true;
        return Stopped() ? Error{Code::kCancelled, "stopped"} : transport_.error();
      }
      const bool may_write = step.state == IoState::kWantWrite;
      const auto ready = WaitFor(transport_, may_write ? POLLIN | POLLOUT : POLLIN, patience_);
      if (!ready) {
        cut_short_ = true;
        return ready.error();
      }
      // Unless it is the server's own TLS business, what can be read now is an early answer.
      if ((*ready & POLLIN) && AnswerCame()) {
        cut_short_ = true;
        return {};
      }
    }
    return {};
  }

  // Whether the server has begun to answer or hung up. What came is kept for ReadHead.
  bool AnswerCame() {
    if (answer_came_) return true;
    std::array<char, 4 << 10> received;
    const IoStep step = transport_.Read(received);
    if (step.state == IoState::kWantRead || step.state == IoState::kWantWrite) return false;
    if (step.state == IoState::kOk) {
      answered_ = true;
      connection_.input.Append({received.data(), step.bytes});
    }
    answer_came_ = true;
    return true;
  }

  Result<std::unique_ptr<MessageParser>> ReadHead() {
    auto parser = MessageParser::ForResponse(kMaxResponseHeader);
    std::array<char, 16 << 10> received;
    while (true) {
      const auto complete = parser->ParseHead(connection_.input);
      if (!complete)
        return Error{complete.error().code,
                     "the answer is not HTTP/1.1: check the port, and http "
                     "against https (" +
                         complete.error().message + ")"};
      const int status = *complete ? parser->head().status : 0;
      if (*complete && (status >= 200 || status == 101)) return parser;
      if (*complete) {  // 100 Continue and its like announce, they do not answer
        parser = MessageParser::ForResponse(kMaxResponseHeader);
        continue;
      }
      const auto n = ReadSome(transport_, received, patience_);
      if (!n) return n.error();
      if (*n == 0) return Error{Code::kUnavailable, "the server hung up without an answer"};
      answered_ = true;
      connection_.input.Append({received.data(), *n});
    }
  }

  bool Stopped() const { return patience_.stop.stop_requested(); }

  const ClientRequest& request_;
  ClientConnection& connection_;
  Transport& transport_;
  const Patience patience_;
  bool written_ = false;  // at least one byte
  bool answer_came_ = false;
  bool answered_ = false;  // at least one byte
  bool cut_short_ = false;
  bool source_used_ = false;
  bool body_failed_ = false;
};

class StreamedResponse : public ClientResponse {
 public:
  StreamedResponse(std::shared_ptr<ConnectionPool> pool,
                   std::unique_ptr<ClientConnection> connection,
                   std::unique_ptr<MessageParser> parser, bool has_body, bool reusable,
                   Patience patience)
      : pool_(std::move(pool)),
        connection_(std::move(connection)),
        parser_(std::move(parser)),
        patience_(std::move(patience)),
        reusable_(reusable && parser_->keep_alive()),
        body_(*connection_->transport, connection_->input, *parser_, FramingOf(has_body),
              has_body ? parser_->content_length().value_or(0) : 0),
        shut_on_stop_(std::in_place, patience_.stop, connection_->transport->fd()) {
    status = parser_->head().status;
    headers = std::move(parser_->head().headers);
    content_length = parser_->content_length();
    if (body_.done()) GiveBack();
  }

  Result<size_t> Read(std::span<char> buffer) override {
    if (!connection_) return 0;
    auto n = body_.Read(buffer, patience_);
    if (!n) {
      reusable_ = false;
      return n.error().Within("response body");
    }
    if (body_.done()) GiveBack();
    return n;
  }

 private:
  BodyReader::Framing FramingOf(bool has_body) const {
    if (!has_body || parser_->content_length()) return BodyReader::Framing::kLength;
    return parser_->chunked() ? BodyReader::Framing::kChunked : BodyReader::Framing::kUntilClose;
  }

  void GiveBack() {
    shut_on_stop_.reset();  // waits for a callback that runs just now
    auto connection = std::move(connection_);
    if (reusable_ && !patience_.stop.stop_requested()) pool_->Return(std::move(connection));
  }

  const std::shared_ptr<ConnectionPool> pool_;
  std::unique_ptr<ClientConnection> connection_;  // null once the body is read
  const std::unique_ptr<MessageParser> parser_;
  const Patience patience_;
  bool reusable_;
  BodyReader body_;
  std::optional<ShutOnStop> shut_on_stop_;
};

class PooledClient : public Client {
 public:
  explicit PooledClient(ClientOptions options)
      : pool_(std::make_shared<ConnectionPool>(std::move(options))) {}

  Result<std::unique_ptr<ClientResponse>> Send(ClientRequest request,
                                               const std::stop_token& stop) override {
    const std::string what = request.method + " " + request.url.scheme + "://" +
                             request.url.HostHeader() + request.url.path;
    const auto head = BuildHead(request);
    if (!head) return head.error().Within(what);
    for (auto connection = pool_->TakeIdle(request.url);; connection = nullptr) {
      if (!connection) {
        auto fresh = pool_->Connect(request.url, request.timeout, stop);
        if (!fresh) return fresh.error().Within(what);
        connection = std::move(*fresh);
      }
      bool retry = false;
      auto response = SendOn(std::move(connection), request, *head, stop, &retry);
      if (response) return response;
      if (!retry) return response.error().Within(what);
    }
  }

 private:
  Result<std::unique_ptr<ClientResponse>> SendOn(std::unique_ptr<ClientConnection> connection,
                                                 const ClientRequest& request,
                                                 const std::string& head,
                                                 const std::stop_token& stop, bool* retry) {
    Attempt attempt(request, *connection, stop);
    Result<std::unique_ptr<MessageParser>> parser = [&] {
      const ShutOnStop shut(stop, connection->transport->fd());
      return attempt.Run(head);
    }();
    if (!parser) {
      *retry = parser.error().code == Code::kUnavailable && attempt.may_retry();
      return parser.error();
    }
    const int status = (*parser)->head().status;
    const bool has_body =
        request.method != "HEAD" && status >= 200 && status != 204 && status != 304;
    return std::make_unique<StreamedResponse>(pool_, std::move(connection), std::move(*parser),
                                              has_body, attempt.reusable() && status != 101,
                                              Patience{request.timeout, stop});
  }

  const std::shared_ptr<ConnectionPool> pool_;
};

}  // namespace

Result<std::string> ClientResponse::ReadAll(size_t max_bytes) {
  const Error too_large{Code::kTooLarge, "the response is larger than the " +
                                             std::to_string(max_bytes) + " bytes allowed here"};
  std::string body;
  size_t size = 0;
  while (true) {
    if (body.size() - size < (4u << 10)) body.resize(std::max<size_t>(16u << 10, body.size() * 2));
    const auto n = Read(std::span(body).subspan(size));
    if (!n) return n.error();
    if (*n == 0) break;
    size += *n;
    if (size > max_bytes) return too_large;
  }
  body.resize(size);
  return body;
}

std::unique_ptr<Client> Client::Make(ClientOptions options) {
  return std::make_unique<PooledClient>(std::move(options));
}

}  // namespace leat::net
