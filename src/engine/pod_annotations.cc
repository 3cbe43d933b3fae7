#include "engine/pod_annotations.h"

#include <optional>

#include "base/strings.h"
#include "io/file.h"

namespace leat::engine {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A string as Go's %q quotes it; values of ours are ASCII, others are read as well as can be.
std::optional<std::string> Unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') return std::nullopt;
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string text;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\' || i + 1 == quoted.size()) {
      text += quoted[i];
      continue;
    }
    const char c = quoted[++i];
    if (c == 'n')
      text += '\n';
    else if (c == 't')
      text += '\t';
    else if (c == 'r')
      text += '\r';
    else if (c == 'x' && i + 2 < quoted.size() && HexDigit(quoted[i + 1]) >= 0 &&
             HexDigit(quoted[i + 2]) >= 0) {
      text += static_cast<char>(HexDigit(quoted[i + 1]) * 16 + HexDigit(quoted[i + 2]));
      i += 2;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> ParseAnnotations(std::string_view text) {
  std::map<std::string, std::string> annotations;
  for (const std::string_view line : Split(text, '\n')) {
    const auto parts = Cut(line, "=");
    if (!parts) continue;
    if (auto value = Unquote(Trim(parts->second)))
      annotations[std::string(parts->first)] = std::move(*value);
  }
  return annotations;
}

Result<std::map<std::string, std::string>> ReadAnnotations(const std::string& pod_info_dir) {
  auto text = io::ReadFile(pod_info_dir + "/annotations", 1 << 20);
  if (!text) return text.error();
  return ParseAnnotations(*text);
}

}  // namespace leat::engine
