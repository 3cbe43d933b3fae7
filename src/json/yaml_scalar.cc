#include "json/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace leat::json {
namespace {

using Words = std::array<std::string_view, 3>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool IsOneOf(std::string_view text, const Words& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<Value> Word(std::string_view text) {
  if (text.empty() || text == "~" || IsOneOf(text, {"null", "Null", "NULL"})) return Value();
  if (IsOneOf(text, {"true", "True", "TRUE"}) || IsOneOf(text, {"yes", "Yes", "YES"}) ||
      IsOneOf(text, {"on", "On", "ON"}) || text == "y" || text == "Y")
    return Value(true);
  if (IsOneOf(text, {"false", "False", "FALSE"}) || IsOneOf(text, {"no", "No", "NO"}) ||
      IsOneOf(text, {"off", "Off", "OFF"}) || text == "n" || text == "N")
    return Value(false);
  if (IsOneOf(text, {".nan", ".NaN", ".NAN"}))
    return Value(std::numeric_limits<double>::quiet_NaN());
  const bool negative = text.front() == '-';
  const std::string_view unsigned_text = text.substr(negative || text.front() == '+' ? 1 : 0);
  if (IsOneOf(unsigned_text, {".inf", ".Inf", ".INF"}))
    return Value(negative ? -kInfinity : kInfinity);
  return std::nullopt;
}

// The digits' base, with its prefix cut off. A leading 0 alone means octal, as in file modes.
int CutBase(std::string_view* digits) {
  if (digits->size() < 2 || digits->front() != '0') return 10;
  const char mark = static_cast<char>((*digits)[1] | 0x20);  // lower case
  const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  digits->remove_prefix(base == 0 ? 1 : 2);
  return base == 0 ? 8 : base;
}

std::optional<Value> ReadInteger(std::string_view text) {
  const bool negative = text.front() == '-';
  std::string_view digits = text.substr(negative || text.front() == '+' ? 1 : 0);
  const int base = CutBase(&digits);
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  constexpr uint64_t kMinimum = uint64_t{1} << 63;
  if (magnitude < kMinimum || (negative && magnitude == kMinimum))
    return Value(static_cast<int64_t>(negative ? 0 - magnitude : magnitude));
  const double number = static_cast<double>(magnitude);
  return Value(negative ? -number : number);
}

// As in YAML: ".5" and "5." are numbers, "." and "1e" are not.
std::optional<Value> ReadFloat(std::string_view text) {
  const std::string_view number = text.substr(text.front() == '+' ? 1 : 0);
  double value = 0;
  const char* const last = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), last, value);
  const bool letters = number.find_first_not_of("0123456789.eE+-") != std::string_view::npos;
  if (error != std::errc() || end != last || letters || number.starts_with('+') ||
      (text.front() == '+' && number.starts_with('-')))
    return std::nullopt;
  return Value(value);
}

}  // namespace

Value PlainScalar(std::string_view text) {
  if (std::optional<Value> word = Word(text)) return *word;
  const char first = text.front();
  if ((first < '0' || first > '9') && first != '+' && first != '-' && first != '.') return text;
  std::string plain(text);
  std::erase(plain, '_');
  if (std::optional<Value> integer = ReadInteger(plain)) return *integer;
  if (std::optional<Value> number = ReadFloat(plain)) return *number;
  return text;
}

}  // namespace leat::json
