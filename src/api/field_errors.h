// The common FieldErrors, in upstream's words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"

namespace leat::api {

// The value as errors show it: strings quoted, everything else as JSON (shortened when long).
std::string Quoted(const json::Value& value);

FieldError Required(std::string_view field, std::string_view detail = "");
FieldError InvalidValue(std::string_view field, const json::Value& value, std::string_view detail);
FieldError Forbidden(std::string_view field, std::string_view detail);
FieldError Duplicate(std::string_view field, const json::Value& value);
FieldError TooLong(std::string_view field, int64_t limit);
FieldError NotSupported(std::string_view field, const json::Value& value,
                        const std::vector<json::Value>& supported);
FieldError NotFoundValue(std::string_view field, const json::Value& value);

}  // namespace leat::api
