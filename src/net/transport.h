// A connected byte stream, plain or under TLS, in two manners of use: the non-blocking steps that
// an event loop takes, and below them calls that block with patience, for threads. A transport has
// one user at a time; only shutting its socket down is allowed from elsewhere.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/result.h"
#include "io/fd.h"
#include "net/tls.h"

namespace leat::net {

enum class IoState {
  kOk,         // `bytes` were moved; at least one
  kWantRead,   // try again when the socket is readable
  kWantWrite,  // try again when the socket is writable
  kEnd,        // the other side will send no more; never from a write
  kFailed,     // see Transport::error
};

struct IoStep {
  IoState state = IoState::kOk;
  size_t bytes = 0;
};

enum class Flush { kNow, kMoreFollows };

class Transport {
 public:
  virtual ~Transport() = default;
  int fd() const { return fd_.get(); }

  // The TLS handshake; kOk at once on a plain connection.
  virtual IoStep Handshake() { return {}; }
  virtual IoStep Read(std::span<char> buffer) = 0;
  virtual IoStep Write(std::string_view bytes, Flush flush = Flush::kNow) = 0;
  // Moves bytes of a file; kFailed when the file is shorter than asked for.
  virtual IoStep SendFile(int file, uint64_t offset, size_t size) = 0;
  // Bytes wait inside this object, so that the socket need not become readable for Read to give
  // some.
  virtual bool HasBuffered() const { return false; }
  // Bytes on the socket that the other side's system has not taken yet.
  size_t Untaken() const;
  // Tells the other side that nothing more will come.
  virtual void CloseWrite();
  virtual std::optional<PeerIdentity> Peer() const { return std::nullopt; }
  virtual bool secure() const { return false; }
  // After kFailed.
  const Error& error() const { return error_; }

 protected:
  explicit Transport(io::UniqueFd fd) : fd_(std::move(fd)) {}
  IoStep Fail(Error error) {
    error_ = std::move(error);
    return {IoState::kFailed, 0};
  }
  io::UniqueFd fd_;
  Error error_;
};

std::unique_ptr<Transport> MakePlainTransport(io::UniqueFd fd);

// How long a blocking call waits: `timeout` without progress, each time, but not beyond `deadline`
// whatever trickles in. Requesting the stop does not by itself wake it (whoever requests it also
// shuts the socket down), but makes its failure read kCancelled.
struct Patience {
  std::chrono::milliseconds timeout;
  std::stop_token stop;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// Waits for poll(2) `events`; returns those that came (kTimeout, kCancelled).
Result<short> WaitFor(const Transport& transport, short events, const Patience& patience);
// The next bytes, 0 at the end of the stream.
Result<size_t> ReadSome(Transport& transport, std::span<char> buffer, const Patience& patience);
Status WriteAll(Transport& transport, std::string_view bytes, Flush flush,
                const Patience& patience);
Status SendFileAll(Transport& transport, int file, uint64_t offset, uint64_t size,
                   const Patience& patience);
Status HandshakeAll(Transport& transport, const Patience& patience);

}  // namespace leat::net
