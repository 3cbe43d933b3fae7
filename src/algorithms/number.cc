#include "algorithms/number.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/strings.h"

namespace leat::algorithms {
namespace {

template <class Float>
std::string Print(Float value) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  std::string printed(text, error == std::errc() ? end : text);
  if (printed.find_first_not_of("-0123456789") == std::string::npos) printed += ".0";
  return printed;
}

// from_chars does not say on which side a number left the range of double.
double OutOfRange(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

}  // namespace

const char* ReadNumber(const char* begin, const char* end, float& value) {
  double wide = 0;
  const auto [next, error] = std::from_chars(begin, end, wide);
  if (error != std::errc()) return nullptr;
  value = static_cast<float>(wide);
  return std::isfinite(value) ? next : nullptr;
}

Number ParseNumber(std::string_view text) {
  text = Trim(text);
  if (text.empty()) return {NumberKind::kMissing, std::numeric_limits<float>::quiet_NaN()};
  if (text.front() == '+' && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  double wide = 0;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, wide);
  if (next != end || error == std::errc::invalid_argument) return {NumberKind::kNotANumber, 0};
  if (error == std::errc::result_out_of_range) wide = OutOfRange(text);
  const auto value = static_cast<float>(wide);
  if (std::isnan(value)) return {NumberKind::kMissing, value};
  if (std::isinf(value)) return {NumberKind::kTooLarge, value};
  return {NumberKind::kNumber, value};
}

std::string PrintNumber(float value) { return Print(value); }
std::string PrintNumber(double value) { return Print(value); }

}  // namespace leat::algorithms
