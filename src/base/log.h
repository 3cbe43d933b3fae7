// One line an event, key=value, to stderr:
//   2026-11-22T04:10:24.123Z info pod started pod=default/train container=algorithm pid=4711
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"

namespace leat {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below this level are dropped; kInfo at start. Thread-safe.
void SetLogLevel(LogLevel level);
// "debug", "info", "warning" or "error"; else kInvalid.
Result<LogLevel> ParseLogLevel(std::string_view name);

struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const Error& e) : key(k), value(e.message) {}
  template <class N>
  requires std::is_arithmetic_v<N> LogField(std::string_view k, N v)
      : key(k), value(std::to_string(v)) {}
};

// Writes one line with one write(2); values with blanks, quotes or control characters are quoted.
// Never log a key, token or request body.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void LogDebug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, event, fields);
}
inline void LogInfo(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, event, fields);
}
inline void LogWarning(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, event, fields);
}
inline void LogError(std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, event, fields);
}

}  // namespace leat
