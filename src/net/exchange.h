// One request and its answer: what the event loop takes in of the body before a handler has the
// request, the blocking calls of the handler's thread, which the loop leaves alone meanwhile, and
// what is left to do for the loop afterwards.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "net/body_reader.h"
#include "net/message_parser.h"
#include "net/pace.h"
#include "net/server.h"
#include "net/transport.h"

namespace leat::net {

// How an exchange leaves the connection.
struct Aftermath {
  bool keep_alive = false;
  // The answer is whole: when the connection closes, first let the client read it.
  bool linger = false;
  // Bytes of the answer that the client has not taken yet: the loop sends them first.
  std::string unsent;
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
    LongWaits& waits;
  };

  // `parser` has a complete head. Borrows the transport and the input. kInvalid when the request
  // makes no sense (as HTTP/1.1 without Host).
  static Result<std::unique_ptr<Exchange>> Make(Transport& transport, InputBuffer& input,
                                                std::unique_ptr<MessageParser> parser,
                                                Surroundings surroundings);
  ~Exchange();

  // On the loop, before Run: the head, for ServerOptions::body_first.
  const ServerRequest& request() const;
  // Takes in what is here of the body, until `limit` bytes of it are in: kOk then, or when no more
  // will come (a failure is the handler's to see); else what to wait for. `bytes` came by this
  // call. Answers `Expect: 100-continue` first.
  IoStep TakeIn(size_t limit);

  // Runs the handler and completes the answer. Never waits for a client that takes a whole answer
  // (Send) slowly, or leaves a body behind.
  Aftermath Run(const Handler& handler);

  // On the loop, after Run, when the connection is kept: drops what is left of the request's body.
  // kOk when nothing is, kFailed when it is too much, else what to wait for.
  IoStep DropBody();

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
