// Any JSON as an object of every built-in kind: pruned, defaulted, checked and printed; and as a
// CustomResourceDefinition that makes a type, whose objects are checked in turn.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/table.h"
#include "api/validation.h"

namespace {

using leat::api::Type;
using leat::api::TypeVersion;
using leat::json::Value;

void Admit(const Type& type, const TypeVersion& version, Value object) {
  leat::api::Prune(*version.schema, object);
  LEAT_CHECK(leat::api::Prune(*version.schema, object).empty(), "pruning left something to prune");
  leat::api::ApplyDefaults(*version.schema, object);
  leat::api::DefaultObject(type, version, object);
  Value again = object;
  leat::api::ApplyDefaults(*version.schema, again);
  leat::api::DefaultObject(type, version, again);
  LEAT_CHECK(again == object, "defaulting twice is not defaulting once");
  (void)leat::api::ValidateObject(type, version, object, nullptr);
  (void)leat::api::ValidateObject(type, version, object, &again);
  (void)leat::api::MakeTable(type, version, {&object}, {}, leat::api::IncludeObject::kNone,
                             leat::WallTime());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const leat::api::TypeTable table;
  const auto input = leat::json::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!input) return 0;
  for (const leat::api::TypePtr& type : table.All())
    for (const TypeVersion& version : type->versions) Admit(*type, version, *input);
  leat::api::TypeTable custom;
  if (!custom.AddCustom(*input)) return 0;
  for (const leat::api::TypePtr& type : custom.All())
    if (type->custom)
      for (const TypeVersion& version : type->versions) Admit(*type, version, *input);
  return 0;
}
