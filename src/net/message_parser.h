// The head of an HTTP/1 message and the framing of its body: Boost.Beast's parser behind a type of
// ours, so that Beast is compiled once. Does no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace leat::net {

// Received bytes that nobody has used yet.
class InputBuffer {
 public:
  std::string_view view() const { return std::string_view(bytes_).substr(begin_); }
  bool empty() const { return begin_ == bytes_.size(); }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  void Consume(size_t n) {
    begin_ += n;
    if (empty()) {
      bytes_.clear();
      begin_ = 0;
    } else if (begin_ > bytes_.size() / 2) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
  }
  // Gives unused memory back: an idle connection should cost little.
  void Shrink() {
    if (empty()) bytes_ = {};
  }

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

struct MessageHead {
  std::string method;  // of a request
  std::string target;
  int status = 0;  // of a response
  Headers headers;
};

// One message. Not thread-safe.
class MessageParser {
 public:
  static std::unique_ptr<MessageParser> ForRequest(size_t max_header_bytes);
  static std::unique_ptr<MessageParser> ForResponse(size_t max_header_bytes);
  virtual ~MessageParser() = default;

  // Takes head bytes from the input; true when the head is complete, and then stops before the
  // body. kTooLarge beyond max_header_bytes, kUnimplemented for an HTTP version that we do not
  // speak, else kInvalid.
  virtual Result<bool> ParseHead(InputBuffer& input) = 0;

  // All below: once the head is complete.
  MessageHead& head() { return head_; }
  virtual int version() const = 0;  // 10 or 11
  // What the message says about reusing the connection after it.
  virtual bool keep_alive() const = 0;
  virtual bool chunked() const = 0;
  virtual std::optional<uint64_t> content_length() const = 0;
  // Takes chunked body bytes from the input into `buffer` and returns how many; 0 means that more
  // input is needed, or that the body is at its end (body_done). kInvalid for a broken encoding.
  virtual Result<size_t> ParseChunked(InputBuffer& input, std::span<char> buffer) = 0;
  virtual bool body_done() const = 0;

 protected:
  MessageHead head_;
};

}  // namespace leat::net
