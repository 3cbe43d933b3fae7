// What parses prints, and what is printed parses to the same value and prints the same again.
#include <cstdint>

#include "json/value.h"

using leat::Result;
using leat::json::Value;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> duplicates;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<Value> value = leat::json::Parse(text, 1 << 20, &duplicates);
  if (!value) return 0;
  const std::string printed = leat::json::Print(*value);
  const Result<Value> again = leat::json::Parse(printed);
  LEAT_CHECK(again && *again == *value, "compact text reads back as another value");
  LEAT_CHECK(leat::json::Print(*again) == printed, "printing is not stable");
  const Result<Value> pretty = leat::json::Parse(leat::json::PrintPretty(*value));
  LEAT_CHECK(pretty && *pretty == *value, "pretty text reads back as another value");
  return 0;
}
