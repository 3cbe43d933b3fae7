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

Result<size_t> BodyReader::Read(std::span<char> buffer, const Patience& patience) {
  if (done_ || buffer.empty()) return 0;
  if (framing_ == Framing::kChunked) return ReadChunked(buffer, patience);
  if (framing_ == Framing::kLength)
    buffer = buffer.first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), left_)));
  const auto n = ReadRaw(buffer, patience);
  if (!n) return n.error();
  if (framing_ == Framing::kUntilClose) {
    done_ = *n == 0;
    return *n;
  }
  if (*n == 0)
    return Error{Code::kUnavailable, "the connection ended " + std::to_string(left_) +
                                         " bytes before the end of the body"};
  left_ -= *n;
  done_ = left_ == 0;
  return *n;
}

// Straight into the caller's buffer once the bytes that came along with the head are used up.
Result<size_t> BodyReader::ReadRaw(std::span<char> buffer, const Patience& patience) {
  if (input_.empty()) return ReadSome(transport_, buffer, patience);
  const size_t n = std::min(buffer.size(), input_.view().size());
  std::memcpy(buffer.data(), input_.view().data(), n);
  input_.Consume(n);
  return n;
}

Result<size_t> BodyReader::ReadChunked(std::span<char> buffer, const Patience& patience) {
  std::array<char, 16 << 10> received;
  while (true) {
    const auto n = parser_.ParseChunked(input_, buffer);
    if (!n) return n.error();
    done_ = parser_.body_done();
    if (*n > 0 || done_) return *n;
    const auto got = ReadSome(transport_, received, patience);
    if (!got) return got.error();
    if (*got == 0)
      return Error{Code::kUnavailable, "the connection ended before the last chunk of the body"};
    input_.Append({received.data(), *got});
  }
}

}  // namespace leat::net
