// The type table: what types there are, and per version their schema, printer columns and
// subresources. Built-in kinds are rows written in src/api/builtin_*.cc; a CustomResourceDefinition
// adds rows at run time. One schema form serves both, and drives defaulting, pruning, validation,
// strategic merge and (later) protobuf and OpenAPI.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/object_client.h"
#include "api/schema.h"
#include "base/mutex.h"
#include "base/result.h"
#include "json/jsonpath.h"
#include "json/value.h"

namespace leat::api {

// A column of `kubectl get`. Built-in kinds compute cells in code (table.cc); CRD columns by path.
struct PrinterColumn {
  std::string name;
  std::string type;    // string, integer, number, boolean, date
  std::string format;  // "" or "name"
  std::string description;
  int priority = 0;  // > 0: shown by -o wide only
  std::string json_path;
  std::shared_ptr<const json::JsonPath> path;  // json_path compiled; null when it is not one
};

struct TypeVersion {
  std::string name;  // "v1"
  bool served = true;
  bool storage = true;  // exactly one version of a type is stored
  std::shared_ptr<const Schema> schema;
  bool status_subresource = false;
  std::string deprecation;  // what to warn whoever uses this version of; "" unless deprecated
  std::vector<PrinterColumn> columns;
};

// One row. Immutable once in the table; shared.
struct Type {
  std::string group;
  std::string kind;
  std::string list_kind;
  std::string plural;
  std::string singular;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool namespaced = true;
  bool custom = false;  // from a CustomResourceDefinition
  std::vector<TypeVersion> versions;

  // "pods", "trainingjobs.sagemaker.aws.amazon.com": the store's type, and the name of the
  // resource in error texts.
  std::string StorageName() const { return group.empty() ? plural : plural + "." + group; }
  const TypeVersion* FindVersion(std::string_view version) const;
  const TypeVersion& StorageVersion() const;
  std::string ApiVersion(std::string_view version) const {
    return group.empty() ? std::string(version) : group + "/" + std::string(version);
  }
};
using TypePtr = std::shared_ptr<const Type>;

// A name of a definition that a type of the same group has already.
struct NameConflict {
  std::string role;  // Plural, Singular, Kind, ListKind or ShortNames
  std::string name;
  std::string other;  // the storage name of who has it
  // "\"th\" is already in use by things.example.com"
  std::string ToString() const;
};

// Thread-safe. Lookups return snapshots that stay valid when a CRD changes.
class TypeTable {
 public:
  TypeTable();  // with the built-in rows

  // Null when there is no such row, or when it does not serve that version.
  TypePtr Find(std::string_view group, std::string_view version, std::string_view plural) const;
  // Whatever versions it serves. Kinds that are only bodies of requests (Binding) are not found by
  // resource and not in All(), but by kind.
  TypePtr FindResource(std::string_view group, std::string_view plural) const;
  TypePtr FindKind(std::string_view group, std::string_view kind) const;
  // Sorted by group and plural.
  std::vector<TypePtr> All() const;

  // By Type::StorageName().
  TypePtr FindStorage(std::string_view storage_name) const;

  // Adds or replaces the row of an (admitted, v1-shaped) CustomResourceDefinition, under its
  // accepted names where its status has them. kConflict when these collide with another row.
  Status AddCustom(const json::Value& crd);
  // The names that a definition's spec asks for and does not get. A row of the same custom type is
  // no obstacle: it is the definition's own.
  std::vector<NameConflict> FindConflicts(const json::Value& crd) const;
  void RemoveCustom(std::string_view group, std::string_view plural);

 private:
  std::vector<NameConflict> ConflictsOf(const Type& wanted) const REQUIRES(mu_);

  mutable Mutex mu_;
  std::vector<TypePtr> rows_ GUARDED_BY(mu_);
};

// The object in another version of its type. apiVersion is rewritten; between v1beta1 and v1
// CustomResourceDefinitions the shape too; all others have strategy None. Conversion is lossless.
Result<json::Value> Convert(const Type& type, json::Value object, std::string_view to_version);

}  // namespace leat::api
