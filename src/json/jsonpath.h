// The part of JSONPath that Kubernetes uses for printer columns and `-o jsonpath`:
// .a.b, ['a.b','c'], [0], [-1:], [a:b:step], [0,2], [*], ..name, [?(@.type=="Ready")], [?(@.x)].
// A backslash takes the next character of a name as it is: .annotations.example\.com/team.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"

namespace leat::json {

struct JsonPathStep;  // in jsonpath.cc

// Compiled once, evaluated often; immutable and thread-safe.
class JsonPath {
 public:
  // With or without the enclosing braces, the leading '$' and the first dot. kInvalid says at which
  // character. Filters compare (== != < > <= >=) a path with a literal or another path.
  static Result<JsonPath> Compile(std::string_view text);
  // Matches in document order; empty when a step finds nothing. The pointers live as long as
  // `root` unchanged. After looking at 1,000,000 values it gives what it has found so far.
  std::vector<const Value*> Find(const Value& root) const;
  // The first of these matches, or nullptr; nullptr too when none is among the first 10,000 values
  // that it looks at, so that a table of many such cells takes little time.
  const Value* FindFirst(const Value& root) const;

 private:
  using Steps = std::vector<JsonPathStep>;
  explicit JsonPath(std::shared_ptr<const Steps> steps) : steps_(std::move(steps)) {}
  std::shared_ptr<const Steps> steps_;
};

}  // namespace leat::json
