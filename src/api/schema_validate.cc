// Values against schemas, in the words of upstream's OpenAPI validation ("spec.x in body must be of
// type ..."), which is what kubectl's users and their scripts know.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "api/field_errors.h"
#include "api/formats.h"
#include "api/pattern.h"
#include "api/quantity.h"
#include "api/schema.h"
#include "base/clock.h"
#include "base/strings.h"

namespace leat::api {
namespace {

// One object may be wrong in very many places; nobody reads past the first hundred.
constexpr size_t kMostErrors = 100;

std::string_view TypeName(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kBool:
      return "boolean";
    case json::Kind::kInt:
      return "integer";
    case json::Kind::kDouble:
      return "number";
    case json::Kind::kString:
      return "string";
    case json::Kind::kArray:
      return "array";
    case json::Kind::kObject:
      return "object";
  }
  return "null";
}

std::string_view WantedName(SchemaType type) {
  switch (type) {
    case SchemaType::kAny:
      return "any";
    case SchemaType::kString:
    case SchemaType::kTime:
    case SchemaType::kBytes:
      return "string";
    case SchemaType::kInteger:
      return "integer";
    case SchemaType::kNumber:
      return "number";
    case SchemaType::kBoolean:
      return "boolean";
    case SchemaType::kObject:
    case SchemaType::kMap:
      return "object";
    case SchemaType::kArray:
      return "array";
    case SchemaType::kIntOrString:
      return "integer,string";
    case SchemaType::kQuantity:
      return "string,number";
  }
  return "any";
}

bool IsWhole(const json::Value& value) {
  return value.IsInt() || (value.IsNumber() && std::trunc(value.AsDouble()) == value.AsDouble());
}

bool HasType(SchemaType type, const json::Value& value) {
  switch (type) {
    case SchemaType::kAny:
      return true;
    case SchemaType::kString:
    case SchemaType::kTime:
    case SchemaType::kBytes:
      return value.IsString();
    case SchemaType::kInteger:
      return IsWhole(value);
    case SchemaType::kNumber:
      return value.IsNumber();
    case SchemaType::kBoolean:
      return value.IsBool();
    case SchemaType::kObject:
    case SchemaType::kMap:
      return value.IsObject();
    case SchemaType::kArray:
      return value.IsArray();
    case SchemaType::kIntOrString:
      return value.IsString() || IsWhole(value);
    case SchemaType::kQuantity:
      return value.IsString() || value.IsNumber();
  }
  return false;
}

bool IsListed(const Schema& schema, const json::Value& value) {
  if (!schema.long_enum.empty()) return schema.long_enum.contains(json::Print(value));
  return std::find(schema.enum_values.begin(), schema.enum_values.end(), value) !=
         schema.enum_values.end();
}

size_t Utf8Length(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// Line breaks do not count, as in Go.
bool IsBase64(std::string_view text) {
  std::string kept(text);
  std::erase_if(kept, [](char c) { return c == '\r' || c == '\n'; });
  return Base64Decode(kept).has_value();
}

bool HasAddressForm(int family, std::string_view text) {
  unsigned char buffer[16];
  return inet_pton(family, std::string(text).c_str(), buffer) == 1;
}

bool HasCidrForm(std::string_view text) {
  const auto parts = Cut(text, "/");
  if (!parts) return false;
  const Result<int64_t> bits = ParseInt(parts->second);
  if (!bits || *bits < 0) return false;
  return (HasAddressForm(AF_INET, parts->first) && *bits <= 32) ||
         (HasAddressForm(AF_INET6, parts->first) && *bits <= 128);
}

// Formats that are not listed here are hints for people, as upstream treats unknown ones.
bool HasFormat(std::string_view format, std::string_view text) {
  if (format == "date-time" || format == "datetime") return ParseTime(text).has_value();
  if (format == "date") return ParseTime(std::string(text) + "T00:00:00Z").has_value();
  if (format == "byte") return IsBase64(text);
  if (format == "ipv4") return HasAddressForm(AF_INET, text);
  if (format == "ipv6") return HasAddressForm(AF_INET6, text);
  if (format == "cidr") return HasCidrForm(text);
  return HasTextFormat(format, text);
}

bool IsGiven(const Field& field, const json::Value* value) {
  if (!value) return false;
  if (value->IsNull()) return field.schema->nullable;
  if (!field.builtin()) return true;
  return !(value->IsString() && value->AsString().empty()) && !(value->IsArray() && value->empty());
}

class Validator {
 public:
  explicit Validator(std::string_view root) : path_(root) {}
  // Where `old` is given and equal, nothing is wrong: see ValidateSchemaUpdate.
  void Check(const Schema& schema, const json::Value& value, const json::Value* old = nullptr);
  void CheckField(const Field& field, const json::Value& object, const json::Value* old);
  std::vector<FieldError> Take() { return std::move(errors_); }

 private:
  void Add(FieldError error) {
    if (errors_.size() < kMostErrors) errors_.push_back(std::move(error));
  }
  // "spec.x in body RULE".
  void Invalid(const json::Value& value, std::string_view rule) {
    Add(InvalidValue(path_, value, fmt::format("{} in body {}", path_, rule)));
  }
  void CheckMembers(const Schema& schema, const json::Value& value, const json::Value* old);
  void CheckItems(const Schema& schema, const json::Value& value, const json::Value* old);
  void CheckUnique(const Schema& schema, const json::Value& value);
  void CheckString(const Schema& schema, const json::Value& value);
  void CheckNumber(const Schema& schema, const json::Value& value);
  void CheckJunctors(const Schema& schema, const json::Value& value, const json::Value* old);
  void CheckInside(std::string_view step, const Schema& schema, const json::Value& value,
                   const json::Value* old) {
    const size_t before = path_.size();
    if (!step.starts_with('[') && !path_.empty()) path_ += '.';
    path_ += step;
    Check(schema, value, old);
    path_.resize(before);
  }

  std::string path_;
  std::vector<FieldError> errors_;
};

void Validator::Check(const Schema& schema, const json::Value& value, const json::Value* old) {
  if (errors_.size() >= kMostErrors || (old && *old == value)) return;
  if (value.IsNull() && (schema.nullable || schema.type == SchemaType::kAny)) return;
  if (!HasType(schema.type, value)) {
    Add({"FieldValueTypeInvalid", path_,
         fmt::format("Invalid value: \"{0}\": {1} in body must be of type {2}: \"{0}\"",
                     TypeName(value), path_, WantedName(schema.type))});
    return;
  }
  if (schema.embedded_object)
    for (const char* key : {"apiVersion", "kind"})
      if (value[key].AsString().empty())
        Add(Required(path_.empty() ? key : path_ + "." + key, "must not be empty"));
  if (value.IsObject()) CheckMembers(schema, value, old);
  if (value.IsArray()) CheckItems(schema, value, old);
  if (value.IsString()) CheckString(schema, value);
  if (value.IsNumber()) CheckNumber(schema, value);
  if (!schema.enum_values.empty() && !IsListed(schema, value))
    Add(NotSupported(path_, value, schema.enum_values));
  CheckJunctors(schema, value, old);
}

void Validator::CheckMembers(const Schema& schema, const json::Value& value,
                             const json::Value* old) {
  const auto count = static_cast<int64_t>(value.size());
  if (schema.max_properties && count > *schema.max_properties)
    Invalid(value, fmt::format("should have at most {} properties", *schema.max_properties));
  if (schema.min_properties && count < *schema.min_properties)
    Invalid(value, fmt::format("should have at least {} properties", *schema.min_properties));
  if (schema.type == SchemaType::kMap) {
    for (const json::Member& member : value.Members())
      CheckInside(member.key, *schema.items, member.value, old ? old->Find(member.key) : nullptr);
    return;
  }
  for (const Field& field : schema.fields) CheckField(field, value, old);
}

void Validator::CheckField(const Field& field, const json::Value& object, const json::Value* old) {
  const json::Value* member = object.Find(field.name);
  if (IsGiven(field, member))
    CheckInside(field.name, *field.schema, *member, old ? old->Find(field.name) : nullptr);
  else if (field.required)
    Add(Required(path_.empty() ? field.name : path_ + "." + field.name));
}

// What tells the items of a list map apart.
json::Value KeyOf(const Schema& list, const json::Value& item) {
  json::Value key = json::Object();
  for (const std::string& name : list.map_keys) key.Set(name, item[name]);
  if (list.map_keys.empty()) key.Set(list.merge_key, item[list.merge_key]);
  return key;
}

void Validator::CheckItems(const Schema& schema, const json::Value& value, const json::Value* old) {
  const auto count = static_cast<int64_t>(value.size());
  if (schema.max_items && count > *schema.max_items)
    Add({"FieldValueTooMany", path_,
         fmt::format("Too many: {}: must have at most {} items", count, *schema.max_items)});
  if (schema.min_items && count < *schema.min_items)
    Invalid(value, fmt::format("should have at least {} items", *schema.min_items));
  if (schema.items) {
    // Only in a list map is it known which item was which.
    std::map<std::string, const json::Value*> before;
    if (old && !(schema.map_keys.empty() && schema.merge_key.empty()))
      for (const json::Value& item : old->Items())
        before.emplace(json::Print(KeyOf(schema, item)), &item);
    size_t index = 0;
    for (const json::Value& item : value.Items()) {
      const auto was =
          before.empty() ? before.end() : before.find(json::Print(KeyOf(schema, item)));
      CheckInside(fmt::format("[{}]", index++), *schema.items, item,
                  was == before.end() ? nullptr : was->second);
    }
  }
  CheckUnique(schema, value);
}

void Validator::CheckUnique(const Schema& schema, const json::Value& value) {
  const bool by_keys = !schema.map_keys.empty() && schema.merge_key.empty();
  // Of a built-in list that merges as a set nobody checks it, as upstream: finalizers.
  const bool set = schema.is_set && !schema.merge_primitives;
  if (!set && !schema.unique_items && !by_keys) return;
  std::set<std::string> seen;
  size_t index = 0;
  for (const json::Value& item : value.Items()) {
    const json::Value identity = by_keys ? KeyOf(schema, item) : item;
    if (!seen.insert(json::Print(identity)).second) {
      if (schema.unique_items && !schema.is_set && !by_keys) {
        Invalid(value, "shouldn't contain duplicates");
        return;
      }
      Add(Duplicate(fmt::format("{}[{}]", path_, index), identity));
    }
    ++index;
  }
}

void Validator::CheckString(const Schema& schema, const json::Value& value) {
  const std::string_view text = value.AsString();
  switch (schema.type) {
    case SchemaType::kTime:
      if (!ParseTime(text))
        Invalid(value, fmt::format("must be of type date-time: {}", Quoted(value)));
      return;
    case SchemaType::kBytes:
      if (!IsBase64(text)) Invalid(value, "must be base64 (RFC 4648)");
      return;
    case SchemaType::kQuantity:
      if (const Result<int64_t> milli = ParseQuantityMilli(text); !milli)
        Add(InvalidValue(path_, value, milli.error().message));
      return;
    default:
      break;
  }
  if (schema.max_length || schema.min_length) {
    const auto length = static_cast<int64_t>(Utf8Length(text));
    if (schema.max_length && length > *schema.max_length) Add(TooLong(path_, *schema.max_length));
    if (schema.min_length && length < *schema.min_length)
      Invalid(value, fmt::format("should be at least {} chars long", *schema.min_length));
  }
  if (schema.compiled_pattern && !schema.compiled_pattern->Matches(text))
    Invalid(value, fmt::format("should match '{}'", schema.pattern));
  if (!schema.format.empty() && !HasFormat(schema.format, text))
    Invalid(value, fmt::format("must be of type {}: {}", schema.format, Quoted(value)));
}

void Validator::CheckNumber(const Schema& schema, const json::Value& value) {
  const double number = value.AsDouble();
  const bool whole = schema.type == SchemaType::kInteger || schema.type == SchemaType::kIntOrString;
  constexpr double kInt32 = 2147483648.0;
  if (whole && (schema.format == "int32" || schema.type == SchemaType::kIntOrString) &&
      (number < -kInt32 || number >= kInt32)) {
    Invalid(value, "must be of type int32: " + Quoted(value));
    return;
  }
  constexpr double kInt64 = 9223372036854775808.0;
  if (schema.type == SchemaType::kInteger && !value.IsInt() &&
      (number >= kInt64 || number < -kInt64)) {
    Invalid(value, "must be of type int64: " + Quoted(value));
    return;
  }
  if (schema.minimum) {
    const double least = *schema.minimum;
    if (schema.exclusive_minimum ? number <= least : number < least)
      Invalid(value, fmt::format("should be greater than {}{}",
                                 schema.exclusive_minimum ? "" : "or equal to ", least));
  }
  if (schema.maximum) {
    const double most = *schema.maximum;
    if (schema.exclusive_maximum ? number >= most : number > most)
      Invalid(value, fmt::format("should be less than {}{}",
                                 schema.exclusive_maximum ? "" : "or equal to ", most));
  }
  if (schema.multiple_of) {
    const double quotient = number / *schema.multiple_of;
    if (std::fabs(quotient - std::nearbyint(quotient)) > 1e-9)
      Invalid(value, fmt::format("should be a multiple of {}", *schema.multiple_of));
  }
}

void Validator::CheckJunctors(const Schema& schema, const json::Value& value,
                              const json::Value* old) {
  const auto matches = [&](const SchemaPtr& part) {
    return ValidateSchema(*part, value, path_).empty();
  };
  const auto invalid = [&](std::string_view rule) {
    Add(InvalidValue(path_, value, fmt::format("\"{}\" {}", path_, rule)));
  };
  for (const SchemaPtr& part : schema.all_of) {
    Validator inner(path_);
    inner.Check(*part, value, old);
    std::vector<FieldError> found = inner.Take();
    if (!found.empty()) invalid("must validate all the schemas (allOf)");
    for (FieldError& error : found) Add(std::move(error));
  }
  if (!schema.any_of.empty() && std::none_of(schema.any_of.begin(), schema.any_of.end(), matches))
    invalid("must validate at least one schema (anyOf)");
  if (!schema.one_of.empty()) {
    const auto count = std::count_if(schema.one_of.begin(), schema.one_of.end(), matches);
    if (count == 0)
      invalid("must validate one and only one schema (oneOf). Found none valid");
    else if (count > 1)
      invalid(fmt::format(
          "must validate one and only one schema (oneOf). Found {} valid alternatives", count));
  }
  if (schema.not_of && matches(schema.not_of)) invalid("must not validate the schema (not)");
}

bool IsBesideContent(std::string_view member) { return member == "metadata" || member == "status"; }

// True if only metadata or status differ.
bool SameContent(const json::Value& object, const json::Value& old) {
  const auto all_in = [](const json::Value& one, const json::Value& other) {
    return std::all_of(one.Members().begin(), one.Members().end(), [&](const json::Member& member) {
      const json::Value* same = other.Find(member.key);
      return IsBesideContent(member.key) || (same && *same == member.value);
    });
  };
  return all_in(object, old) && all_in(old, object);
}

}  // namespace

std::vector<FieldError> ValidateSchema(const Schema& schema, const json::Value& value,
                                       std::string_view root_path) {
  Validator validator(root_path);
  validator.Check(schema, value);
  return validator.Take();
}

std::vector<FieldError> ValidateSchemaUpdate(const Schema& schema, const json::Value& object,
                                             const json::Value& old) {
  // Nearly every update is right; comparing with the old object comes at a cost.
  std::vector<FieldError> errors = ValidateSchema(schema, object);
  if (errors.empty()) return errors;
  Validator validator("");
  if (SameContent(object, old)) {
    for (const Field& field : schema.fields)
      if (IsBesideContent(field.name)) validator.CheckField(field, object, &old);
  } else {
    validator.Check(schema, object, &old);
  }
  return validator.Take();
}

}  // namespace leat::api
