#include "net/body_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace leat::net {

BodyReader::BodyReader(Transport& transport, InputBuffer& input, MessageParser& parser,
                       Framing framing, uint64_t length)
    : transport_(transport),
      input_(input),
      parser_(parser),
      framing_(framing),
      left_(length),
      done_(framing == Framing::kLength && length == 0) {}

std::optional<uint64_t> BodyReader::remaining() const {
  if (done_) return 0;
  if (framing_ == Framing::kLength) return left_;
  return std::nullopt;
}

Result<IoStep> BodyReader::TryRead(std::span<char> buffer) {
  if (done_ || buffer.empty()) return IoStep{IoState::kEnd, 0};
  if (framing_ == Framing::kChunked) return ReadChunked(buffer);
  if (framing_ == Framing::kLength)
    buffer = buffer.first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), left_)));
  const IoStep step = ReadRaw(buffer);
  if (step.state == IoState::kFailed) return transport_.error();
  if (framing_ == Framing::kUntilClose) {
    done_ = step.state == IoState::kEnd;
    return step;
  }
  if (step.state == IoState::kEnd)
    return Error{Code::kUnavailable, "the connection ended " + std::to_string(left_) +
                                         " bytes before the end of the body"};
  if (step.state != IoState::kOk) return step;
  left_ -= step.bytes;
  done_ = left_ == 0;
  return step;
}

Result<size_t> BodyReader::Read(std::span<char> buffer, const Patience& patience) {
  while (true) {
    const auto step = TryRead(buffer);
    if (!step && patience.stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    if (!step) return step.error();
    if (step->state == IoState::kOk) return step->bytes;
    if (step->state == IoState::kEnd) return 0;
    const short events = step->state == IoState::kWantRead ? POLLIN : POLLOUT;
    if (const auto ready = WaitFor(transport_, events, patience); !ready) return ready.error();
  }
}

// Straight into the caller's buffer once the bytes that came along with the head are used up.
IoStep BodyReader::ReadRaw(std::span<char> buffer) {
  if (input_.empty()) return transport_.Read(buffer);
  const size_t n = std::min(buffer.size(), input_.view().size());
  std::memcpy(buffer.data(), input_.view().data(), n);
  input_.Consume(n);
  return {IoState::kOk, n};
}

Result<IoStep> BodyReader::ReadChunked(std::span<char> buffer) {
  std::array<char, 16 << 10> received;
  while (true) {
    const auto n = parser_.ParseChunked(input_, buffer);
    if (!n) return n.error();
    done_ = parser_.body_done();
    if (*n > 0) return IoStep{IoState::kOk, *n};
    if (done_) return IoStep{IoState::kEnd, 0};
    const IoStep got = transport_.Read(received);
    if (got.state == IoState::kFailed) return transport_.error();
    if (got.state == IoState::kEnd)
      return Error{Code::kUnavailable, "the connection ended before the last chunk of the body"};
    if (got.state != IoState::kOk) return got;
    input_.Append({received.data(), got.bytes});
  }
}

}  // namespace leat::net
