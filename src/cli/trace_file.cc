#include "cli/trace_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace leat::cli {
namespace {

// Undoes Printable(): \ooo is a byte.
std::string Unescaped(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && text.size() - i > 3;
    if (escape)
      bytes += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
    else
      bytes += text[i];
    i += escape ? 3 : 0;
  }
  return bytes;
}

std::string_view TakeWord(std::string_view& line) {
  const size_t blank = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, blank);
  line.remove_prefix(std::min(blank + 1, line.size()));
  return word;
}

std::optional<uint64_t> TakeNumber(std::string_view& line) {
  const auto number = ParseInt(TakeWord(line));
  if (!number || *number < 0) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

bool ParseLine(std::string_view line, Trace& trace) {
  const std::string_view kind = TakeWord(line);
  if (kind == "file") {
    const auto file = TakeNumber(line);
    if (!file || line.empty()) return false;
    trace.paths[*file] = Unescaped(line);
    return true;
  }
  if (kind != "open" && kind != "read") return false;
  const auto at = TakeNumber(line), thread = TakeNumber(line), file = TakeNumber(line);
  if (!at || !thread || !file) return false;
  TraceEvent event{.at = std::chrono::microseconds(*at), .file = *file, .open = kind == "open"};
  if (!event.open) {
    const auto offset = TakeNumber(line), size = TakeNumber(line);
    if (!offset || !size) return false;
    event.offset = *offset;
    event.size = *size;
  }
  trace.threads[*thread].push_back(event);
  return true;
}

}  // namespace

Result<Trace> ParseTrace(std::string_view text, std::string_view name) {
  Trace trace;
  for (uint64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (!ParseLine(line, trace))
      return Error{Code::kInvalid,
                   fmt::format("{} line {}: not a line of a trace: {}", name, number, line)};
  }
  // They were written in the order in which they were answered.
  for (auto& [thread, events] : trace.threads)
    std::stable_sort(events.begin(), events.end(),
                     [](const TraceEvent& a, const TraceEvent& b) { return a.at < b.at; });
  return trace;
}

}  // namespace leat::cli
