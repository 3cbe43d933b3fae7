#include "objectstore/http_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/strings.h"

namespace leat::objectstore {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

bool StartsWithIgnoreCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && EqualsIgnoreCase(text.substr(0, start.size()), start);
}

std::string Utf8Of(uint32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
  }
  if (c >= 0x80) out += static_cast<char>(0x80 | (c & 0x3f));
  return out;
}

// What stands between '&' and ';'.
std::optional<std::string> Entity(std::string_view name) {
  if (name == "amp") return "&";
  if (name == "lt") return "<";
  if (name == "gt") return ">";
  if (name == "quot") return "\"";
  if (name == "apos") return "'";
  if (!name.starts_with('#') || name.size() > 8) return std::nullopt;
  const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
  uint32_t code = 0;
  for (const char c : name.substr(hex ? 2 : 1)) {
    const bool digit = c >= '0' && c <= '9';
    const char low = static_cast<char>(c | 0x20);
    if (!digit && !(hex && low >= 'a' && low <= 'f')) return std::nullopt;
    code = code * (hex ? 16 : 10) + static_cast<uint32_t>(digit ? c - '0' : low - 'a' + 10);
  }
  const bool character = code > 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000);
  if (!character) return std::nullopt;
  return Utf8Of(code);
}

std::string WithoutEntities(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find('&');
    out += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    const size_t end = text.substr(0, 12).find(';');
    const auto character =
        end == std::string_view::npos ? std::nullopt : Entity(text.substr(1, end - 1));
    out += character ? *character : "&";
    text.remove_prefix(character ? end + 1 : 1);
  }
  return out;
}

// Takes attributes off the inside of a tag (" class=x href='y'>...") up to href; its value as
// written. `rest` is moved behind what was read.
std::optional<std::string_view> FindHref(std::string_view& rest) {
  while (true) {
    while (!rest.empty() && (IsBlank(rest[0]) || rest[0] == '/')) rest.remove_prefix(1);
    if (rest.empty() || rest[0] == '>') return std::nullopt;
    size_t n = 0;
    while (n < rest.size() && !IsBlank(rest[n]) && rest[n] != '=' && rest[n] != '>') ++n;
    const std::string_view name = rest.substr(0, n);
    // A '=' without a name before it.
    rest.remove_prefix(std::max<size_t>(n, rest[0] == '=' ? 1 : 0));
    while (!rest.empty() && IsBlank(rest[0])) rest.remove_prefix(1);
    if (rest.empty() || rest[0] != '=') continue;
    rest.remove_prefix(1);
    while (!rest.empty() && IsBlank(rest[0])) rest.remove_prefix(1);
    if (rest.empty()) return std::nullopt;
    std::string_view value;
    if (rest[0] == '"' || rest[0] == '\'') {
      const size_t end = rest.find(rest[0], 1);
      if (end == std::string_view::npos) {
        rest = {};
        return std::nullopt;
      }
      value = rest.substr(1, end - 1);
      rest.remove_prefix(end + 1);
    } else {
      size_t end = 0;
      while (end < rest.size() && !IsBlank(rest[end]) && rest[end] != '>') ++end;
      value = rest.substr(0, end);
      rest.remove_prefix(end);
    }
    if (EqualsIgnoreCase(name, "href")) return value;
  }
}

// "http", "mailto", ... of a link that starts with a scheme.
std::optional<std::string_view> SchemeOf(std::string_view link) {
  const size_t colon = link.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view scheme = link.substr(0, colon);
  const bool valid = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    const char low = static_cast<char>(c | 0x20);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
  if (!valid || (scheme[0] >= '0' && scheme[0] <= '9')) return std::nullopt;
  return scheme;
}

// The link as it is seen from the directory, decoded: "name" or "name/".
std::optional<std::string> NameOf(std::string_view link, const IndexPage& page) {
  link = link.substr(0, link.find('#'));
  if (link.empty() || link.find('?') != std::string_view::npos) return std::nullopt;
  if (const auto scheme = SchemeOf(link)) {
    if (!EqualsIgnoreCase(*scheme, "http") && !EqualsIgnoreCase(*scheme, "https")) {
      return std::nullopt;
    }
    link.remove_prefix(scheme->size() + 1);
    if (!link.starts_with("//")) return std::nullopt;
  }
  if (link.starts_with("//")) {
    link.remove_prefix(2);
    if (!StartsWithIgnoreCase(link, page.host)) return std::nullopt;
    link.remove_prefix(page.host.size());
    if (!link.starts_with('/')) return std::nullopt;
  }
  while (link.starts_with("./")) link.remove_prefix(2);
  std::string name = PercentDecode(link);
  if (link.starts_with('/')) {
    const std::string base = PercentDecode(page.path);
    if (!name.starts_with(base)) return std::nullopt;
    name.erase(0, base.size());
  }
  std::string_view part = name;
  if (part.ends_with('/')) part.remove_suffix(1);
  const bool usable = !part.empty() && part != "." && part != ".." &&
                      part.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
  if (!usable) return std::nullopt;
  // "%2F" at the end is a part of a name that no path can have.
  if (name.ends_with('/') && !link.ends_with('/')) return std::nullopt;
  return name;
}

}  // namespace

Result<std::vector<std::string>> ParseIndex(std::string_view html, const IndexPage& page,
                                            size_t limit) {
  std::vector<std::string> names;
  while (true) {
    const size_t tag = html.find('<');
    if (tag == std::string_view::npos) break;
    html.remove_prefix(tag + 1);
    if (html.starts_with("!--")) {
      const size_t end = html.find("-->");
      if (end == std::string_view::npos) break;
      html.remove_prefix(end);
      continue;
    }
    if (html.size() < 2 || (html[0] | 0x20) != 'a' || !IsBlank(html[1])) continue;
    html.remove_prefix(1);
    const auto href = FindHref(html);
    if (!href) continue;
    auto name = NameOf(WithoutEntities(*href), page);
    if (!name) continue;
    names.push_back(std::move(*name));
    if (names.size() > limit) {
      return Error{Code::kTooLarge, fmt::format("the page has more than {} links", limit)};
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace leat::objectstore
