// Quantities, from any bytes: no crash, and what is printed reads back as the same.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "api/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const leat::Result<int64_t> milli = leat::api::ParseQuantityMilli(text);
  const auto canonical = leat::api::CanonicalQuantity(leat::json::Value(text));
  if (canonical)
    LEAT_CHECK(
        leat::api::CanonicalQuantity(leat::json::Value(*canonical)).value_or("") == *canonical,
        "a canonical text has another canonical text");
  if (!milli) return 0;
  const int64_t most = std::numeric_limits<int64_t>::max();
  const leat::Result<int64_t> again = leat::api::ParseQuantityMilli(leat::api::FormatMilli(*milli));
  LEAT_CHECK(again.has_value() && (*again == *milli || *milli == most || *milli == -most),
             "a printed quantity reads back differently");
  return 0;
}
