#include "awsserver/json_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/characters.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

using Texts = std::vector<std::string>;

const char* ExpressionOf(const Shape& shape) { return shape.re2 ? shape.re2 : shape.pattern; }

bool IsScalar(const Shape& shape) {
  return shape.kind != ShapeKind::kStructure && shape.kind != ShapeKind::kList &&
         shape.kind != ShapeKind::kMap;
}

// "TrainingJobName" is called "trainingJobName" in error texts.
std::string MemberPath(const std::string& path, std::string_view name) {
  std::string lower(name);
  if (lower[0] >= 'A' && lower[0] <= 'Z') lower[0] = static_cast<char>(lower[0] - 'A' + 'a');
  return path.empty() ? lower : path + "." + lower;
}

// As AWS prints a value: [a, b] and {k=v}.
std::string Show(const json::Value& value) {
  if (value.IsString()) return value.Str();
  Texts parts;
  if (value.IsArray()) {
    for (const json::Value& item : value.Items()) parts.push_back(Show(item));
    return "[" + Join(parts, ", ") + "]";
  }
  if (value.IsObject()) {
    for (const json::Member& member : value.Members())
      parts.push_back(member.key + "=" + Show(member.value));
    return "{" + Join(parts, ", ") + "}";
  }
  return json::Print(value);
}

std::string Failed(std::string_view value, std::string_view path, std::string_view constraint) {
  return fmt::format("Value {} at '{}' failed to satisfy constraint: {}", value, path, constraint);
}

std::string Quoted(const json::Value& value) { return "'" + Show(value) + "'"; }

std::string AtMost(const Shape& shape) {
  const bool number = shape.kind == ShapeKind::kInteger || shape.kind == ShapeKind::kLong;
  return fmt::format("Member must have {} less than or equal to {}", number ? "value" : "length",
                     *shape.max);
}
std::string AtLeast(const Shape& shape) {
  const bool number = shape.kind == ShapeKind::kInteger || shape.kind == ShapeKind::kLong;
  return fmt::format("Member must have {} greater than or equal to {}", number ? "value" : "length",
                     *shape.min);
}
std::string MustMatch(const Shape& shape) {
  return fmt::format("Member must satisfy regular expression pattern: {}", shape.pattern);
}
std::string MustBeOneOf(const Shape& shape) {
  return "Member must satisfy enum value set: [" + Join(shape.values, ", ") + "]";
}

// All that a member must satisfy, for the texts about lists and maps of scalars.
std::string AllConstraints(const Shape& shape) {
  Texts all;
  if (shape.max) all.push_back(AtMost(shape));
  if (shape.min) all.push_back(AtLeast(shape));
  if (!shape.values.empty()) all.push_back(MustBeOneOf(shape));
  if (shape.pattern) all.push_back(MustMatch(shape));
  return "[" + Join(all, ", ") + "]";
}

const char* WantedName(ShapeKind kind) {
  switch (kind) {
    case ShapeKind::kString:
      return "a String";
    case ShapeKind::kInteger:
      return "an Integer";
    case ShapeKind::kLong:
      return "a Long";
    case ShapeKind::kBoolean:
      return "a Boolean";
    case ShapeKind::kTimestamp:
      return "a Timestamp";
    case ShapeKind::kList:
      return "a List";
    case ShapeKind::kMap:
    case ShapeKind::kStructure:
      return "a Structure";
  }
  return "";
}

std::string GivenName(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return "NULL_VALUE can not be converted to ";
    case json::Kind::kBool:
      return value.AsBool() ? "TRUE_VALUE can not be converted to "
                            : "FALSE_VALUE can not be converted to ";
    case json::Kind::kInt:
    case json::Kind::kDouble:
      return "NUMBER_VALUE can not be converted to ";
    case json::Kind::kString:
      return "STRING_VALUE can not be converted to ";
    case json::Kind::kArray:
      return "Start of list found where not expected: wanted ";
    case json::Kind::kObject:
      return "Start of structure or map found where not expected: wanted ";
  }
  return "";
}

bool HasType(const Shape& shape, const json::Value& value) {
  // AsInt gives its fallback for a number with a fraction or beyond int64.
  const bool whole = value.IsNumber() && value.AsInt(0) == value.AsInt(1);
  switch (shape.kind) {
    case ShapeKind::kString:
      return value.IsString();
    case ShapeKind::kInteger:
      return whole && value.AsInt() >= std::numeric_limits<int32_t>::min() &&
             value.AsInt() <= std::numeric_limits<int32_t>::max();
    case ShapeKind::kLong:
      return whole;
    case ShapeKind::kBoolean:
      return value.IsBool();
    case ShapeKind::kTimestamp:
      return value.IsNumber();
    case ShapeKind::kList:
      return value.IsArray();
    case ShapeKind::kMap:
    case ShapeKind::kStructure:
      return value.IsObject();
  }
  return false;
}

// The first member of another type than its shape's; "" when there is none.
std::string WrongType(const Shape& shape, const json::Value& value, const std::string& path) {
  if (!HasType(shape, value)) {
    return fmt::format("{}{} (at '{}')", GivenName(value), WantedName(shape.kind), path);
  }
  if (shape.kind == ShapeKind::kList) {
    for (size_t i = 0; i < value.size(); ++i) {
      auto wrong = WrongType(*shape.item, value[i], fmt::format("{}.{}.member", path, i + 1));
      if (!wrong.empty()) return wrong;
    }
  } else if (shape.kind == ShapeKind::kMap) {
    for (const json::Member& member : value.Members()) {
      auto wrong = WrongType(*shape.item, member.value, path + "." + member.key);
      if (!wrong.empty()) return wrong;
    }
  }
  for (const ShapeMember& member : shape.members) {
    const json::Value& given = value[member.name];
    if (given.IsNull()) continue;
    auto wrong = WrongType(*member.shape, given, MemberPath(path, member.name));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

int64_t Measure(const Shape& shape, const json::Value& value) {
  if (shape.kind == ShapeKind::kString)
    return static_cast<int64_t>(CountCharacters(value.AsString()));
  return value.IsNumber() ? value.AsInt() : static_cast<int64_t>(value.size());
}

}  // namespace

ShapeChecker::ShapeChecker(std::string error_type, std::initializer_list<const Shape*> roots)
    : error_type_(std::move(error_type)) {
  for (const Shape* root : roots) Add(*root);
}

void ShapeChecker::Add(const Shape& shape) {
  if (shape.key) Add(*shape.key);
  if (shape.item) Add(*shape.item);
  for (const ShapeMember& member : shape.members) Add(*member.shape);
  const char* expression = ExpressionOf(shape);
  if (!expression || patterns_.contains(expression)) return;
  auto compiled = api::Pattern::Compile(fmt::format("^(?:{})$", expression));
  LEAT_CHECK(compiled.has_value(), expression);
  patterns_[expression] = *compiled;
}

bool ShapeChecker::MatchesPattern(const Shape& shape, std::string_view text) const {
  const auto pattern = patterns_.find(ExpressionOf(shape));
  LEAT_CHECK(pattern != patterns_.end(), "a shape that the checker was not made for");
  return pattern->second->Matches(text);
}

std::vector<std::string> ShapeChecker::BrokenConstraints(const Shape& shape,
                                                         const json::Value& value) const {
  Texts broken;
  if (shape.max && Measure(shape, value) > *shape.max) broken.push_back(AtMost(shape));
  if (shape.min && Measure(shape, value) < *shape.min) broken.push_back(AtLeast(shape));
  if (!shape.values.empty() &&
      std::find(shape.values.begin(), shape.values.end(), value.AsString()) == shape.values.end())
    broken.push_back(MustBeOneOf(shape));
  if (shape.pattern && !MatchesPattern(shape, value.AsString())) broken.push_back(MustMatch(shape));
  return broken;
}

void ShapeChecker::CollectItems(const Shape& shape, const json::Value& value,
                                const std::string& path, Texts& errors) const {
  if (shape.kind == ShapeKind::kMap) {
    const auto& members = value.Members();
    if (std::any_of(members.begin(), members.end(), [&](const json::Member& member) {
          return !BrokenConstraints(*shape.key, member.key).empty();
        }))
      errors.push_back(Failed(Quoted(value), path,
                              "Map keys must satisfy constraint: " + AllConstraints(*shape.key)));
    if (std::any_of(members.begin(), members.end(), [&](const json::Member& member) {
          return !BrokenConstraints(*shape.item, member.value).empty();
        }))
      errors.push_back(Failed(Quoted(value), path,
                              "Map value must satisfy constraint: " + AllConstraints(*shape.item)));
    return;
  }
  if (IsScalar(*shape.item)) {
    const auto& items = value.Items();
    if (std::any_of(items.begin(), items.end(), [&](const json::Value& item) {
          return !BrokenConstraints(*shape.item, item).empty();
        }))
      errors.push_back(Failed(Quoted(value), path,
                              "Member must satisfy constraint: " + AllConstraints(*shape.item)));
    return;
  }
  for (size_t i = 0; i < value.size(); ++i)
    Collect(*shape.item, value[i], fmt::format("{}.{}.member", path, i + 1), errors);
}

void ShapeChecker::Collect(const Shape& shape, const json::Value& value, const std::string& path,
                           Texts& errors) const {
  for (const std::string& constraint : BrokenConstraints(shape, value))
    errors.push_back(Failed(Quoted(value), path, constraint));
  if (shape.item) CollectItems(shape, value, path, errors);
  for (const ShapeMember& member : shape.members) {
    const json::Value& given = value[member.name];
    const std::string at = MemberPath(path, member.name);
    if (!given.IsNull()) {
      Collect(*member.shape, given, at, errors);
    } else if (member.required) {
      errors.push_back(Failed("null", at, "Member must not be null"));
    }
  }
}

AwsError ShapeChecker::Refusal(const Texts& errors) const {
  return {error_type_, fmt::format("{} validation error{} detected: {}", errors.size(),
                                   errors.size() == 1 ? "" : "s", Join(errors, "; "))};
}

Answer<void> ShapeChecker::Check(const Shape& root, const json::Value& input) const {
  if (auto wrong = WrongType(root, input, ""); !wrong.empty())
    return AwsError{"SerializationException", wrong};
  Texts errors;
  Collect(root, input, "", errors);
  if (!errors.empty()) return Refusal(errors);
  return {};
}

}  // namespace leat::awsserver
