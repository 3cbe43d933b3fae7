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
  // True when Read would have to ask the client for more: the server has not taken it in yet (see
  // ServerOptions::body_first). A handler that does not know yet who asks does not wait.
  virtual bool MustWait() const = 0;
  // The whole (remaining) body; kTooLarge beyond max_bytes.
  // The memory that a large one took is given back to the system after the request.
  Result<std::string> ReadAll(size_t max_bytes);
  // Fires when the client goes away or the server stops; callbacks on it run on the server's event
  // loop, so they must not block.
  virtual std::stop_token stop() const = 0;

 protected:
  size_t read_at_once_ = 0;  // by ReadAll
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
  // is. Does not wait for the client: what it does not take soon the event loop sends.
  virtual void Send(int status, std::string body) = 0;
  // The head; then Write any number of times. With a length the writes must add up to it;
  // without one the body is chunked.
  virtual Status Start(int status, std::optional<uint64_t> length) = 0;
  // Blocks until the bytes are taken by the connection; kTimeout when the client reads too slowly
  // (ServerOptions::write_timeout), kUnavailable when it went away, kCancelled when the server
  // stops.
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
  // Handlers that may run at once; further requests queue. Those that wait for a slow client, in
  // Read or Write, do not count among them and have threads of their own, up to `max_waiting`;
  // beyond, the one that has the least of its time-out left is cut off. An idle connection, a
  // Stream or a Send holds no thread.
  int threads = 16;
  size_t max_waiting = 256;
  // Beyond, the connection that has waited longest without a request in work is closed for the
  // newcomer; the newcomer, when there is none.
  size_t max_connections = 4096;
  // Requests that have a thread of their own, ahead of all others: for health checks, which are
  // answered also while every handler is busy. None without it. Called on the event loop with only
  // the head: must not block; nor may the handler of such a request.
  std::function<bool(const ServerRequest& head)> ahead;
  // How many bytes of a request's body the server takes in before the handler gets the request: for
  // handlers that cannot tell from the head alone who asks, so that nobody holds a thread who has
  // not shown a key. None without it. Called on the event loop with only the head: must not block.
  std::function<size_t(const ServerRequest& head)> body_first;
  // Bytes of heads and bodies, all together, of requests that are still coming in; beyond, the one
  // that has been coming longest is answered 408. As many bytes of bodies may wait for a handler;
  // beyond, a request with a body is answered 503.
  size_t max_taken_in = 64u << 20;
  size_t max_header_bytes = 64 << 10;
  // From the connection, or from the first byte of a later request, to the end of the head.
  std::chrono::seconds header_timeout{30};
  // How long the server waits for its client's body, or for it to take the answer, all waits
  // together; what is moved meanwhile gives time back, up to this, at the rate that net/pace.h
  // tells: 1 KiB/s at first, 64 KiB/s after ten minutes of waiting. Slower clients end with
  // kTimeout.
  std::chrono::seconds body_timeout{60};
  std::chrono::seconds write_timeout{60};
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
