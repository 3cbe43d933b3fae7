// One request and its answer, as the handler's thread sees them: blocking calls on a connection
// that the event loop leaves alone meanwhile.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "net/body_reader.h"
#include "net/message_parser.h"
#include "net/server.h"
#include "net/transport.h"

namespace leat::net {

// How an exchange leaves the connection.
struct Aftermath {
  bool keep_alive = false;
  // The answer is whole: when the connection closes, first let the client read it.
  bool linger = false;
  // The answer goes on: the loop drains this.
  std::shared_ptr<Outbox> stream;
  bool stream_chunked = true;
};

class Exchange {
 public:
  struct Surroundings {
    const ServerOptions& options;
    std::string remote;
    std::optional<PeerIdentity> peer;
    // The server is stopping and has lost its patience: blocking calls fail with kCancelled.
    std::stop_token force_stop;
    // The server is stopping: the connection is not kept.
    std::stop_token stopping;
  };

  // `parser` has a complete head. Borrows the transport and the input. kInvalid when the request
  // makes no sense (as HTTP/1.1 without Host).
  static Result<std::unique_ptr<Exchange>> Make(Transport& transport, InputBuffer& input,
                                                std::unique_ptr<MessageParser> parser,
                                                Surroundings surroundings);
  ~Exchange();

  // Runs the handler, completes the answer, and takes what little is left of the request's body.
  Aftermath Run(const Handler& handler);
  // From any thread: the client went away or the server stops.
  void RequestStop() { stop_.request_stop(); }

 private:
  class Request;
  class Response;
  Exchange();

  std::unique_ptr<MessageParser> parser_;
  std::stop_source stop_;
  std::unique_ptr<Request> request_;
  std::unique_ptr<Response> response_;
};

}  // namespace leat::net
