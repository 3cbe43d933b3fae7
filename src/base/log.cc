#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "base/clock.h"

namespace leat {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void AppendValue(std::string& line, std::string_view value) {
  const auto plain = [](unsigned char c) { return c > ' ' && c != '"' && c != '=' && c != 0x7f; };
  bool quote = value.empty();
  for (unsigned char c : value) quote = quote || !plain(c);
  if (!quote) {
    line += value;
    return;
  }
  line += '"';
  for (unsigned char c : value) {
    if (c == '"' || c == '\\')
      line += '\\', line += static_cast<char>(c);
    else if (c == '\n')
      line += "\\n";
    else if (c < ' ' || c == 0x7f)
      line += fmt::format("\\x{:02x}", c);
    else
      line += static_cast<char>(c);
  }
  line += '"';
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

Result<LogLevel> ParseLogLevel(std::string_view name) {
  for (auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError})
    if (name == LevelName(level)) return level;
  return Error{Code::kInvalid, fmt::format("unknown log level \"{}\": use debug, info, warning or "
                                           "error",
                                           name)};
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  const std::string stamp = FormatTimeMicro(std::chrono::system_clock::now());
  std::string line =
      fmt::format("{}Z {} {}", std::string_view(stamp).substr(0, 23), LevelName(level), event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    AppendValue(line, field.value);
  }
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace leat
