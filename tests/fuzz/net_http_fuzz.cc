// A message reads the same whole and in pieces; a URL that parses is printed and parsed to itself.
#include <array>
#include <cstdint>

#include "net/client.h"
#include "net/http.h"
#include "net/message_parser.h"

using leat::net::InputBuffer;
using leat::net::MessageParser;
using leat::net::Query;
using leat::net::Url;

namespace {

constexpr size_t kMaxHeader = 4096;

// All that a message says, or "" when it is malformed or not all there.
std::string Read(bool request, std::string_view text, size_t piece) {
  const auto parser =
      request ? MessageParser::ForRequest(kMaxHeader) : MessageParser::ForResponse(kMaxHeader);
  InputBuffer input;
  std::array<char, 64> body;
  std::string said;
  bool head_done = false;
  while (!text.empty()) {
    input.Append(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    if (!head_done) {
      const auto complete = parser->ParseHead(input);
      if (!complete) return {};
      if (!*complete) continue;
      head_done = true;
      const auto& head = parser->head();
      said = head.method + head.target + std::to_string(head.status);
      for (const auto& [name, value] : head.headers.all()) said += "\n" + name + ":" + value;
      said += "\n" + std::to_string(parser->content_length().value_or(0));
    }
    if (!parser->chunked()) return said;
    while (!parser->body_done()) {
      const auto n = parser->ParseChunked(input, body);
      if (!n) return {};
      if (*n == 0) break;
      said.append(body.data(), *n);
    }
    if (parser->body_done()) return said;
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool request : {true, false})
    LEAT_CHECK(Read(request, text, size + 1) == Read(request, text, 1), "pieces read differently");
  (void)Query::Parse(text);
  if (const auto url = Url::Parse(text)) {
    std::string printed = url->scheme + "://" + url->HostHeader() + url->path;
    if (!url->query.empty()) printed += "?" + url->query;
    const auto again = Url::Parse(printed);
    LEAT_CHECK(again && again->host == url->host && again->port == url->port &&
                   again->path == url->path && again->query == url->query,
               "a URL reads back as another");
  }
  return 0;
}
