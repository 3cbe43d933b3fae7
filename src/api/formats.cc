#include "api/formats.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <memory>
#include <vector>

#include "api/pattern.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/strings.h"

namespace leat::api {
namespace {

struct TextFormat {
  std::string_view name;
  const char* expression;
};

// Go's ParseAddress takes a display name before the address in angle brackets; ParseDuration wants
// a unit after each number but a bare 0; ParseMAC takes 6, 8 or 20 bytes in three notations.
constexpr TextFormat kFormats[] = {
    {"email",
     R"(^(?:[^<>@,;]*<[^\s<>@,;"()]+@[^\s<>@,;"()]+>|\s*[^\s<>@,;"().]+(?:\.[^\s<>@,;"().]+)*@[^\s<>@,;"().]+(?:\.[^\s<>@,;"().]+)*\s*)$)"},
    {"uri", R"(^(?:[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]*|/[^\x00-\x20\x7f]*)$)"},
    {"mac",
     R"(^(?:(?:[0-9a-fA-F]{2}:){5}(?:(?:[0-9a-fA-F]{2}:){2}(?:(?:[0-9a-fA-F]{2}:){12})?)?[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{2}-){5}(?:(?:[0-9a-fA-F]{2}-){2}(?:(?:[0-9a-fA-F]{2}-){12})?)?[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2}(?:[0-9a-fA-F]{4}\.(?:(?:[0-9a-fA-F]{4}\.){6})?)?[0-9a-fA-F]{4})$)"},
    {"duration",
     R"(^(?:[-+]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)|\s*[0-9]+(?:\.[0-9]+)?\s*(?:ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hr|hrs|hours?|d|days?|w|wks?|weeks?)\s*)$)"},
    {"uuid", R"((?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$)"},
    {"uuid3", R"((?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$)"},
    {"uuid4", R"((?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$)"},
    {"uuid5", R"((?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$)"},
    {"hexcolor", R"(^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$)"},
    {"rgbcolor",
     R"(^rgb\(\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$)"},
    {"isbn10", R"(^(?:[0-9][- ]?){9}[0-9Xx]$)"},
    {"isbn13", R"(^(?:[0-9][- ]?){12}[0-9]$)"},
    {"isbn", R"(^(?:(?:[0-9][- ]?){9}[0-9Xx]|(?:[0-9][- ]?){12}[0-9])$)"},
    {"ssn", R"(^\d{3}[- ]?\d{2}[- ]?\d{4}$)"},
    {"bsonobjectid", R"(^[0-9a-fA-F]{24}$)"}};

// Labels of letters (of any script), digits and inner dashes.
bool IsHostname(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  if (text.ends_with('.')) text.remove_suffix(1);
  const auto edge = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  const std::vector<std::string_view> labels = Split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [&](std::string_view label) {
    return !label.empty() && label.size() <= 63 && edge(label.front()) && edge(label.back()) &&
           std::all_of(label.begin(), label.end(), [&](char c) { return edge(c) || c == '-'; });
  });
}

std::shared_ptr<const Pattern> Compiled(const char* expression) {
  Result<std::shared_ptr<const Pattern>> pattern = Pattern::Compile(expression);
  LEAT_CHECK(pattern.has_value(), "a format's expression does not compile");
  return *pattern;
}

}  // namespace

bool HasTextFormat(std::string_view format, std::string_view text) {
  if (format == "hostname") return IsHostname(text);
  // A few, and only those that some schema names, are ever compiled.
  static std::shared_ptr<const Pattern> compiled[std::size(kFormats)];
  static Mutex mu;
  for (size_t i = 0; i < std::size(kFormats); ++i) {
    if (kFormats[i].name != format) continue;
    std::shared_ptr<const Pattern> pattern;
    {
      MutexLock lock(mu);
      if (!compiled[i]) compiled[i] = Compiled(kFormats[i].expression);
      pattern = compiled[i];
    }
    return pattern->Matches(text);
  }
  return true;
}

}  // namespace leat::api
