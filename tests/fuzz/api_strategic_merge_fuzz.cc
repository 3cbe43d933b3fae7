// A strategic merge of `[object, patch]` by the schema of pods: no crash, no directive left behind.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/types.h"

namespace {

using leat::json::Value;

bool HasDirective(const Value& value) {
  for (const auto& member : value.Members())
    if (member.key == "$patch" || member.key == "$retainKeys" ||
        member.key.starts_with("$setElementOrder/") || HasDirective(member.value))
      return true;
  for (const Value& item : value.Items())
    if (HasDirective(item)) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const leat::api::TypePtr pod = leat::api::TypeTable().FindKind("", "Pod");
  const auto input = leat::json::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!input) return 0;
  Value target = (*input)[0];
  const bool clean = !HasDirective(target);
  if (!leat::api::StrategicMerge(*pod->StorageVersion().schema, target, (*input)[1])) return 0;
  LEAT_CHECK(!clean || !HasDirective(target), "a directive was stored");
  return 0;
}
