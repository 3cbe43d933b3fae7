#include <algorithm>

#include "base/strings.h"
#include "net/client.h"

namespace leat::net {
namespace {

uint16_t DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

Error NotAUrl(std::string_view text, std::string_view why) {
  return {Code::kInvalid, "URL \"" + std::string(text) + "\": " + std::string(why)};
}

// "host", "host:80", "[::1]:80" into the host (without brackets) and the text of the port.
Result<std::pair<std::string_view, std::string_view>> SplitAuthority(std::string_view text,
                                                                     std::string_view authority) {
  size_t host_end = authority.find(':');
  std::string_view host = authority.substr(0, host_end);
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return NotAUrl(text, "the '[' has no ']'");
    host = authority.substr(1, bracket - 1);
    host_end = bracket + 1 < authority.size() ? bracket + 1 : std::string_view::npos;
    if (host_end != std::string_view::npos && authority[host_end] != ':')
      return NotAUrl(text, "only a port may follow ']'");
  }
  if (host.empty()) return NotAUrl(text, "it names no host");
  if (host_end == std::string_view::npos) return std::pair(host, std::string_view());
  return std::pair(host, authority.substr(host_end + 1));
}

}  // namespace

Result<Url> Url::Parse(std::string_view text) {
  // A blank or line end in a URL would end up inside the request line.
  const bool clean =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c != 0x7f; });
  if (!clean) return NotAUrl(text, "blanks and control characters must be percent-encoded");
  const auto scheme_rest = Cut(text, "://");
  if (!scheme_rest) return NotAUrl(text, "expected http:// or https://");
  Url url;
  url.scheme = Lower(scheme_rest->first);
  if (url.scheme != "http" && url.scheme != "https")
    return NotAUrl(text, "expected http:// or https://");
  std::string_view rest = scheme_rest->second;
  rest = rest.substr(0, rest.find('#'));
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos)
    return NotAUrl(text, "a user name or password in a URL is not supported");
  const auto host_port = SplitAuthority(text, authority);
  if (!host_port) return host_port.error();
  url.host = host_port->first;
  url.port = DefaultPort(url.scheme);
  if (!host_port->second.empty()) {
    const auto port = ParseInt(host_port->second);
    if (!port || *port < 1 || *port > 65535) return NotAUrl(text, "the port must be 1 to 65535");
    url.port = static_cast<uint16_t>(*port);
  }
  const auto path_query = Cut(rest, "?");
  url.path = path_query ? path_query->first : rest;
  if (url.path.empty()) url.path = "/";
  if (path_query) url.query = path_query->second;
  return url;
}

std::string Url::HostHeader() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string header = ipv6 ? "[" + host + "]" : host;
  if (port != DefaultPort(scheme)) header += ":" + std::to_string(port);
  return header;
}

}  // namespace leat::net
