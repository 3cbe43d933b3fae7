// Every document that parses is printed as YAML that parses to the same value, and prints as JSON.
#include <cstdint>

#include "json/yaml.h"

using leat::Result;
using leat::json::Value;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<std::vector<Value>> documents = leat::json::ParseYaml(text, 1 << 16);
  if (!documents) return 0;
  for (const Value& document : *documents) {
    const auto again = leat::json::ParseYaml(leat::json::PrintYaml(document), size_t{1} << 30);
    LEAT_CHECK(again && again->size() == 1, "printed YAML does not read back");
    LEAT_CHECK(again->front() == document, "printed YAML reads back as another value");
    const Result<Value> json = leat::json::Parse(leat::json::Print(document), size_t{1} << 30);
    LEAT_CHECK(json && *json == document, "printed JSON reads back as another value");
  }
  return 0;
}
