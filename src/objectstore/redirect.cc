#include "objectstore/redirect.h"

#include <string>

namespace leat::objectstore {

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<net::Url> RedirectTarget(const net::Url& from, std::string_view location) {
  std::string text(location);
  if (text.starts_with("//")) {
    text = from.scheme + ":" + text;
  } else if (text.starts_with("/")) {
    text = from.scheme + "://" + from.HostHeader() + text;
  }
  auto url = net::Url::Parse(text);
  if (!url || (from.scheme == "https" && url->scheme != "https")) return std::nullopt;
  return *url;
}

}  // namespace leat::objectstore
