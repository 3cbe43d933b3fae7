// A structural schema: the shape of one version of a type, for built-in kinds and CRDs alike.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::api {

enum class SchemaType {
  kAny,  // anything goes (x-kubernetes-preserve-unknown-fields without properties)
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kObject,  // `fields` name its members
  kMap,     // any keys, all values of `items`
  kArray,   // elements of `items`
  kIntOrString,
  kQuantity,  // "500m", 2, "1Gi"
  kTime,      // RFC 3339
  kBytes,     // base64
};

struct Schema;
using SchemaPtr = std::shared_ptr<const Schema>;
class Pattern;  // a compiled regular expression

struct Field {
  std::string name;
  int number = 0;  // protobuf field number; 0 in CRDs
  // Members that JSON shows here but protobuf nests in a message of this number ("inline" in Go).
  int inline_number = 0;
  SchemaPtr schema;
  bool required = false;
  bool always = false;  // in answers also when it was not given

  // Built-in types cannot tell an empty string or list from an absent one, CRDs can.
  bool builtin() const { return number != 0; }
};

// Immutable once built; shared and thread-safe. Recursive types (JSONSchemaProps) are kAny inside.
struct Schema {
  SchemaType type = SchemaType::kAny;
  std::vector<Field> fields;  // kObject; sorted by name
  SchemaPtr items;            // kMap, kArray
  bool preserve_unknown = false;
  bool nullable = false;
  bool embedded_object = false;  // x-kubernetes-embedded-resource: has apiVersion, kind, metadata
  bool defaults_within = false;  // of a CRD: some member or item, however deep, has a default
  json::Value default_value;     // null = none

  // Strategic merge: the key of a list that merges by element ("name"); "" = the list is replaced.
  std::string merge_key;
  bool merge_primitives = false;  // a list of strings that merges as a set (finalizers)
  bool replace_keys = false;      // patchStrategy retainKeys (volumes' source, strategy)
  // x-kubernetes-list-map-keys: unique together. Validated where there is no merge key: the
  // built-in kinds have rules of their own for which duplicates matter.
  std::vector<std::string> map_keys;
  bool is_set = false;  // list type set

  // Value validations; absent = not checked.
  std::vector<json::Value> enum_values;
  std::set<std::string> long_enum;  // those as text, where they are too many to go through
  std::string pattern;              // RE2 syntax (as in Go), unanchored
  std::shared_ptr<const Pattern> compiled_pattern;
  std::string format;  // int32, int64, date-time, byte, ...
  std::optional<double> minimum, maximum;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<double> multiple_of;
  std::optional<int64_t> min_length, max_length;
  std::optional<int64_t> min_items, max_items;
  std::optional<int64_t> min_properties, max_properties;
  bool unique_items = false;
  // Logical junctors of a CRD schema, applied to values as extra validations.
  std::vector<SchemaPtr> all_of, any_of, one_of;
  SchemaPtr not_of;

  const Field* Find(std::string_view name) const;
};

struct CompileOptions {
  // spec.preserveUnknownFields of v1beta1 CustomResourceDefinitions: the schema need not be
  // structural (types may be missing) and nothing is pruned.
  bool preserve_unknown_fields = false;
};

// Compiles an openAPIV3Schema. kInvalid names the path when it is not structural (a missing type,
// an unknown keyword value, a bad pattern): `properties[spec].type: Required value: ...`.
Result<SchemaPtr> CompileOpenApiSchema(const json::Value& open_api_v3_schema,
                                       const CompileOptions& options = {});

// One thing that is wrong with an object, as metav1.Status causes and kubectl users know it.
struct FieldError {
  // FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, FieldValueDuplicate,
  // FieldValueForbidden, FieldValueTooLong, FieldValueTooMany, FieldValueNotFound,
  // FieldValueTypeInvalid
  std::string reason;
  std::string field;    // "spec.containers[0].image"
  std::string message;  // "Required value", "Invalid value: \"x\": must be ..."
  // "spec.containers[0].image: Required value"
  std::string ToString() const { return field + ": " + message; }
};

// Fills in defaults where a member is absent (or null and not nullable); other nulls of members
// that are not nullable go, as JSON clients mean them; base64 loses its line breaks; quantities get
// their canonical text, in thousandths at the finest where they are amounts of resources (a map).
void ApplyDefaults(const Schema& schema, json::Value& value);
// True if a default of a CRD is missing, as in objects stored before it existed. Looks only where
// the schema has defaults.
bool LacksDefaults(const Schema& schema, const json::Value& value);
// Removes members that the schema does not know; returns their paths ("spec.foo"), the first 100
// and the first KiB of each, for fieldValidation Strict ("unknown field \"spec.foo\"") and Warn.
std::vector<std::string> Prune(const Schema& schema, json::Value& value);
// Types, required members and value validations, in document order. `root_path` starts the paths.
std::vector<FieldError> ValidateSchema(const Schema& schema, const json::Value& value,
                                       std::string_view root_path = "");

// The same of a whole object that replaces `old`, in the version of the schema, but without what
// was wrong before: an equal value at the same place is not looked at, so that a schema that became
// stricter locks nobody out of the object. As upstream (KEP 4008), an item of a list is at the same
// place only where keys tell which one it is. Beyond that, a change of metadata or status alone is
// judged by itself, so that finalizers and labels can be changed whatever the rest is like.
std::vector<FieldError> ValidateSchemaUpdate(const Schema& schema, const json::Value& object,
                                             const json::Value& old);

// Kubernetes' strategic merge of `patch` into `target` by the schema's merge keys, with $patch
// (replace, delete, merge), $retainKeys, $setElementOrder/x and $deleteFromPrimitiveList/x.
// kInvalid when an element lacks its merge key, kTooLarge when the patch merges into the same large
// elements so often that it would take seconds. `target` is then of no use.
Status StrategicMerge(const Schema& schema, json::Value& target, const json::Value& patch);

}  // namespace leat::api
