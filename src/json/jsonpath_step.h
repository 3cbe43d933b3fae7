// What a compiled JSONPath is made of. Internal to json: jsonpath_compile.cc makes it,
// jsonpath.cc walks it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace leat::json {

struct JsonPathFilter;

struct JsonPathStep {
  // Python's slice; `step` is positive.
  struct Slice {
    std::optional<int64_t> from, to;
    int64_t step = 1;
  };

  enum class Kind {
    kNames,    // the members of these names
    kSlices,   // the items of these indices
    kAll,      // every item or member
    kDescend,  // the value itself and everything below it
    kFilter,   // the items for which the filter holds
  };
  Kind kind = Kind::kAll;
  std::vector<std::string> names;
  std::vector<Slice> slices;
  std::shared_ptr<const JsonPathFilter> filter;
};

struct JsonPathFilter {
  // A literal, or a path from the item or the root, which stands for the first value it finds.
  struct Operand {
    bool is_path = false;
    bool from_root = false;
    Value literal;
    std::vector<JsonPathStep> steps;
  };
  enum class Op { kExists, kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  Op op = Op::kExists;
  Operand left, right;
};

Result<std::vector<JsonPathStep>> CompileJsonPath(std::string_view text);

}  // namespace leat::json
