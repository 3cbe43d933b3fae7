// What a plain (unquoted) YAML scalar means. Internal to json.
#pragma once

#include <string_view>

#include "json/value.h"

namespace leat::json {

// Null, bool, integer, double (perhaps infinite or NaN) or, if none of these, the text itself.
Value PlainScalar(std::string_view text);

}  // namespace leat::json
