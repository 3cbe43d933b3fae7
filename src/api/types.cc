#include "api/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "api/builtin.h"
#include "api/custom_type.h"

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

// The names by which people call a resource: all of a group must differ.
std::vector<std::string> ResourceNames(const Type& type) {
  std::vector<std::string> names = type.short_names;
  names.push_back(type.plural);
  names.push_back(type.singular);
  return names;
}

// The first name that both use, or "".
std::string SharedName(const Type& a, const Type& b) {
  const std::vector<std::string> taken = ResourceNames(b);
  for (const std::string& name : ResourceNames(a))
    if (Contains(taken, name)) return name;
  const std::vector<std::string> kinds = {b.kind, b.list_kind};
  if (Contains(kinds, a.kind)) return a.kind;
  if (Contains(kinds, a.list_kind)) return a.list_kind;
  return {};
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
  for (const TypePtr& other : rows_) {
    if (other->group != row->group) continue;
    const bool same = other->plural == row->plural;
    if (same && other->custom) continue;
    if (const std::string name = SharedName(*row, *other); !name.empty())
      return Error{Code::kConflict, fmt::format("\"{}\" of {} is already in use by {}", name,
                                                row->StorageName(), other->StorageName())};
  }
  std::erase_if(rows_, [&](const TypePtr& other) {
    return other->group == row->group && other->plural == row->plural;
  });
  rows_.insert(std::upper_bound(rows_.begin(), rows_.end(), row, RowBefore), row);
  return {};
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
