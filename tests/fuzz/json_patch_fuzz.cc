// The input is {"target":…, "merge":…, "patch":[…]}. A failed patch changes nothing, a merge is
// idempotent, and what comes out of either is a value like any other.
#include <cstdint>

#include "json/patch.h"

using leat::Result;
using leat::json::Value;

namespace {

void CheckPrints(const Value& value) {
  const Result<Value> again = leat::json::Parse(leat::json::Print(value));
  LEAT_CHECK(again && *again == value, "the patched value does not read back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<Value> input = leat::json::Parse(text, 1 << 16);
  if (!input) return 0;
  Value patched = (*input)["target"];
  const bool done = leat::json::JsonPatch(patched, (*input)["patch"]).has_value();
  LEAT_CHECK(done || patched == (*input)["target"], "a failed patch left a change");
  CheckPrints(patched);

  Value merged = (*input)["target"];
  leat::json::MergePatch(merged, (*input)["merge"]);
  CheckPrints(merged);
  Value twice = merged;
  leat::json::MergePatch(twice, (*input)["merge"]);
  LEAT_CHECK(twice == merged, "a merge patch is not idempotent");
  return 0;
}
