// Kubernetes resource quantities: "500m", "2", "1Gi", "1e3".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace leat::api {

// In thousandths of the unit (so "500m" cpu is 500, "1Ki" is 1,024,000), rounded up; saturating.
// kInvalid: "quantities must match the regular expression ...".
Result<int64_t> ParseQuantityMilli(std::string_view text);
// The same from a JSON string or number; absent (null) is 0.
Result<int64_t> QuantityMilli(const json::Value& value);
// Whole units, rounded up: bytes of "1Gi".
Result<int64_t> QuantityUnits(const json::Value& value);
// The one text that Kubernetes shows for a quantity, in the same family of suffixes ("0.1" is
// "100m", "1024Mi" is "1Gi", "1.5e3" is "1500"): no fraction, the largest suffix without one,
// exponents in threes, the value exact but for rounding away from zero to `finest` (a power of ten,
// at most 0, nano or milli), binary ones at most 2^63-1. A canonical text is its own canonical
// text. kInvalid as above, for what is neither a string nor a number, and from 10^10000 on.
inline constexpr int kNano = -9;
inline constexpr int kMilli = -3;
Result<std::string> CanonicalQuantity(const json::Value& value, int finest = kNano);
// Texts for values that Leat computes: "500m", "2", and with binary suffixes for bytes ("1Gi",
// "1536Mi", "1000").
std::string FormatMilli(int64_t milli);
std::string FormatBytes(int64_t bytes);

}  // namespace leat::api
