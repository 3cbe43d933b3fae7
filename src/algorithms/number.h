// Decimal text to float32, exactly as numpy does it: correctly rounded to double, then to float.
#pragma once

#include <string>
#include <string_view>

namespace leat::algorithms {

enum class NumberKind {
  kNumber,
  kMissing,   // empty, or nan: the value is NaN
  kTooLarge,  // infinite, or beyond float32
  kNotANumber,
};

struct Number {
  NumberKind kind = NumberKind::kNotANumber;
  float value = 0;
};

// The whole text, blanks around it ignored, as a decimal number (an exponent and a leading + are
// fine; hexadecimal is not).
Number ParseNumber(std::string_view text);

// Reads a plain decimal number at the start of [begin, end) into `value` and returns the first byte
// after it; nullptr when the text needs ParseNumber's care. Never reads at or beyond `end`.
const char* ReadNumber(const char* begin, const char* end, float& value);

// The shortest text that reads back as the same float; whole numbers as "8.0", as Python prints.
std::string PrintNumber(float value);
std::string PrintNumber(double value);

}  // namespace leat::algorithms
