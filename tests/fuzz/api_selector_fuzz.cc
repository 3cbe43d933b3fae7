// Label and field selectors, from any bytes, on an object.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/selectors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using leat::json::Object;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const leat::json::Value labels = Object({{"a", "b"}, {"n", "3"}, {"x.io/y", ""}});
  if (const auto selector = leat::api::LabelSelector::Parse(text)) (void)selector->Matches(labels);
  if (const auto object = leat::json::Parse(text))
    if (const auto selector = leat::api::LabelSelector::FromObject(*object))
      (void)selector->Matches(labels);
  if (const auto selector = leat::api::FieldSelector::Parse(text)) {
    (void)selector->Matches(
        Object({{"metadata", Object({{"name", "a"}})}, {"spec", Object({{"x", 1}})}}));
    (void)selector->RequiredName();
    (void)selector->Paths();
  }
  return 0;
}
