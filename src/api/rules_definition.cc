// CustomResourceDefinitions, v1-shaped.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/rules.h"
#include "api/validation.h"
#include "base/strings.h"
#include "json/jsonpath.h"

namespace leat::api {
namespace {

// [a-z]([-a-z0-9]*[a-z0-9])?
void CheckDns1035(std::string_view path, const json::Value& value, std::string_view text,
                  FieldErrors& errors) {
  const bool right =
      CheckDns1123Label(text).empty() && !text.empty() && text[0] >= 'a' && text[0] <= 'z';
  if (!right)
    errors.push_back(InvalidValue(
        path, value,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
        "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"));
}

void CheckDefinitionNames(const json::Value& spec, FieldErrors& errors) {
  const json::Value& names = spec["names"];
  for (const char* key : {"plural", "singular"})
    if (!names[key].AsString().empty())
      CheckDns1035(Child("spec.names", key), names[key], names[key].AsString(), errors);
  for (const char* key : {"kind", "listKind"})
    if (!names[key].AsString().empty())
      CheckDns1035(Child("spec.names", key), names[key], Lower(names[key].AsString()), errors);
  for (const char* key : {"shortNames", "categories"}) {
    size_t index = 0;
    for (const json::Value& name : names[key].Items())
      CheckDns1035(Item(Child("spec.names", key), index++), name, name.AsString(), errors);
  }
  if (!names["kind"].AsString().empty() && names["kind"] == names["listKind"])
    errors.push_back(InvalidValue("spec.names.listKind", names["listKind"],
                                  "kind and listKind may not be the same"));
}

void CheckColumns(std::string_view path, const json::Value& columns, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& column : columns.Items()) {
    const std::string at = Item(path, index++);
    const std::string_view text = column["jsonPath"].AsString();
    if (text.empty()) continue;
    if (const Result<json::JsonPath> compiled = json::JsonPath::Compile(text); !compiled)
      errors.push_back(
          InvalidValue(Child(at, "jsonPath"), column["jsonPath"], compiled.error().message));
  }
}

// The compiler's "path: message" as an error of the field.
FieldError SchemaError(std::string_view path, const Error& error) {
  const auto [inner, text] =
      Cut(error.message, ": ").value_or(std::pair("", std::string_view(error.message)));
  const std::string field =
      inner.empty() || inner == "openAPIV3Schema" ? std::string(path) : Child(path, inner);
  const bool required = text.starts_with("Required value");
  return {required ? "FieldValueRequired" : "FieldValueInvalid", field, std::string(text)};
}

void CheckVersion(const json::Value& spec, const json::Value& version, const std::string& path,
                  FieldErrors& errors) {
  if (const json::Value& name = version["name"]; !name.AsString().empty())
    CheckDns1035(Child(path, "name"), name, name.AsString(), errors);
  const json::Value& schema = version["schema"]["openAPIV3Schema"];
  const bool open = spec["preserveUnknownFields"].AsBool();
  const std::string schema_path = Child(path, "schema.openAPIV3Schema");
  if (schema.IsNull()) {
    if (!open) errors.push_back(Required(schema_path, "schemas are required"));
  } else if (const Result<SchemaPtr> compiled =
                 CompileOpenApiSchema(schema, {.preserve_unknown_fields = open});
             !compiled) {
    errors.push_back(SchemaError(schema_path, compiled.error()));
  }
  CheckColumns(Child(path, "additionalPrinterColumns"), version["additionalPrinterColumns"],
               errors);
}

void CheckVersions(const json::Value& spec, FieldErrors& errors) {
  const json::Value& versions = spec["versions"];
  std::set<std::string_view> names;
  bool unique = true;
  size_t stored = 0;
  size_t index = 0;
  for (const json::Value& version : versions.Items()) {
    CheckVersion(spec, version, Item("spec.versions", index++), errors);
    unique = names.insert(version["name"].AsString()).second && unique;
    if (version["storage"].AsBool()) ++stored;
  }
  if (versions.empty()) return;  // the schema requires one
  json::Value shown = json::Array({});
  for (const json::Value& version : versions.Items()) shown.Push(version["name"]);
  if (!unique)
    errors.push_back(InvalidValue("spec.versions", shown, "must contain unique version names"));
  if (stored != 1)
    errors.push_back(InvalidValue("spec.versions", shown,
                                  "must have exactly one version marked as storage version"));
  if (spec["conversion"]["strategy"].AsString() == "Webhook" && versions.size() > 1)
    errors.push_back(NotSupported("spec.conversion.strategy", "Webhook", {"None"}));
}

void CheckDefinitionUpdate(const json::Value& crd, const json::Value& old, FieldErrors& errors) {
  const json::Value& spec = crd["spec"];
  const json::Value& before = old["spec"];
  const auto keep = [&](const std::string& path, const json::Value& now, const json::Value& then) {
    if (now != then) errors.push_back(InvalidValue(path, now, "field is immutable"));
  };
  keep("spec.group", spec["group"], before["group"]);
  keep("spec.scope", spec["scope"], before["scope"]);
  keep("spec.names.kind", spec["names"]["kind"], before["names"]["kind"]);
  keep("spec.names.plural", spec["names"]["plural"], before["names"]["plural"]);
  size_t index = 0;
  for (const json::Value& stored : crd["status"]["storedVersions"].Items()) {
    const json::ArrayItems& versions = spec["versions"].Items();
    if (std::none_of(versions.begin(), versions.end(),
                     [&](const json::Value& version) { return version["name"] == stored; }))
      errors.push_back(InvalidValue(Item("status.storedVersions", index), stored,
                                    "must appear in spec.versions"));
    ++index;
  }
}

}  // namespace

void CheckDefinition(const json::Value& crd, const json::Value* old, FieldErrors& errors) {
  const json::Value& spec = crd["spec"];
  const std::string_view group = spec["group"].AsString();
  if (!group.empty()) {
    AddAll("spec.group", spec["group"], CheckDns1123Subdomain(group), errors);
    if (group.find('.') == std::string_view::npos)
      errors.push_back(
          InvalidValue("spec.group", spec["group"], "should be a domain with at least one dot"));
  }
  if (crd["metadata"]["name"].AsString() !=
      fmt::format("{}.{}", spec["names"]["plural"].AsString(), group))
    errors.push_back(InvalidValue("metadata.name", crd["metadata"]["name"],
                                  "must be spec.names.plural+\".\"+spec.group"));
  CheckDefinitionNames(spec, errors);
  CheckVersions(spec, errors);
  if (old) CheckDefinitionUpdate(crd, *old, errors);
}

}  // namespace leat::api
