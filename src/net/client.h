// The HTTP/1.1 client: blocking calls with deadlines, pooled keep-alive connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "net/tls.h"

namespace leat::net {

struct Url {
  std::string scheme = "http";  // or "https"
  std::string host;
  uint16_t port = 80;
  std::string path = "/";  // percent-encoded as given
  std::string query;       // without '?'
  // kInvalid unless http:// or https:// with a host.
  static Result<Url> Parse(std::string_view text);
  // "127.0.0.1:9000"; the port is left out when it is the scheme's own.
  std::string HostHeader() const;
};

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;  // Host and Content-Length are added
  std::string body;
  // Instead of `body`: a source of exactly `body_size` bytes, called until it has given them all;
  // 0 from it before that aborts the request.
  std::function<Result<size_t>(std::span<char>)> body_source;
  uint64_t body_size = 0;
  std::chrono::milliseconds timeout{60'000};  // without progress, at each step
};

// A response whose body is read as a stream. Dropping it early closes the connection.
class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  int status = 0;
  Headers headers;
  std::optional<uint64_t> content_length;
  // The next bytes; 0 at the end. kTimeout, kUnavailable (cut off mid-body), kCancelled.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  Result<std::string> ReadAll(size_t max_bytes = 64u << 20);
};

struct ClientOptions {
  TlsClientOptions tls;
  size_t max_idle_per_host = 16;
  std::chrono::milliseconds connect_timeout{10'000};
};

// Thread-safe; calls run in parallel on their own connections.
class Client {
 public:
  static std::unique_ptr<Client> Make(ClientOptions options = {});
  virtual ~Client() = default;
  // Sends and waits for the head of the response; any status is a success here. kUnavailable when
  // the host cannot be reached or hung up (when a kept-alive connection dies before a byte of the
  // answer, a fresh one is tried, unless the body is spent or a POST or PATCH was begun), kTimeout,
  // kCancelled, kUnauthorized when the server's certificate does not verify or the server refuses
  // ours.
  virtual Result<std::unique_ptr<ClientResponse>> Send(ClientRequest request,
                                                       const std::stop_token& stop = {}) = 0;
};

}  // namespace leat::net
