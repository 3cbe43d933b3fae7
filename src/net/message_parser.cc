// Beast asserts that a last chunk arrives in pieces of at least five bytes, which a peer need not
// do. Without the assertion it waits for the rest, as it should.
#define BOOST_DISABLE_ASSERTS

#include "net/message_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

#include "base/strings.h"

namespace leat::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using ErrorCode = boost::beast::error_code;

// The longest line inside a chunked body: a chunk's size with its extensions, or a trailer.
constexpr size_t kMaxChunkLine = 16u << 10;

std::string_view View(string_view text) { return {text.data(), text.size()}; }

Error FromBeast(const ErrorCode& error) {
  if (error == http::error::header_limit)
    return {Code::kTooLarge, "the header fields are larger than this server takes"};
  if (error == http::error::bad_version)
    return {Code::kUnimplemented, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {Code::kInvalid, "malformed HTTP message: " + error.message()};
}

// Does the first line name a version that is spoken here?
bool SpeaksOurs(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find_first_of("\r\n"));
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

template <bool is_request>
class BeastParser : public MessageParser, private http::basic_parser<is_request> {
  using Base = http::basic_parser<is_request>;

 public:
  explicit BeastParser(size_t max_header_bytes) {
    this->header_limit(static_cast<uint32_t>(std::min<size_t>(max_header_bytes, UINT32_MAX)));
    this->body_limit(boost::none);
    this->eager(false);
  }

  Result<bool> ParseHead(InputBuffer& input) override {
    while (!this->is_header_done() && !input.empty()) {
      const auto used = Feed(input);
      if (!used) return used.error();
      if (*used == 0) break;
    }
    if (!this->is_header_done()) return false;
    const int major_minor = version();
    if (major_minor != 10 && major_minor != 11)
      return Error{Code::kUnimplemented, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    if (codings_ > 1 || (codings_ == 1 && !EqualsIgnoreCase(coding_, "chunked")))
      return Error{Code::kInvalid,
                   "transfer coding \"" + coding_ + "\" is not supported, only chunked, and once"};
    return true;
  }

  int version() const override { return version_; }
  bool keep_alive() const override { return Base::keep_alive(); }
  bool chunked() const override { return Base::chunked(); }
  bool body_done() const override { return this->is_done(); }
  std::optional<uint64_t> content_length() const override {
    const auto length = Base::content_length();
    if (length) return *length;
    return std::nullopt;
  }

  Result<size_t> ParseChunked(InputBuffer& input, std::span<char> buffer) override {
    out_ = buffer;
    while (!this->is_done() && !input.empty() && !out_.empty()) {
      const auto used = Feed(input);
      if (!used) return used.error();
      if (*used == 0) break;
    }
    return buffer.size() - out_.size();
  }

 private:
  Result<size_t> Feed(InputBuffer& input) {
    const std::string_view bytes = input.view();
    ErrorCode error;
    const size_t used = this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    input.Consume(used);
    // Beast also says so of a line that ends in a bare line feed.
    if (error == http::error::bad_version && SpeaksOurs(bytes))
      return Error{Code::kInvalid, "malformed HTTP message: a line ends without CR"};
    const bool starved = error == http::error::need_more;
    if (error && !starved) return FromBeast(error);
    if (starved && used == 0 && this->is_header_done() && bytes.size() > kMaxChunkLine)
      return Error{Code::kInvalid, "malformed HTTP message: endless line in a chunked body"};
    return used;
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       ErrorCode&) override {
    head_.method = View(method);
    head_.target = View(target);
    version_ = version;
  }
  void on_response_impl(int status, string_view, int version, ErrorCode&) override {
    head_.status = status;
    version_ = version;
  }
  void on_field_impl(http::field, string_view name, string_view value, ErrorCode&) override {
    // Fields after the head are a chunked body's trailers. They arrive when the head may already
    // be in use, and nobody asks for them.
    if (this->is_header_done()) return;
    head_.headers.Add(View(name), View(value));
    if (!EqualsIgnoreCase(View(name), "Transfer-Encoding")) return;
    ++codings_;
    coding_ = View(value);
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  size_t on_body_impl(string_view body, ErrorCode&) override { return Take(body); }
  void on_chunk_header_impl(uint64_t, string_view, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view body, ErrorCode&) override { return Take(body); }
  void on_finish_impl(ErrorCode&) override {}

  size_t Take(string_view body) {
    const size_t n = std::min(body.size(), out_.size());
    std::memcpy(out_.data(), body.data(), n);
    out_ = out_.subspan(n);
    return n;
  }

  int version_ = 11;
  int codings_ = 0;  // fields of Transfer-Encoding; an empty one counts
  std::string coding_;
  std::span<char> out_;
};

}  // namespace

std::unique_ptr<MessageParser> MessageParser::ForRequest(size_t max_header_bytes) {
  return std::make_unique<BeastParser<true>>(max_header_bytes);
}

std::unique_ptr<MessageParser> MessageParser::ForResponse(size_t max_header_bytes) {
  return std::make_unique<BeastParser<false>>(max_header_bytes);
}

}  // namespace leat::net
