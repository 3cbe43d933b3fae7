#include "apiserver/open_api.h"

#include "api/open_api.h"
#include "apiserver/discovery.h"
#include "apiserver/kind_rules.h"

namespace leat::apiserver {
namespace {

std::string PathOf(std::string_view group, std::string_view version) {
  const std::string gv = group.empty() ? "" : std::string(group) + "/";
  return (group.empty() ? "api/" : "apis/") + gv + std::string(version);
}

json::Value GroupVersionKind(const api::Type& type, const api::TypeVersion& version) {
  return json::Object({{"group", type.group}, {"version", version.name}, {"kind", type.kind}});
}

// The one operation that kubectl looks at: its kind leads to the schema, its parameters tell that
// the server checks fields and dry-runs. It names no content types, so that `kubectl apply` goes on
// to make patches by its own knowledge of the built-in kinds.
json::Value PatchOperation(const json::Value& gvk) {
  json::ArrayItems parameters;
  for (const char* name : {"dryRun", "fieldValidation"}) {
    parameters.push_back(
        json::Object({{"name", name},
                      {"in", "query"},
                      {"schema", json::Object({{"type", "string"}, {"uniqueItems", true}})}}));
  }
  return json::Object({{"patch", json::Object({{"parameters", std::move(parameters)},
                                               {"responses", json::Object()},
                                               {"x-kubernetes-action", "patch"},
                                               {"x-kubernetes-group-version-kind", gvk}})}});
}

// As its author wrote it, and what all objects have beside that.
json::Value CustomSchema(const store::Store& store, const api::Type& type,
                         const api::TypeVersion& version) {
  json::Value schema = json::Object({{"type", "object"}});
  auto crd = store.Get({std::string(kCrdStorageName), "", type.StorageName()});
  if (crd) {
    for (const json::Value& one : (*crd)->value["spec"]["versions"].Items()) {
      const json::Value& written = one["schema"]["openAPIV3Schema"];
      if (one["name"].AsString() == version.name && written.IsObject()) schema = written;
    }
  }
  json::Value& properties = schema.Mut("properties");
  for (const char* name : {"apiVersion", "kind", "metadata"}) {
    const api::Field* field = version.schema->Find(name);
    if (field != nullptr) properties.Set(name, api::OpenApiSchema(*field->schema));
  }
  return schema;
}

}  // namespace

json::Value OpenApiIndex(const api::TypeTable& types) {
  json::Value paths = json::Object();
  for (const api::TypePtr& type : types.All()) {
    for (const api::TypeVersion& version : type->versions) {
      if (!version.served) continue;
      const std::string path = PathOf(type->group, version.name);
      paths.Set(path, json::Object({{"serverRelativeURL", "/openapi/v3/" + path}}));
    }
  }
  return json::Object({{"paths", std::move(paths)}});
}

std::optional<json::Value> OpenApiDocument(const api::TypeTable& types, const store::Store& store,
                                           std::string_view group, std::string_view version) {
  json::Value paths = json::Object(), schemas = json::Object();
  for (const api::TypePtr& type : types.All()) {
    const api::TypeVersion* served = type->group == group ? type->FindVersion(version) : nullptr;
    if (served == nullptr || !served->served) continue;
    const json::Value gvk = GroupVersionKind(*type, *served);
    json::Value schema =
        type->custom ? CustomSchema(store, *type, *served) : api::OpenApiSchema(*served->schema);
    schema.Set("x-kubernetes-group-version-kind", json::Array({gvk}));
    schemas.Set(
        (group.empty() ? "core" : std::string(group)) + "." + served->name + "." + type->kind,
        std::move(schema));
    paths.Set("/" + PathOf(group, version) + (type->namespaced ? "/namespaces/{namespace}/" : "/") +
                  type->plural + "/{name}",
              PatchOperation(gvk));
  }
  if (paths.empty()) return std::nullopt;
  return json::Object(
      {{"openapi", "3.0.0"},
       {"info", json::Object({{"title", "Kubernetes"}, {"version", VersionInfo()["gitVersion"]}})},
       {"paths", std::move(paths)},
       {"components", json::Object({{"schemas", std::move(schemas)}})}});
}

}  // namespace leat::apiserver
