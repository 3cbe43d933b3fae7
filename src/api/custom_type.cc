#include "api/custom_type.h"

#include <algorithm>

#include "api/builtin.h"
#include "base/strings.h"

namespace leat::api {
namespace {

std::vector<std::string> Strings(const json::Value& list) {
  std::vector<std::string> strings;
  for (const json::Value& one : list.Items()) strings.push_back(one.Str());
  return strings;
}

// Of metadata a definition may restrict the name and generateName.
SchemaPtr MetadataSchema(const Schema& compiled) {
  const Field* written = compiled.Find("metadata");
  if (!written || written->schema->fields.empty()) return ObjectMetaSchema();
  auto metadata = std::make_shared<Schema>(*ObjectMetaSchema());
  for (Field& field : metadata->fields)
    if (const Field* own = written->schema->Find(field.name);
        own && (field.name == "name" || field.name == "generateName"))
      field.schema = own->schema;
  return metadata;
}

std::string Deprecation(const Type& type, const json::Value& version) {
  if (!version["deprecated"].AsBool()) return "";
  const std::string given = version["deprecationWarning"].Str();
  if (!given.empty()) return given;
  return type.ApiVersion(version["name"].AsString()) + " " + type.kind + " is deprecated";
}

// The compiled schema with the members that every object has, typed as the API server means them.
SchemaPtr WithObjectMembers(const Schema& compiled) {
  auto schema = std::make_shared<Schema>(compiled);
  schema->type = SchemaType::kObject;
  auto text = std::make_shared<Schema>();
  text->type = SchemaType::kString;
  std::erase_if(schema->fields, [](const Field& field) {
    return field.name == "apiVersion" || field.name == "kind" || field.name == "metadata";
  });
  schema->fields.push_back({.name = "apiVersion", .schema = text});
  schema->fields.push_back({.name = "kind", .schema = text});
  schema->fields.push_back({.name = "metadata", .schema = MetadataSchema(compiled)});
  std::sort(schema->fields.begin(), schema->fields.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
  return schema;
}

Result<SchemaPtr> SchemaOfVersion(const json::Value& crd, const json::Value& version) {
  const json::Value& written = version["schema"]["openAPIV3Schema"];
  if (!written.IsObject()) {  // no schema: everything is kept
    Schema open;
    open.preserve_unknown = true;
    return WithObjectMembers(open);
  }
  Result<SchemaPtr> compiled = CompileOpenApiSchema(
      written, {.preserve_unknown_fields = crd["spec"]["preserveUnknownFields"].AsBool()});
  if (!compiled) return compiled.error();
  return WithObjectMembers(**compiled);
}

std::vector<PrinterColumn> ColumnsOf(const json::Value& version) {
  std::vector<PrinterColumn> columns;
  for (const json::Value& written : version["additionalPrinterColumns"].Items()) {
    PrinterColumn column{.name = written["name"].Str(),
                         .type = written["type"].Str(),
                         .format = written["format"].Str(),
                         .description = written["description"].Str(),
                         .priority = static_cast<int>(written["priority"].AsInt()),
                         .json_path = written["jsonPath"].Str()};
    if (Result<json::JsonPath> path = json::JsonPath::Compile(column.json_path))
      column.path = std::make_shared<const json::JsonPath>(std::move(*path));
    columns.push_back(std::move(column));
  }
  return columns;
}

// Renames a member wherever it is in the list's objects.
void RenameInColumns(json::Value& columns, std::string_view from, std::string_view to) {
  if (!columns.IsArray()) return;
  for (json::Value& column : columns.MutItems()) {
    if (!column.Has(from)) continue;
    json::Value value = column[from];
    column.Erase(from);
    column.Set(to, std::move(value));
  }
}

// The members that v1beta1 may hold once for all versions: {there, in a version}.
struct Shared {
  const char* at_top;
  const char* in_version;
};
constexpr Shared kShared[] = {{"validation", "schema"},
                              {"subresources", "subresources"},
                              {"additionalPrinterColumns", "additionalPrinterColumns"}};

void ConversionToV1(json::Value& spec) {
  json::Value* conversion = spec.Find("conversion");
  if (!conversion || !conversion->IsObject()) return;
  json::Value webhook = json::Object();
  for (const auto& [from, to] : {std::pair("webhookClientConfig", "clientConfig"),
                                 std::pair("conversionReviewVersions", "conversionReviewVersions")})
    if (const json::Value* value = conversion->Find(from)) {
      webhook.Set(to, *value);
      conversion->Erase(from);
    }
  if (!webhook.empty()) conversion->Set("webhook", std::move(webhook));
}

void ConversionToV1Beta1(json::Value& spec) {
  json::Value* conversion = spec.Find("conversion");
  if (!conversion || !conversion->IsObject()) return;
  const json::Value webhook = (*conversion)["webhook"];
  conversion->Erase("webhook");
  if (webhook.Has("clientConfig")) conversion->Set("webhookClientConfig", webhook["clientConfig"]);
  if (webhook.Has("conversionReviewVersions"))
    conversion->Set("conversionReviewVersions", webhook["conversionReviewVersions"]);
}

}  // namespace

Type NamesOf(const json::Value& spec, const json::Value& names) {
  Type type;
  type.custom = true;
  type.group = spec["group"].Str();
  type.kind = names["kind"].Str();
  type.list_kind = names["listKind"].Str();
  if (type.list_kind.empty()) type.list_kind = type.kind + "List";
  type.plural = names["plural"].Str();
  type.singular = names["singular"].Str();
  if (type.singular.empty()) type.singular = Lower(type.kind);
  type.short_names = Strings(names["shortNames"]);
  type.categories = Strings(names["categories"]);
  return type;
}

Result<Type> TypeOfDefinition(const json::Value& crd) {
  const json::Value& spec = crd["spec"];
  const json::Value& accepted = crd["status"]["acceptedNames"];
  Type type = NamesOf(spec, accepted["kind"].AsString().empty() ? spec["names"] : accepted);
  type.namespaced = spec["scope"].AsString() != "Cluster";
  for (const json::Value& version : spec["versions"].Items()) {
    Result<SchemaPtr> schema = SchemaOfVersion(crd, version);
    if (!schema) return schema.error().Within("version " + version["name"].Str());
    type.versions.push_back({.name = version["name"].Str(),
                             .served = version["served"].AsBool(),
                             .storage = version["storage"].AsBool(),
                             .schema = std::move(*schema),
                             .status_subresource = version["subresources"]["status"].IsObject(),
                             .deprecation = Deprecation(type, version),
                             .columns = ColumnsOf(version)});
  }
  const auto stored = std::count_if(type.versions.begin(), type.versions.end(),
                                    [](const TypeVersion& version) { return version.storage; });
  if (type.group.empty() || type.plural.empty() || type.kind.empty() || stored != 1)
    return Error{Code::kInvalid,
                 "a CustomResourceDefinition needs spec.group, spec.names.plural, "
                 "spec.names.kind and exactly one version with storage: true"};
  return type;
}

void DefinitionToV1(json::Value& crd) {
  json::Value& spec = crd.Mut("spec");
  if (spec["versions"].empty() && !spec["version"].AsString().empty())
    spec.Set("versions", json::Array({json::Object(
                             {{"name", spec["version"]}, {"served", true}, {"storage", true}})}));
  spec.Erase("version");  // always the first of the versions
  if (json::Value* versions = spec.Find("versions"); versions && versions->IsArray()) {
    for (json::Value& version : versions->MutItems())
      for (const Shared& shared : kShared)
        if (!version.Has(shared.in_version) && spec.Has(shared.at_top))
          version.Set(shared.in_version, spec[shared.at_top]);
    for (json::Value& version : versions->MutItems())
      if (json::Value* columns = version.Find("additionalPrinterColumns"))
        RenameInColumns(*columns, "JSONPath", "jsonPath");
  }
  for (const Shared& shared : kShared) spec.Erase(shared.at_top);
  ConversionToV1(spec);
  // True is v1beta1's default and must be said in v1; false is v1's default.
  if (!spec.Has("preserveUnknownFields")) spec.Set("preserveUnknownFields", true);
  if (!spec["preserveUnknownFields"].AsBool(true)) spec.Erase("preserveUnknownFields");
}

void DefinitionToV1Beta1(json::Value& crd) {
  json::Value& spec = crd.Mut("spec");
  if (json::Value* versions = spec.Find("versions"); versions && versions->size() > 0) {
    json::ArrayItems& all = versions->MutItems();
    for (json::Value& version : all)
      if (json::Value* columns = version.Find("additionalPrinterColumns"))
        RenameInColumns(*columns, "jsonPath", "JSONPath");
    const json::Value name = all[0]["name"];
    std::vector<std::pair<const char*, json::Value>> hoisted;
    for (const Shared& shared : kShared) {
      const json::Value* first = all[0].Find(shared.in_version);
      if (!first || !std::all_of(all.begin(), all.end(), [&](const json::Value& version) {
            const json::Value* own = version.Find(shared.in_version);
            return own && *own == *first;
          }))
        continue;
      hoisted.emplace_back(shared.at_top, *first);
      for (json::Value& version : all) version.Erase(shared.in_version);
    }
    // `versions` and `all` point into spec: no writing to it before here.
    for (auto& [key, value] : hoisted) spec.Set(key, std::move(value));
    spec.Set("version", name);
  }
  ConversionToV1Beta1(spec);
  if (!spec.Has("preserveUnknownFields")) spec.Set("preserveUnknownFields", false);
}

}  // namespace leat::api
