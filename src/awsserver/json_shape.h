// What an operation of a JSON service takes: AWS describes its inputs as shapes with constraints,
// and refuses what does not fit in texts that SDK users know. The shapes are constant tables
// (sagemaker_shapes.cc, logs_shapes.cc).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/pattern.h"
#include "awsserver/service.h"
#include "json/value.h"

namespace leat::awsserver {

enum class ShapeKind {
  kString,
  kInteger,  // 32 bits
  kLong,
  kBoolean,
  kTimestamp,  // seconds since 1970, with a fraction
  kList,       // of `item`
  kMap,        // from strings (`key`) to `item`
  kStructure,  // of `members`; unknown ones are let pass, as AWS does
};

struct Shape;
struct ShapeMember {
  const char* name;
  const Shape* shape;
  bool required = false;
};
inline constexpr bool kRequired = true;

// Bounds are of the number, the characters of a string, or the elements of a list or map.
struct Shape {
  ShapeKind kind;
  std::optional<int64_t> min = {}, max = {};
  const char* pattern = nullptr;             // of the whole string, as AWS writes it
  const char* re2 = nullptr;                 // the same for RE2, where AWS's form is not understood
  std::span<const char* const> values = {};  // an enumeration
  std::span<const ShapeMember> members = {};
  const Shape* key = nullptr;
  const Shape* item = nullptr;
};

constexpr Shape Text(int64_t min, int64_t max, const char* pattern = nullptr,
                     const char* re2 = nullptr) {
  return {.kind = ShapeKind::kString, .min = min, .max = max, .pattern = pattern, .re2 = re2};
}
constexpr Shape OneOf(std::span<const char* const> values) {
  return {.kind = ShapeKind::kString, .values = values};
}
constexpr Shape Integer(std::optional<int64_t> min, std::optional<int64_t> max = {}) {
  return {.kind = ShapeKind::kInteger, .min = min, .max = max};
}
constexpr Shape Long(std::optional<int64_t> min = {}) {
  return {.kind = ShapeKind::kLong, .min = min};
}
constexpr Shape ListOf(const Shape& item, int64_t min, int64_t max) {
  return {.kind = ShapeKind::kList, .min = min, .max = max, .item = &item};
}
constexpr Shape MapOf(const Shape& key, const Shape& item, int64_t min, int64_t max) {
  return {.kind = ShapeKind::kMap, .min = min, .max = max, .key = &key, .item = &item};
}
constexpr Shape Structure(std::span<const ShapeMember> members) {
  return {.kind = ShapeKind::kStructure, .members = members};
}
inline constexpr Shape kBooleanShape{.kind = ShapeKind::kBoolean};
inline constexpr Shape kTimestampShape{.kind = ShapeKind::kTimestamp};

// Holds the compiled patterns of its shapes. Thread-safe once all shapes are known.
class ShapeChecker {
 public:
  // Broken constraints are answered as `error_type`. A pattern that cannot be compiled ends the
  // process: the tables are ours.
  ShapeChecker(std::string error_type, std::initializer_list<const Shape*> roots);
  void Add(const Shape& root);

  // SerializationException when a member is of another JSON type (the first one is named); else all
  // broken constraints at once: "2 validation errors detected: Value 'x' at 'trainingJobName'
  // failed to satisfy constraint: ...; Value ...". Null members are absent ones.
  Answer<void> Check(const Shape& root, const json::Value& input) const;

 private:
  void Collect(const Shape& shape, const json::Value& value, const std::string& path,
               std::vector<std::string>& errors) const;
  void CollectItems(const Shape& shape, const json::Value& value, const std::string& path,
                    std::vector<std::string>& errors) const;
  std::vector<std::string> BrokenConstraints(const Shape& shape, const json::Value& value) const;
  bool MatchesPattern(const Shape& shape, std::string_view text) const;
  AwsError Refusal(const std::vector<std::string>& errors) const;

  const std::string error_type_;
  std::map<std::string_view, std::shared_ptr<const api::Pattern>> patterns_;
};

}  // namespace leat::awsserver
