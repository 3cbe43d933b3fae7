// What the tests of api write objects with.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "json/value.h"
#include "json/yaml.h"

namespace leat::json {
// So that a failed comparison shows the values.
inline void PrintTo(const Value& value, std::ostream* out) { *out << Print(value); }
}  // namespace leat::json

namespace leat::api {

// One YAML document, `{a: [1, x]}` or in blocks; a mistake in it ends the test program.
inline json::Value Y(std::string_view yaml) {
  Result<std::vector<json::Value>> documents = json::ParseYaml(yaml);
  LEAT_CHECK(documents.has_value() && documents->size() == 1, yaml);
  return std::move((*documents)[0]);
}

// "a: Required value" for each.
inline std::vector<std::string> Texts(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) texts.push_back(error.ToString());
  return texts;
}

using Lines = std::vector<std::string>;

}  // namespace leat::api
