// What a definition's schema must be beyond what its compilation needs: upstream's rules of
// structural schemas. They are asked when a definition is written, so one that was stored before a
// rule existed goes on being served.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/rules.h"

namespace leat::api {
namespace {

enum class Level { kRoot, kField, kItem };

class SchemaRules {
 public:
  explicit SchemaRules(FieldErrors& errors) : errors_(errors) {}
  void Check(const std::string& path, const json::Value& node, Level level);

 private:
  void CheckUnsupported(const std::string& path, const json::Value& node);
  void CheckExtensions(const std::string& path, const json::Value& node);
  void CheckRootMetadata(const std::string& path, const json::Value& metadata);
  void CheckListMap(const std::string& path, const json::Value& node);
  void CheckJunctors(const std::string& path, const json::Value& node, bool int_or_string_allowed);
  void CheckNested(const std::string& path, const json::Value& node, bool int_or_string_allowed);

  FieldErrors& errors_;
};

bool IsIntOrStringPattern(const json::Value& any_of) {
  static const json::Value pattern =
      json::Array({json::Object({{"type", "integer"}}), json::Object({{"type", "string"}})});
  return any_of == pattern;
}

bool Contains(const json::Value& list, std::string_view text) {
  return std::any_of(list.Items().begin(), list.Items().end(),
                     [&](const json::Value& item) { return item.AsString() == text; });
}

void SchemaRules::CheckUnsupported(const std::string& path, const json::Value& node) {
  if (node["uniqueItems"].AsBool())
    errors_.push_back(Forbidden(Child(path, "uniqueItems"),
                                "uniqueItems cannot be set to true since the runtime complexity "
                                "becomes quadratic"));
  if (node["additionalProperties"].IsBool() && !node["additionalProperties"].AsBool())
    errors_.push_back(Forbidden(Child(path, "additionalProperties"),
                                "additionalProperties cannot be set to false"));
  for (const char* key :
       {"id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"})
    if (node.Has(key) && !node[key].IsNull())
      errors_.push_back(Forbidden(Child(path, key), fmt::format("{} is not supported", key)));
}

void SchemaRules::CheckExtensions(const std::string& path, const json::Value& node) {
  constexpr const char* kPreserve = "x-kubernetes-preserve-unknown-fields";
  constexpr const char* kEmbedded = "x-kubernetes-embedded-resource";
  const bool preserve = node[kPreserve].AsBool();
  if (node[kPreserve].IsBool() && !preserve)
    errors_.push_back(
        InvalidValue(Child(path, kPreserve), node[kPreserve], "must be true or undefined"));
  if (node["x-kubernetes-int-or-string"].AsBool() && !node["type"].AsString().empty())
    errors_.push_back(InvalidValue(Child(path, "type"), node["type"],
                                   "must be empty if x-kubernetes-int-or-string is true"));
  if (node["x-kubernetes-int-or-string"].AsBool())
    for (const char* key : {kPreserve, kEmbedded})
      if (node[key].AsBool())
        errors_.push_back(InvalidValue(Child(path, key), node[key],
                                       "must be false if x-kubernetes-int-or-string is true"));
  if (node[kEmbedded].AsBool()) {
    constexpr const char* kText = "must be object if x-kubernetes-embedded-resource is true";
    const json::Value& type = node["type"];
    if (type.AsString().empty())
      errors_.push_back(Required(Child(path, "type"), kText));
    else if (type.AsString() != "object")
      errors_.push_back(InvalidValue(Child(path, "type"), type, kText));
    if (!preserve && node["properties"].empty())
      errors_.push_back(Required(Child(path, "properties"),
                                 "must not be empty if x-kubernetes-embedded-resource is true "
                                 "without x-kubernetes-preserve-unknown-fields"));
  }
  const json::Value& map_type = node["x-kubernetes-map-type"];
  if (map_type.IsNull()) return;
  if (node["type"].AsString() != "object")
    errors_.push_back(InvalidValue(Child(path, "type"), node["type"],
                                   "must be object if x-kubernetes-map-type is specified"));
  if (map_type.AsString() != "atomic" && map_type.AsString() != "granular")
    errors_.push_back(
        NotSupported(Child(path, "x-kubernetes-map-type"), map_type, {"atomic", "granular"}));
}

void SchemaRules::CheckRootMetadata(const std::string& path, const json::Value& metadata) {
  bool right = true;
  for (const json::Member& member : metadata.Members())
    right = right &&
            (member.key == "type" || member.key == "description" || member.key == "properties");
  for (const json::Member& member : metadata["properties"].Members())
    right = right && (member.key == "name" || member.key == "generateName");
  if (!right)
    errors_.push_back(Forbidden(path,
                                "must not specify anything other than name and generateName, but "
                                "metadata is implicitly specified"));
}

void SchemaRules::CheckListMap(const std::string& path, const json::Value& node) {
  const std::string_view kind = node["x-kubernetes-list-type"].AsString();
  const json::Value& items = node["items"];
  const std::string items_path = Child(path, "items");
  constexpr const char* kKeys = "x-kubernetes-list-map-keys";
  if (kind != "map" && !node[kKeys].empty())
    errors_.push_back(Required(Child(path, "x-kubernetes-list-type"),
                               "must be map if x-kubernetes-list-map-keys is non-empty"));
  if ((kind == "set" || kind == "map") && items["nullable"].AsBool())
    errors_.push_back(
        Forbidden(Child(items_path, "nullable"),
                  fmt::format("cannot be nullable when x-kubernetes-list-type is {}", kind)));
  if (kind == "set" && items["type"].AsString() == "object" &&
      items["x-kubernetes-map-type"].AsString() != "atomic")
    errors_.push_back(
        InvalidValue(Child(items_path, "x-kubernetes-map-type"), items["x-kubernetes-map-type"],
                     "must be atomic as item of a list with x-kubernetes-list-type=set"));
  if (kind != "map" || !items.IsObject()) return;
  if (items["type"].AsString() != "object") {
    errors_.push_back(InvalidValue(Child(items_path, "type"), items["type"],
                                   "must be object if parent array's x-kubernetes-list-type is "
                                   "map"));
    return;
  }
  std::set<std::string_view> seen;
  for (const json::Value& key : node[kKeys].Items()) {
    if (!seen.insert(key.AsString()).second)
      errors_.push_back(
          InvalidValue(Child(path, kKeys), node[kKeys], "must not contain duplicate entries"));
    const json::Value* property = items["properties"].Find(key.AsString());
    const std::string at = fmt::format("{}.properties[{}]", items_path, key.AsString());
    if (!property) {
      errors_.push_back(InvalidValue(Child(path, kKeys), node[kKeys],
                                     "entries must all be names of item properties"));
      continue;
    }
    const std::string_view type = (*property)["type"].AsString();
    if (type == "array" || type == "object")
      errors_.push_back(InvalidValue(Child(at, "type"), (*property)["type"],
                                     "must be a scalar type if parent array's "
                                     "x-kubernetes-list-type is map"));
    if (!Contains(items["required"], key.AsString()) && (*property)["default"].IsNull())
      errors_.push_back(Required(Child(at, "default"),
                                 "this property is in x-kubernetes-list-map-keys, so it must have "
                                 "a default or be a required property"));
    if ((*property)["nullable"].AsBool())
      errors_.push_back(Forbidden(Child(at, "nullable"),
                                  "this property is in x-kubernetes-list-map-keys, so it cannot be "
                                  "nullable"));
  }
}

void SchemaRules::CheckJunctors(const std::string& path, const json::Value& node,
                                bool int_or_string_allowed) {
  for (const char* junctor : {"allOf", "anyOf", "oneOf"}) {
    const std::string_view name = junctor;
    if (name == "anyOf" && int_or_string_allowed && IsIntOrStringPattern(node[junctor])) continue;
    size_t index = 0;
    for (const json::Value& part : node[junctor].Items()) {
      CheckNested(Item(Child(path, junctor), index), part,
                  int_or_string_allowed && name == "allOf" && index == 0);
      ++index;
    }
  }
  if (node["not"].IsObject()) CheckNested(Child(path, "not"), node["not"], false);
}

// Inside a junctor stand validations of values only.
void SchemaRules::CheckNested(const std::string& path, const json::Value& node,
                              bool int_or_string_allowed) {
  struct Generic {
    const char* key;
    const char* text;
  };
  constexpr Generic kForbidden[] = {
      {"type", "must be empty to be structural"},
      {"title", "must be empty to be structural"},
      {"description", "must be empty to be structural"},
      {"default", "must be undefined to be structural"},
      {"nullable", "must be false to be structural"},
      {"additionalProperties", "must be undefined to be structural"},
      {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
      {"x-kubernetes-embedded-resource", "must be false to be structural"},
      {"x-kubernetes-int-or-string", "must be false to be structural"},
      {"x-kubernetes-list-map-keys", "must be empty to be structural"},
      {"x-kubernetes-list-type", "must be undefined to be structural"},
      {"x-kubernetes-map-type", "must be undefined to be structural"},
      {"x-kubernetes-validations", "must be empty to be structural"}};
  for (const Generic& generic : kForbidden) {
    const json::Value& value = node[generic.key];
    const bool unset = value.IsNull() || (value.IsBool() && !value.AsBool()) ||
                       (value.IsString() && value.AsString().empty()) ||
                       (value.IsArray() && value.empty());
    if (!unset) errors_.push_back(Forbidden(Child(path, generic.key), generic.text));
  }
  CheckUnsupported(path, node);
  CheckJunctors(path, node, int_or_string_allowed);
  for (const json::Member& property : node["properties"].Members()) {
    const std::string at = fmt::format("{}.properties[{}]", path, property.key);
    if (property.key == "metadata")
      errors_.push_back(Forbidden(at, "must not be specified in a nested context"));
    CheckNested(at, property.value, false);
  }
  if (node["items"].IsObject()) CheckNested(Child(path, "items"), node["items"], false);
}

void SchemaRules::Check(const std::string& path, const json::Value& node, Level level) {
  CheckUnsupported(path, node);
  CheckExtensions(path, node);
  CheckListMap(path, node);
  CheckJunctors(path, node, true);
  if (level == Level::kRoot) {
    if (!node["additionalProperties"].IsNull())
      errors_.push_back(
          Forbidden(Child(path, "additionalProperties"), "must not be used at the root"));
    if (node["nullable"].AsBool())
      errors_.push_back(Forbidden(Child(path, "nullable"), "nullable cannot be true at the root"));
  }
  for (const json::Member& property : node["properties"].Members()) {
    const std::string at = fmt::format("{}.properties[{}]", path, property.key);
    if (level == Level::kRoot && property.key == "metadata") CheckRootMetadata(at, property.value);
    Check(at, property.value, Level::kField);
  }
  for (const char* inner : {"items", "additionalProperties"})
    if (node[inner].IsObject()) Check(Child(path, inner), node[inner], Level::kItem);
}

bool HasCelRules(const json::Value& schema) {
  if (!schema["x-kubernetes-validations"].empty()) return true;
  for (const json::Member& property : schema["properties"].Members())
    if (HasCelRules(property.value)) return true;
  for (const json::Value& part : schema["allOf"].Items())
    if (HasCelRules(part)) return true;
  return (schema["items"].IsObject() && HasCelRules(schema["items"])) ||
         (schema["additionalProperties"].IsObject() && HasCelRules(schema["additionalProperties"]));
}

}  // namespace

void CheckStructural(const std::string& path, const json::Value& schema, FieldErrors& errors) {
  SchemaRules(errors).Check(path, schema, Level::kRoot);
}

std::vector<std::string> RulesNotKept(const json::Value& crd) {
  bool cel = false, scale = false, fields = false;
  for (const json::Value& version : crd["spec"]["versions"].Items()) {
    cel = cel || HasCelRules(version["schema"]["openAPIV3Schema"]);
    scale = scale || version["subresources"]["scale"].IsObject();
    fields = fields || !version["selectableFields"].empty();
  }
  std::vector<std::string> texts;
  if (cel)
    texts.emplace_back(
        "x-kubernetes-validations: this server does not evaluate CEL rules: objects that break "
        "them are accepted");
  if (scale)
    texts.emplace_back(
        "subresources.scale: this server has no scale subresource of custom types: change the "
        "replicas in the object itself");
  if (fields)
    texts.emplace_back(
        "selectableFields: this server does not select custom objects by their fields: use labels");
  return texts;
}

}  // namespace leat::api
