#include "api/quantity.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <limits>

#include "base/strings.h"

namespace leat::api {
namespace {

__extension__ using Wide = unsigned __int128;

struct Suffix {
  std::string_view text;
  int binary_exponent;   // powers of two
  int decimal_exponent;  // powers of ten
};
constexpr std::array<Suffix, 16> kSuffixes = {{{"", 0, 0},
                                               {"n", 0, -9},
                                               {"u", 0, -6},
                                               {"m", 0, -3},
                                               {"k", 0, 3},
                                               {"M", 0, 6},
                                               {"G", 0, 9},
                                               {"T", 0, 12},
                                               {"P", 0, 15},
                                               {"E", 0, 18},
                                               {"Ki", 10, 0},
                                               {"Mi", 20, 0},
                                               {"Gi", 30, 0},
                                               {"Ti", 40, 0},
                                               {"Pi", 50, 0},
                                               {"Ei", 60, 0}}};

Error BadQuantity() {
  return {Code::kInvalid,
          "quantities must match the regular expression "
          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"};
}

// digits * 10^decimal * 2^binary, read exactly as far as the digits that can matter.
struct Number {
  bool negative = false;
  Wide digits = 0;
  int decimal = 0;
  int binary = 0;
  bool more = false;  // digits beyond those kept were not all zero
};

// "e3", "E-3" or one of the suffixes.
bool ReadSuffix(std::string_view text, Number& number) {
  for (const Suffix& suffix : kSuffixes) {
    if (text != suffix.text) continue;
    number.binary = suffix.binary_exponent;
    number.decimal = suffix.decimal_exponent;
    return true;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  const Result<int64_t> exponent = ParseInt(text.substr(1));
  if (!exponent) return false;
  constexpr int64_t kFar = 10000;  // beyond it every value saturates or rounds to the same
  number.decimal = static_cast<int>(std::min(std::max(*exponent, -kFar), kFar));
  return true;
}

// Reads the digits before the suffix; false when there are none or several points.
bool ReadDigits(std::string_view text, Number& number) {
  // With large binary suffixes fewer digits keep digits * 1000 * 2^binary within 128 bits.
  const int keep = number.binary > 30 ? 17 : 24;
  int kept = 0;
  int fraction = 0;
  bool point = false;
  bool any = false;
  for (const char c : text) {
    if (c == '.') {
      if (point) return false;
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return false;
    any = true;
    if (kept < keep) {
      number.digits = number.digits * 10 + static_cast<unsigned>(c - '0');
      if (number.digits != 0) ++kept;
      if (point) --fraction;
    } else {
      if (c != '0') number.more = true;
      if (!point) ++fraction;
    }
  }
  number.decimal += fraction;
  return any;
}

Result<Number> ReadNumber(std::string_view text) {
  Number number;
  if (text.size() > 1000) return BadQuantity();
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    number.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  if (!ReadSuffix(text.substr(end), number)) return BadQuantity();
  if (!ReadDigits(text.substr(0, end), number)) return BadQuantity();
  return number;
}

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// The number times 10^shift, rounded away from zero, saturating.
int64_t Scale(const Number& number, int shift) {
  if (number.digits == 0 && !number.more) return 0;
  int decimal = number.decimal + shift;
  Wide value = number.digits << number.binary;
  bool inexact = number.more;
  for (; decimal < 0 && value != 0; ++decimal) {
    // Dividing step by step loses nothing: ceil(ceil(a / 10) / 10) is ceil(a / 100).
    value = (value + 9 + (inexact ? 1 : 0)) / 10;
    inexact = false;
  }
  for (; decimal > 0 && value <= static_cast<Wide>(kMost); --decimal) value *= 10;
  if (inexact) ++value;
  const int64_t magnitude = value > static_cast<Wide>(kMost) ? kMost : static_cast<int64_t>(value);
  return number.negative ? -magnitude : magnitude;
}

Result<Number> ReadValue(const json::Value& value) {
  if (value.IsNull()) return Number{};
  if (value.IsString()) return ReadNumber(value.AsString());
  if (value.IsInt()) return ReadNumber(fmt::format("{}", value.AsInt()));
  if (value.IsNumber()) return ReadNumber(fmt::format("{}", value.AsDouble()));
  return BadQuantity();
}

}  // namespace

Result<int64_t> ParseQuantityMilli(std::string_view text) {
  const Result<Number> number = ReadNumber(text);
  if (!number) return number.error();
  return Scale(*number, 3);
}

Result<int64_t> QuantityMilli(const json::Value& value) {
  const Result<Number> number = ReadValue(value);
  if (!number) return number.error();
  return Scale(*number, 3);
}

Result<int64_t> QuantityUnits(const json::Value& value) {
  const Result<Number> number = ReadValue(value);
  if (!number) return number.error();
  return Scale(*number, 0);
}

std::string FormatMilli(int64_t milli) {
  if (milli % 1000 == 0) return fmt::format("{}", milli / 1000);
  return fmt::format("{}m", milli);
}

std::string FormatBytes(int64_t bytes) {
  constexpr std::string_view kUnits[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

}  // namespace leat::api
