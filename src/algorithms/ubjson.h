// Universal Binary JSON: the format of XGBoost's model files.
#pragma once

#include <string_view>

namespace leat::algorithms {

// Whether `bytes` are one whole UBJSON object and nothing more. XGBoost 1.7 reads past the end of
// its buffer when they are not, so a model that was cut short must not get that far.
bool IsWholeUbjson(std::string_view bytes);

}  // namespace leat::algorithms
