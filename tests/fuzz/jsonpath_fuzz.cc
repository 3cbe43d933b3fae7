// The first line is a path, the rest a JSON document (a fixed one if it does not parse). Matches
// lie within the document, so that reading each of them is safe.
#include <cstdint>

#include "base/strings.h"
#include "json/jsonpath.h"

using leat::Result;
using leat::json::JsonPath;
using leat::json::Value;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Value fixed = *leat::json::Parse(
      R"({"a":[{"b":1,"c":"x"},{"b":2,"c":"y","d":[[1],[2,3]]}],"e":{"f":null,"g.h":true},"b":1})");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parts = leat::Cut(text, "\n");
  const Result<JsonPath> path = JsonPath::Compile(parts ? parts->first : text);
  if (!path) return 0;
  const Result<Value> document = leat::json::Parse(parts ? parts->second : "", 1 << 14);
  size_t read = 0;
  for (const Value* value : path->Find(document ? *document : fixed)) read += value->size();
  const Value& root = document ? *document : fixed;
  const Value* first = path->FindFirst(root);
  const auto found = path->Find(root);
  LEAT_CHECK(!first || (!found.empty() && first == found[0]), "the first is another");
  LEAT_CHECK(read < (uint64_t{1} << 40), "impossible sizes");
  return 0;
}
