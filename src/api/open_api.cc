#include "api/open_api.h"

namespace leat::api {
namespace {

json::Value Typed(std::string_view type, std::string_view format = "") {
  json::Value schema = json::Object({{"type", type}});
  if (!format.empty()) schema.Set("format", format);
  return schema;
}

json::Value ObjectType(const Schema& schema) {
  json::Value typed = Typed("object");
  json::ArrayItems required;
  for (const Field& field : schema.fields) {
    typed.Mut("properties").Set(field.name, OpenApiSchema(*field.schema));
    if (field.required || field.always) required.emplace_back(field.name);
  }
  if (!required.empty()) typed.Set("required", std::move(required));
  return typed;
}

json::Value TypeOf(const Schema& schema) {
  switch (schema.type) {
    case SchemaType::kAny:
      return json::Object({{"x-kubernetes-preserve-unknown-fields", true}});
    case SchemaType::kString:
      return Typed("string", schema.format);
    case SchemaType::kInteger:
      return Typed("integer", schema.format);
    case SchemaType::kNumber:
      return Typed("number", schema.format);
    case SchemaType::kBoolean:
      return Typed("boolean");
    case SchemaType::kObject:
      return ObjectType(schema);
    case SchemaType::kMap:
      return Typed("object").Set("additionalProperties", OpenApiSchema(*schema.items));
    case SchemaType::kArray:
      return Typed("array").Set("items", OpenApiSchema(*schema.items));
    case SchemaType::kIntOrString:
      return json::Object({{"format", "int-or-string"},
                           {"oneOf", json::Array({Typed("integer"), Typed("string")})}});
    case SchemaType::kQuantity:
      return json::Object({{"oneOf", json::Array({Typed("string"), Typed("number")})}});
    case SchemaType::kTime:
      return Typed("string", "date-time");
    case SchemaType::kBytes:
      return Typed("string", "byte");
  }
  return json::Object();
}

void AddListRules(const Schema& schema, json::Value& written) {
  if (!schema.merge_key.empty()) {
    written.Set("x-kubernetes-patch-strategy", "merge");
    written.Set("x-kubernetes-patch-merge-key", schema.merge_key);
  } else if (schema.merge_primitives) {
    written.Set("x-kubernetes-patch-strategy", "merge");
  }
  if (!schema.map_keys.empty()) {
    json::ArrayItems keys(schema.map_keys.begin(), schema.map_keys.end());
    written.Set("x-kubernetes-list-type", "map");
    written.Set("x-kubernetes-list-map-keys", std::move(keys));
  } else if (schema.is_set) {
    written.Set("x-kubernetes-list-type", "set");
  }
}

}  // namespace

json::Value OpenApiSchema(const Schema& schema) {
  json::Value written = TypeOf(schema);
  AddListRules(schema, written);
  if (!schema.default_value.IsNull()) written.Set("default", schema.default_value);
  if (!schema.enum_values.empty()) written.Set("enum", json::ArrayItems(schema.enum_values));
  return written;
}

}  // namespace leat::api
