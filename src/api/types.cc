#include "api/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "api/builtin.h"
#include "api/custom_type.h"
#include "base/strings.h"

namespace leat::api {
namespace {

bool RowBefore(const TypePtr& a, const TypePtr& b) {
  return std::tie(a->group, a->plural) < std::tie(b->group, b->plural);
}

bool IsStored(const Type& type) {
  return std::any_of(type.versions.begin(), type.versions.end(),
                     [](const TypeVersion& version) { return version.storage; });
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Within a group the names by which people call a resource must differ, and the kinds.
void AddSharedNames(const Type& wanted, const Type& other, std::vector<NameConflict>& conflicts) {
  std::vector<std::string> resources = other.short_names;
  resources.push_back(other.plural);
  resources.push_back(other.singular);
  const std::vector<std::string> kinds = {other.kind, other.list_kind};
  const auto check = [&](const char* role, const std::string& name,
                         const std::vector<std::string>& taken) {
    if (Contains(taken, name)) conflicts.push_back({role, name, other.StorageName()});
  };
  check("Plural", wanted.plural, resources);
  check("Singular", wanted.singular, resources);
  check("Kind", wanted.kind, kinds);
  check("ListKind", wanted.list_kind, kinds);
  for (const std::string& name : wanted.short_names) check("ShortNames", name, resources);
}

}  // namespace

const TypeVersion* Type::FindVersion(std::string_view version) const {
  for (const TypeVersion& one : versions)
    if (one.name == version) return &one;
  return nullptr;
}

const TypeVersion& Type::StorageVersion() const {
  for (const TypeVersion& one : versions)
    if (one.storage) return one;
  LEAT_CHECK(!versions.empty(), "a type without versions");
  return versions.front();
}

std::string NameConflict::ToString() const {
  return fmt::format("\"{}\" is already in use by {}", name, other);
}

TypeTable::TypeTable()
    : rows_(ParseRows(
          {MetaRows(), CoreRows(), NodeRows(), PodRows(), VolumeRows(), ExtensionRows()})) {
  std::sort(rows_.begin(), rows_.end(), RowBefore);
}

TypePtr TypeTable::Find(std::string_view group, std::string_view version,
                        std::string_view plural) const {
  TypePtr row = FindResource(group, plural);
  if (!row) return nullptr;
  const TypeVersion* found = row->FindVersion(version);
  return found && found->served ? row : nullptr;
}

TypePtr TypeTable::FindResource(std::string_view group, std::string_view plural) const {
  MutexLock lock(mu_);
  for (const TypePtr& row : rows_)
    if (row->group == group && row->plural == plural && IsStored(*row)) return row;
  return nullptr;
}

TypePtr TypeTable::FindStorage(std::string_view storage_name) const {
  const auto parts = Cut(storage_name, ".");
  return parts ? FindResource(parts->second, parts->first) : FindResource("", storage_name);
}

TypePtr TypeTable::FindKind(std::string_view group, std::string_view kind) const {
  MutexLock lock(mu_);
  for (const TypePtr& row : rows_)
    if (row->group == group && row->kind == kind) return row;
  return nullptr;
}

std::vector<TypePtr> TypeTable::All() const {
  MutexLock lock(mu_);
  std::vector<TypePtr> all;
  for (const TypePtr& row : rows_)
    if (IsStored(*row)) all.push_back(row);
  return all;
}

Status TypeTable::AddCustom(const json::Value& crd) {
  Result<Type> made = TypeOfDefinition(crd);
  if (!made) return made.error();
  const auto row = std::make_shared<const Type>(std::move(*made));
  MutexLock lock(mu_);
  if (const auto conflicts = ConflictsOf(*row); !conflicts.empty())
    return Error{Code::kConflict, row->StorageName() + ": " + conflicts.front().ToString()};
  std::erase_if(rows_, [&](const TypePtr& other) {
    return other->group == row->group && other->plural == row->plural;
  });
  rows_.insert(std::upper_bound(rows_.begin(), rows_.end(), row, RowBefore), row);
  return {};
}

std::vector<NameConflict> TypeTable::FindConflicts(const json::Value& crd) const {
  const Type wanted = NamesOf(crd["spec"], crd["spec"]["names"]);
  MutexLock lock(mu_);
  return ConflictsOf(wanted);
}

std::vector<NameConflict> TypeTable::ConflictsOf(const Type& wanted) const {
  std::vector<NameConflict> conflicts;
  for (const TypePtr& other : rows_) {
    if (other->group != wanted.group) continue;
    if (other->custom && other->plural == wanted.plural) continue;
    AddSharedNames(wanted, *other, conflicts);
  }
  return conflicts;
}

void TypeTable::RemoveCustom(std::string_view group, std::string_view plural) {
  MutexLock lock(mu_);
  std::erase_if(rows_, [&](const TypePtr& row) {
    return row->custom && row->group == group && row->plural == plural;
  });
}

Result<json::Value> Convert(const Type& type, json::Value object, std::string_view to_version) {
  const std::string from = object["apiVersion"].Str();
  const std::string to = type.ApiVersion(to_version);
  if (from == to) return object;
  const bool known =
      std::any_of(type.versions.begin(), type.versions.end(),
                  [&](const TypeVersion& v) { return type.ApiVersion(v.name) == from; });
  if (!known || !type.FindVersion(to_version))
    return Error{Code::kInvalid,
                 fmt::format("cannot convert {} from {} to {}", type.kind, from, to)};
  if (type.group == "apiextensions.k8s.io" && type.kind == "CustomResourceDefinition") {
    if (to_version == "v1")
      DefinitionToV1(object);
    else
      DefinitionToV1Beta1(object);
  }
  object.Set("apiVersion", to);
  return object;
}

}  // namespace leat::api
