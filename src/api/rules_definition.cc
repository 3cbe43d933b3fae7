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

// A path with a leading dot, below one of the places (anywhere without places).
bool CheckSimplePath(std::string_view path, const json::Value& value,
                     std::initializer_list<std::string_view> places, FieldErrors& errors) {
  const std::string_view text = value.AsString();
  if (!text.starts_with('.')) {
    errors.push_back(InvalidValue(path, value, "must be a simple json path starting with ."));
    return false;
  }
  const bool below = std::any_of(places.begin(), places.end(),
                                 [&](std::string_view place) { return text.starts_with(place); });
  if (places.size() == 0 || below) return true;
  errors.push_back(InvalidValue(
      path, value,
      places.size() > 1 ? std::string("should be a json path under either .spec or .status")
                        : fmt::format("should be a json path under {}",
                                      places.begin()->substr(0, places.begin()->size() - 1))));
  return false;
}

void CheckScale(const std::string& path, const json::Value& scale, FieldErrors& errors) {
  const auto check = [&](const char* key, std::initializer_list<std::string_view> places) {
    if (!scale[key].AsString().empty())
      CheckSimplePath(Child(path, key), scale[key], places, errors);
  };
  check("specReplicasPath", {".spec."});
  check("statusReplicasPath", {".status."});
  check("labelSelectorPath", {".spec.", ".status."});
}

void CheckSelectableFields(const std::string& path, const json::Value& fields,
                           FieldErrors& errors) {
  std::set<std::string_view> seen;
  size_t index = 0;
  for (const json::Value& field : fields.Items()) {
    const std::string at = Child(Item(path, index++), "jsonPath");
    const std::string_view text = field["jsonPath"].AsString();
    if (text.empty() || !CheckSimplePath(at, field["jsonPath"], {}, errors)) continue;
    if (text.find('[') != std::string_view::npos)
      errors.push_back(
          InvalidValue(at, field["jsonPath"], "is an invalid path: it must not index a list"));
    if (text == ".metadata" || text.starts_with(".metadata."))
      errors.push_back(InvalidValue(at, field["jsonPath"], "must not point to fields in metadata"));
    if (!seen.insert(text).second) errors.push_back(Duplicate(at, field["jsonPath"]));
  }
  if (seen.size() > 8)
    errors.push_back({"FieldValueTooMany", path,
                      fmt::format("Too many: {}: must have at most 8 items", seen.size())});
}

void CheckDeprecation(const std::string& path, const json::Value& version, FieldErrors& errors) {
  const json::Value& warning = version["deprecationWarning"];
  if (warning.IsNull()) return;
  const std::string at = Child(path, "deprecationWarning");
  if (!version["deprecated"].AsBool())
    errors.push_back(InvalidValue(at, warning, "can only be set for deprecated versions"));
  else if (warning.AsString().size() > 256)
    errors.push_back(InvalidValue(at, warning, "must be <= 256 characters long"));
}

void CheckConversion(const json::Value& spec, FieldErrors& errors) {
  const json::Value& conversion = spec["conversion"];
  const std::string path = "spec.conversion.webhook";
  if (conversion["strategy"].AsString() == "Webhook") {
    const json::Value& client = conversion["webhook"]["clientConfig"];
    if (!client.IsObject())
      errors.push_back(
          Required(Child(path, "clientConfig"), "required when strategy is set to Webhook"));
    else if (client["url"].IsNull() == client["service"].IsNull())
      errors.push_back(
          Required(Child(path, "clientConfig"), "exactly one of url or service is required"));
    if (spec["versions"].size() > 1)
      errors.push_back(NotSupported("spec.conversion.strategy", "Webhook", {"None"}));
  } else if (conversion["webhook"].IsObject()) {
    errors.push_back(Forbidden(path, "should not be set when strategy is not set to Webhook"));
  }
}

// Upstream's own groups are not for everybody to define.
void CheckApproval(const json::Value& crd, FieldErrors& errors) {
  constexpr const char* kAnnotation = "api-approved.kubernetes.io";
  const std::string group = "." + crd["spec"]["group"].Str();
  if (!group.ends_with(".k8s.io") && !group.ends_with(".kubernetes.io")) return;
  const json::Value& approval = crd["metadata"]["annotations"][kAnnotation];
  const std::string_view text = approval.AsString();
  const std::string at = fmt::format("metadata.annotations[{}]", kAnnotation);
  if (text.empty()) {
    errors.push_back(Required(at, fmt::format("protected groups must have approval annotation "
                                              "\"{}\", see https://github.com/kubernetes/"
                                              "enhancements/pull/1111",
                                              kAnnotation)));
  } else if (const size_t scheme = text.find("://");
             !text.starts_with("unapproved") &&
             (scheme == std::string_view::npos || scheme == 0 || scheme + 3 == text.size())) {
    errors.push_back(InvalidValue(
        at, approval,
        fmt::format("protected groups must have approval annotation \"{}\" with either a URL or a "
                    "reason starting with \"unapproved\", see https://github.com/kubernetes/"
                    "enhancements/pull/1111",
                    kAnnotation)));
  }
}

void CheckColumns(std::string_view path, const json::Value& columns, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& column : columns.Items()) {
    const std::string at = Item(path, index++);
    const json::Value& format = column["format"];
    if (const std::string_view known = "|int32|int64|float|double|byte|date|date-time|password|";
        !format.AsString().empty() &&
        known.find("|" + format.Str() + "|") == std::string_view::npos)
      errors.push_back(
          InvalidValue(Child(at, "format"), format,
                       "must be one of byte,date,date-time,double,float,int32,int64,password"));
    const std::string_view text = column["jsonPath"].AsString();
    if (text.empty()) continue;
    if (!CheckSimplePath(Child(at, "jsonPath"), column["jsonPath"], {}, errors)) continue;
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
  } else if (!open) {
    CheckStructural(schema_path, schema, errors);
  }
  CheckDeprecation(path, version, errors);
  CheckScale(Child(path, "subresources.scale"), version["subresources"]["scale"], errors);
  CheckSelectableFields(Child(path, "selectableFields"), version["selectableFields"], errors);
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
  CheckConversion(spec, errors);
}

void CheckStoredVersions(const json::Value& crd, FieldErrors& errors) {
  constexpr const char* kPath = "status.storedVersions";
  const json::Value& stored = crd["status"]["storedVersions"];
  if (stored.empty())
    errors.push_back(InvalidValue(kPath, stored, "must have at least one stored version"));
  std::set<std::string_view> names;
  for (const json::Value& name : stored.Items()) names.insert(name.AsString());
  std::set<std::string_view> versions;
  for (const json::Value& version : crd["spec"]["versions"].Items()) {
    const std::string_view name = version["name"].AsString();
    versions.insert(name);
    if (version["storage"].AsBool() && !names.contains(name))
      errors.push_back(
          InvalidValue(kPath, stored, fmt::format("must have the storage version {}", name)));
  }
  size_t index = 0;
  for (const json::Value& name : stored.Items()) {
    if (!versions.contains(name.AsString()))
      errors.push_back(InvalidValue(Item(kPath, index), name, "must appear in spec.versions"));
    ++index;
  }
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
  if (spec["preserveUnknownFields"].AsBool() && !before["preserveUnknownFields"].AsBool())
    errors.push_back(InvalidValue("spec.preserveUnknownFields", true,
                                  "cannot set to true, set x-kubernetes-preserve-unknown-fields to "
                                  "true in spec.versions[*].schema instead"));
  CheckStoredVersions(crd, errors);
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
  CheckApproval(crd, errors);
  CheckVersions(spec, errors);
  if (old) CheckDefinitionUpdate(crd, *old, errors);
}

}  // namespace leat::api
