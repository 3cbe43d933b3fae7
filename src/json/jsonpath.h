// The part of JSONPath that Kubernetes uses for printer columns and `-o jsonpath`:
// .a.b, ['a.b'], [0], [-1:], [a:b:c], [*], ..name, [?(@.type=="Ready")].
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace leat::json {

// Compiled once, evaluated often; immutable and thread-safe.
class JsonPath {
 public:
  // With or without the enclosing braces. kInvalid says at which character.
  static Result<JsonPath> Compile(std::string_view text);
  // Matches in document order; empty when a step finds nothing.
  std::vector<const Value*> Find(const Value& root) const;

 private:
  struct Step;
  explicit JsonPath(std::shared_ptr<const std::vector<Step>> steps) : steps_(std::move(steps)) {}
  std::shared_ptr<const std::vector<Step>> steps_;
};

}  // namespace leat::json
