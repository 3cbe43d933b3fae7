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
// The canonical text: "500m", "2", and with binary suffixes for bytes ("1Gi", "1536Mi", "1000").
std::string FormatMilli(int64_t milli);
std::string FormatBytes(int64_t bytes);

}  // namespace leat::api
