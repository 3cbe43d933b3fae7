// Reads the body of one message from a connection, whatever its framing: for the server's requests
// and the client's responses alike.
#pragma once

#include <optional>
#include <span>

#include "base/result.h"
#include "net/message_parser.h"
#include "net/transport.h"

namespace leat::net {

class BodyReader {
 public:
  enum class Framing { kLength, kChunked, kUntilClose };

  // Borrows all three. `length` counts for kLength only.
  BodyReader(Transport& transport, InputBuffer& input, MessageParser& parser, Framing framing,
             uint64_t length);

  // The next bytes that are here already: kOk with at least one, kEnd at the end of the body, or
  // what to wait for, as of Transport::Read. Errors: kUnavailable when the stream ends before the
  // body does, kInvalid for broken chunks, and the transport's.
  Result<IoStep> TryRead(std::span<char> buffer);
  // The next bytes, 0 at the end of the body. Blocks with patience.
  Result<size_t> Read(std::span<char> buffer, const Patience& patience);
  bool done() const { return done_; }
  // How much is left; nullopt when only the end will tell.
  std::optional<uint64_t> remaining() const;

 private:
  IoStep ReadRaw(std::span<char> buffer);
  Result<IoStep> ReadChunked(std::span<char> buffer);

  Transport& transport_;
  InputBuffer& input_;
  MessageParser& parser_;
  const Framing framing_;
  uint64_t left_;
  bool done_;
};

}  // namespace leat::net
