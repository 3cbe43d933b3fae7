#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/pattern.h"
#include "api/schema.h"

namespace leat::api {
namespace {

// Where in a schema a node stands: inside allOf, anyOf, oneOf and not only validations count, so
// types may be left out there.
struct Place {
  std::string path;
  bool junctor = false;
  std::string_view missing_type = "must not be empty at the root";

  Place Under(std::string_view step, std::string_view missing) const {
    return {path.empty() ? std::string(step) : path + "." + std::string(step), junctor, missing};
  }
  std::string Child(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
};

constexpr size_t kLongEnum = 16;

class Compiler {
 public:
  explicit Compiler(const CompileOptions& options) : options_(options) {}
  Result<SchemaPtr> Node(const json::Value& node, const Place& place) const;

 private:
  Status SetType(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddFields(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddItems(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddListKind(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddValidations(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddJunctors(const json::Value& node, const Place& place, Schema& schema) const;
  Status AddDefault(const json::Value& node, const Place& place, Schema& schema) const;

  CompileOptions options_;
};

Error Wrong(const std::string& path, std::string_view what) {
  return {Code::kInvalid, fmt::format("{}: {}", path.empty() ? "openAPIV3Schema" : path, what)};
}

void SortFields(Schema& schema) {
  std::sort(schema.fields.begin(), schema.fields.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
}

Result<SchemaPtr> Compiler::Node(const json::Value& node, const Place& place) const {
  if (!node.IsObject()) return Wrong(place.path, "Invalid value: a schema must be an object");
  auto schema = std::make_shared<Schema>();
  for (const auto step :
       {&Compiler::SetType, &Compiler::AddFields, &Compiler::AddItems, &Compiler::AddListKind,
        &Compiler::AddValidations, &Compiler::AddJunctors, &Compiler::AddDefault})
    if (Status ok = (this->*step)(node, place, *schema); !ok) return ok.error();
  // The members of a node without a type are only checked, not defaulted.
  const bool in_fields =
      schema->type == SchemaType::kObject &&
      std::any_of(schema->fields.begin(), schema->fields.end(), [](const Field& field) {
        return field.schema->defaults_within || !field.schema->default_value.IsNull();
      });
  schema->defaults_within = in_fields || (schema->items && schema->items->defaults_within);
  return SchemaPtr(std::move(schema));
}

Status Compiler::SetType(const json::Value& node, const Place& place, Schema& schema) const {
  schema.nullable = node["nullable"].AsBool();
  schema.embedded_object = node["x-kubernetes-embedded-resource"].AsBool();
  const bool preserve = node["x-kubernetes-preserve-unknown-fields"].AsBool();
  schema.preserve_unknown = preserve || options_.preserve_unknown_fields;
  if (node["x-kubernetes-int-or-string"].AsBool()) {
    schema.type = SchemaType::kIntOrString;
    return {};
  }
  std::string_view type = node["type"].AsString();
  if (type.empty() && options_.preserve_unknown_fields) {
    if (node["properties"].size() > 0) type = "object";
    if (node["items"].IsObject()) type = "array";
  }
  if (type.empty()) {
    schema.type = SchemaType::kAny;
    if (preserve || place.junctor || options_.preserve_unknown_fields) return {};
    return Wrong(place.Child("type"), fmt::format("Required value: {}", place.missing_type));
  }
  if (type == "object") {
    const bool map =
        node["additionalProperties"].IsObject() || node["additionalProperties"].AsBool();
    schema.type = map ? SchemaType::kMap : SchemaType::kObject;
  } else if (type == "array") {
    schema.type = SchemaType::kArray;
  } else if (type == "string") {
    schema.type = SchemaType::kString;
  } else if (type == "integer") {
    schema.type = SchemaType::kInteger;
  } else if (type == "number") {
    schema.type = SchemaType::kNumber;
  } else if (type == "boolean") {
    schema.type = SchemaType::kBoolean;
  } else {
    return Wrong(place.Child("type"),
                 fmt::format("Unsupported value: \"{}\": supported values: \"array\", \"boolean\", "
                             "\"integer\", \"number\", \"object\", \"string\"",
                             type));
  }
  return {};
}

Status Compiler::AddFields(const json::Value& node, const Place& place, Schema& schema) const {
  const json::Value& properties = node["properties"];
  if (properties.size() > 0 && schema.type == SchemaType::kMap && !options_.preserve_unknown_fields)
    return Wrong(place.Child("additionalProperties"),
                 "Forbidden: additionalProperties and properties are mutual exclusive");
  if (properties.size() > 0 && schema.type == SchemaType::kMap) schema.type = SchemaType::kObject;
  for (const json::Member& property : properties.Members()) {
    Result<SchemaPtr> field =
        Node(property.value, place.Under(fmt::format("properties[{}]", property.key),
                                         "must not be empty for specified object fields"));
    if (!field) return field.error();
    schema.fields.push_back({.name = property.key, .schema = std::move(*field)});
  }
  std::set<std::string_view> required;
  for (const json::Value& name : node["required"].Items()) required.insert(name.AsString());
  for (Field& field : schema.fields) field.required = required.erase(field.name) > 0;
  for (const std::string_view name : required) {
    auto any = std::make_shared<Schema>();
    any->nullable = true;
    schema.fields.push_back(
        {.name = std::string(name), .schema = std::move(any), .required = true});
  }
  SortFields(schema);
  return {};
}

Status Compiler::AddItems(const json::Value& node, const Place& place, Schema& schema) const {
  const bool wants_items = schema.type == SchemaType::kArray;
  if (schema.type == SchemaType::kMap && node["additionalProperties"].IsObject()) {
    Result<SchemaPtr> values =
        Node(node["additionalProperties"],
             place.Under("additionalProperties", "must not be empty for specified object fields"));
    if (!values) return values.error();
    schema.items = std::move(*values);
  } else if (node["items"].IsObject() && (wants_items || place.junctor)) {
    Result<SchemaPtr> items =
        Node(node["items"], place.Under("items", "must not be empty for specified array items"));
    if (!items) return items.error();
    schema.items = std::move(*items);
  } else if (schema.type == SchemaType::kMap || wants_items) {
    if (wants_items && !place.junctor && !options_.preserve_unknown_fields)
      return Wrong(place.Child("items"), "Required value: must be specified");
    schema.items = std::make_shared<Schema>();
  }
  return {};
}

Status Compiler::AddListKind(const json::Value& node, const Place& place, Schema& schema) const {
  const std::string_view kind = node["x-kubernetes-list-type"].AsString();
  if (kind.empty()) return {};
  if (schema.type != SchemaType::kArray)
    return Wrong(place.Child("type"),
                 "Invalid value: must be array if x-kubernetes-list-type is set");
  if (kind == "set") {
    schema.is_set = true;
  } else if (kind == "map") {
    for (const json::Value& key : node["x-kubernetes-list-map-keys"].Items())
      schema.map_keys.push_back(key.Str());
    if (schema.map_keys.empty())
      return Wrong(place.Child("x-kubernetes-list-map-keys"),
                   "Required value: must not be empty if x-kubernetes-list-type is map");
  } else if (kind != "atomic") {
    return Wrong(place.Child("x-kubernetes-list-type"),
                 fmt::format("Unsupported value: \"{}\": supported values: \"atomic\", \"map\", "
                             "\"set\"",
                             kind));
  }
  return {};
}

std::optional<double> NumberAt(const json::Value& value) {
  return value.IsNumber() ? std::optional(value.AsDouble()) : std::nullopt;
}
std::optional<int64_t> CountAt(const json::Value& value) {
  return value.IsNumber() ? std::optional(value.AsInt()) : std::nullopt;
}

Status Compiler::AddValidations(const json::Value& node, const Place& place, Schema& schema) const {
  schema.enum_values = node["enum"].Items();
  if (schema.enum_values.size() > kLongEnum)
    for (const json::Value& value : schema.enum_values) schema.long_enum.insert(json::Print(value));
  schema.format = node["format"].Str();
  schema.minimum = NumberAt(node["minimum"]);
  schema.maximum = NumberAt(node["maximum"]);
  schema.exclusive_minimum = node["exclusiveMinimum"].AsBool();
  schema.exclusive_maximum = node["exclusiveMaximum"].AsBool();
  schema.multiple_of = NumberAt(node["multipleOf"]);
  if (schema.multiple_of && *schema.multiple_of <= 0)
    return Wrong(place.Child("multipleOf"), "Invalid value: must be greater than 0");
  schema.min_length = CountAt(node["minLength"]);
  schema.max_length = CountAt(node["maxLength"]);
  schema.min_items = CountAt(node["minItems"]);
  schema.max_items = CountAt(node["maxItems"]);
  schema.min_properties = CountAt(node["minProperties"]);
  schema.max_properties = CountAt(node["maxProperties"]);
  schema.unique_items = node["uniqueItems"].AsBool();
  schema.pattern = node["pattern"].Str();
  if (schema.pattern.empty()) return {};
  Result<std::shared_ptr<const Pattern>> pattern = Pattern::Compile(schema.pattern);
  if (!pattern)
    return Wrong(place.Child("pattern"),
                 fmt::format("Invalid value: {}: must be a valid regular expression",
                             pattern.error().message));
  schema.compiled_pattern = std::move(*pattern);
  return {};
}

Status Compiler::AddJunctors(const json::Value& node, const Place& place, Schema& schema) const {
  const auto compile_all = [&](const char* keyword, std::vector<SchemaPtr>& into) -> Status {
    size_t index = 0;
    for (const json::Value& part : node[keyword].Items()) {
      Place inside = place.Under(fmt::format("{}[{}]", keyword, index++), "");
      inside.junctor = true;
      Result<SchemaPtr> compiled = Node(part, inside);
      if (!compiled) return compiled.error();
      into.push_back(std::move(*compiled));
    }
    return {};
  };
  if (Status ok = compile_all("allOf", schema.all_of); !ok) return ok;
  if (Status ok = compile_all("anyOf", schema.any_of); !ok) return ok;
  if (Status ok = compile_all("oneOf", schema.one_of); !ok) return ok;
  if (!node["not"].IsObject()) return {};
  Place inside = place.Under("not", "");
  inside.junctor = true;
  Result<SchemaPtr> compiled = Node(node["not"], inside);
  if (!compiled) return compiled.error();
  schema.not_of = std::move(*compiled);
  return {};
}

Status Compiler::AddDefault(const json::Value& node, const Place& place, Schema& schema) const {
  const json::Value& given = node["default"];
  if (given.IsNull()) return {};
  json::Value value = given;
  const std::vector<std::string> unknown = Prune(schema, value);
  if (!unknown.empty())
    return Wrong(place.Child("default"),
                 fmt::format("Invalid value: unknown field \"{}\"", unknown[0]));
  ApplyDefaults(schema, value);
  const std::vector<FieldError> wrong = ValidateSchema(schema, value, place.Child("default"));
  if (!wrong.empty()) return Error{Code::kInvalid, wrong[0].ToString()};
  schema.default_value = std::move(value);
  return {};
}

}  // namespace

Result<SchemaPtr> CompileOpenApiSchema(const json::Value& open_api_v3_schema,
                                       const CompileOptions& options) {
  const std::string_view type = open_api_v3_schema["type"].AsString();
  if (!options.preserve_unknown_fields && !type.empty() && type != "object")
    return Wrong("type", fmt::format("Invalid value: \"{}\": must be object at the root", type));
  return Compiler(options).Node(open_api_v3_schema, {});
}

}  // namespace leat::api
