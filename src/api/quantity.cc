#include "api/quantity.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <optional>

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

enum class Family { kDecimal, kExponent, kBinary };  // of suffixes

// digits * 10^decimal * 2^binary, read exactly as far as the digits that can matter.
struct Number {
  bool negative = false;
  Wide digits = 0;
  int decimal = 0;
  int binary = 0;
  bool more = false;  // digits beyond those kept were not all zero
  Family family = Family::kDecimal;
  int exponent = 0;  // of ten, that the suffix alone stands for
};

constexpr int64_t kFar = 10000;  // beyond this exponent every value saturates or rounds to the same

// "e3", "E-3" or one of the suffixes.
bool ReadSuffix(std::string_view text, Number& number) {
  for (const Suffix& suffix : kSuffixes) {
    if (text != suffix.text) continue;
    number.binary = suffix.binary_exponent;
    number.decimal = number.exponent = suffix.decimal_exponent;
    if (suffix.binary_exponent > 0) number.family = Family::kBinary;
    return true;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  number.family = Family::kExponent;
  text.remove_prefix(text[1] == '+' && text.size() > 2 && text[2] != '-' ? 2 : 1);
  const Result<int64_t> exponent = ParseInt(text);
  if (!exponent) return false;
  number.exponent = static_cast<int>(std::min(std::max(*exponent, -kFar), kFar));
  number.decimal = number.exponent;
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

// Also gives the text of the digits and the point, if asked.
Result<Number> ReadNumber(std::string_view text, std::string_view* written = nullptr) {
  Number number;
  if (text.size() > 1000) return BadQuantity();
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    number.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  if (!ReadSuffix(text.substr(end), number)) return BadQuantity();
  if (written) *written = text.substr(0, end);
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

// "" for what is neither a string nor a number.
std::string TextOf(const json::Value& value) {
  if (value.IsString()) return std::string(Trim(value.AsString()));
  if (value.IsInt()) return fmt::format("{}", value.AsInt());
  return value.IsNumber() ? fmt::format("{}", value.AsDouble()) : "";
}

Result<Number> ReadValue(const json::Value& value) {
  if (value.IsNull()) return Number{};
  return ReadNumber(TextOf(value));
}

// digits * 10^exponent of any size, digits without leading zeros, "" for 0.
struct Decimal {
  std::string digits;
  int exponent = 0;

  void Normalize() {
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    while (!digits.empty() && digits.back() == '0') {
      digits.pop_back();
      ++exponent;
    }
  }
  // Away from zero to a multiple of 10^finest.
  void RoundUp(int finest) {
    if (digits.empty() || exponent >= finest) return;
    const auto fraction = static_cast<size_t>(finest - exponent);
    exponent = finest;
    digits.resize(digits.size() > fraction ? digits.size() - fraction : 0);
    // The last digit was not zero, so what was cut off is not zero.
    size_t at = digits.size();
    while (at > 0 && digits[at - 1] == '9') digits[--at] = '0';
    if (at > 0)
      ++digits[at - 1];
    else
      digits.insert(0, "1");
    Normalize();
  }
  void Multiply(unsigned factor) {
    unsigned carry = 0;
    for (size_t i = digits.size(); i-- > 0;) {
      carry += static_cast<unsigned>(digits[i] - '0') * factor;
      digits[i] = static_cast<char>('0' + carry % 10);
      carry /= 10;
    }
    if (carry > 0) digits.insert(0, fmt::format("{}", carry));
  }
  // The value if it is whole and fits.
  std::optional<int64_t> Whole() const {
    if (exponent < 0 || exponent > 18) return std::nullopt;
    const Result<int64_t> whole =
        ParseInt(digits + std::string(static_cast<size_t>(exponent), '0'));
    return whole ? std::optional(*whole) : std::nullopt;
  }
  bool BeyondInt64() const {
    Decimal whole = *this;
    whole.RoundUp(0);
    return !whole.digits.empty() && !whole.Whole();
  }
};

Decimal ReadDecimal(std::string_view written, int exponent) {
  Decimal decimal{.digits = std::string(written), .exponent = exponent};
  const size_t point = written.find('.');
  if (point == std::string_view::npos) return decimal;
  decimal.digits.erase(point, 1);
  decimal.exponent -= static_cast<int>(written.size() - point - 1);
  return decimal;
}

// In suffixes of a thousand, or as an exponent when that was asked for or no suffix is left.
std::string PrintDecimal(Decimal decimal, Family family) {
  constexpr std::string_view kSuffix = "num kMGTPE";
  for (; decimal.exponent % 3 != 0; --decimal.exponent) decimal.digits += '0';
  if (decimal.exponent == 0) return decimal.digits;
  if (family == Family::kExponent || decimal.exponent > 18)
    return fmt::format("{}e{}", decimal.digits, decimal.exponent);
  return decimal.digits + kSuffix[static_cast<size_t>((decimal.exponent + 9) / 3)];
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

Result<std::string> CanonicalQuantity(const json::Value& value, int finest) {
  const std::string text = TextOf(value);
  std::string_view written;
  const Result<Number> number = ReadNumber(text, &written);
  if (!number) return number.error();
  Decimal decimal = ReadDecimal(written, number->exponent);
  for (int powers = number->binary; powers > 0; powers -= 10) decimal.Multiply(1024);
  decimal.Normalize();
  if (decimal.digits.empty()) return std::string("0");
  // It could not be kept as it was meant: what is further away is all read as one value.
  if (number->exponent >= kFar || decimal.exponent >= kFar) return BadQuantity();
  decimal.RoundUp(finest);
  const std::string sign = number->negative ? "-" : "";
  if (number->family != Family::kBinary) return sign + PrintDecimal(decimal, number->family);
  const int64_t whole = decimal.BeyondInt64() ? kMost : decimal.Whole().value_or(0);
  // Less than 1Ki, or with a fraction: as upstream, decimal suffixes tell it exactly.
  if (whole < 1024) return sign + PrintDecimal(decimal, Family::kDecimal);
  std::string bytes = FormatBytes(whole);
  // No whole number of any binary suffix: what is read back is decimal, and told as such.
  if (bytes.back() >= '0' && bytes.back() <= '9') {
    Decimal plain{.digits = std::move(bytes), .exponent = 0};
    plain.Normalize();
    return sign + PrintDecimal(plain, Family::kDecimal);
  }
  return sign + bytes;
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
