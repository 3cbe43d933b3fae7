// The HTTP/1.1 server.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "net/outbox.h"
#include "net/tls.h"

namespace leat::net {

// One request, and its body as a stream. Used by the one thread that runs the handler.
class ServerRequest {
 public:
  virtual ~ServerRequest() = default;

  std::string method;  // "GET"
  std::string target;  // as sent: path, and query after '?'
  std::string path;    // still percent-encoded, without the query
  std::string raw_query;
  Query query;
  Headers headers;
  std::string remote;  // "127.0.0.1:51234"
  bool tls = false;
  std::optional<PeerIdentity> peer;  // the verified client certificate, if one was shown

  // The declared Content-Length; nullopt for chunked bodies, 0 without a body.
  virtual std::optional<uint64_t> ContentLength() const = 0;
  // Reads the next bytes of the body; 0 at its end. Blocks while the server's body_timeout
  // allows (kTimeout); kUnavailable when the client went away. `Expect: 100-continue` is answered
  // at the first call, so a handler that refuses without reading saves the client the upload.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  // The whole (remaining) body; kTooLarge beyond max_bytes.
  Result<std::string> ReadAll(size_t max_bytes);
  // Fires when the client goes away or the server stops; callbacks on it run on the server's event
  // loop, so they must not block.
  virtual std::stop_token stop() const = 0;
};

// The answer to one request: exactly one of Send, Start (then Write.., Finish) or Stream. A handler
// that returns without any of them answers 500; one that returns after Start without Finish has its
// connection cut, so that the client sees that the answer is not whole. When the handler left part
// of the request body unread, the server drains a little of it or closes the connection.
// Content-Length, Transfer-Encoding, Connection and Date are the server's business (`Connection:
// close` among the headers closes the connection, a Date stays).
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  Headers headers;  // set before the first of the calls below

  // A whole answer at once, with Content-Length. HEAD requests: the body is not sent, its length
  // is.
  virtual void Send(int status, std::string body) = 0;
  // The head; then Write any number of times. With a length the writes must add up to it;
  // without one the body is chunked.
  virtual Status Start(int status, std::optional<uint64_t> length) = 0;
  // Blocks until the bytes are taken by the connection; kTimeout when the client does not read for
  // the server's write time-out, kUnavailable when it went away, kCancelled when the server stops.
  virtual Status Write(std::string_view bytes) = 0;
  // Sends `size` bytes of the file from `offset`, as Write would, without a copy through user space
  // where the connection allows it (plain HTTP: sendfile).
  virtual Status WriteFile(int fd, uint64_t offset, uint64_t size) = 0;
  virtual Status Finish() = 0;
  // A chunked answer fed from the outbox by the event loop: the handler returns at once and its
  // thread is free. The outbox is told (closed()) when the reader goes away.
  virtual void Stream(int status, std::shared_ptr<Outbox> outbox) = 0;
  // True once one of the above was called.
  virtual bool started() const = 0;
};

using Handler = std::function<void(ServerRequest&, ResponseWriter&)>;

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: the kernel picks; see Server::port
  std::optional<TlsServerOptions> tls;
  // Handlers that may run at once; further requests queue. One that waits for a slow body holds a
  // thread, an idle connection or a Stream does not.
  int threads = 16;
  size_t max_connections = 4096;  // beyond: closed at accept
  size_t max_header_bytes = 64 << 10;
  // From the connection, or from the first byte of a later request, to the end of the head.
  std::chrono::seconds header_timeout{30};
  // How long a handler waits for its client's body, all its Reads together; every KiB received
  // gives a second back, up to this. So a body that comes slower than 1 KiB/s ends with kTimeout.
  std::chrono::seconds body_timeout{60};
  std::chrono::seconds write_timeout{60};  // without progress
  std::chrono::seconds idle_timeout{300};  // keep-alive
};

class Server {
 public:
  // Binds and serves from its own threads. kAlreadyExists when the port is in use ("port 6443 on
  // 127.0.0.1 is in use by another process ..."), kForbidden for privileged ports.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Handler handler);
  virtual ~Server() = default;  // Stop, then joins
  virtual uint16_t port() const = 0;
  // Stops accepting, ends streams, lets running handlers finish for at most `grace`; then their
  // blocked calls fail with kCancelled. Those whose client has hung up (or only ended its side)
  // fail at once. Returns when all have returned; not from a handler.
  virtual void Stop(std::chrono::milliseconds grace = std::chrono::seconds(2)) = 0;
};

}  // namespace leat::net
