// The check that a model file is whole: no crash, no long wait, and nothing shorter passes too.
#include <cstdint>
#include <string>

#include "algorithms/ubjson.h"
#include "base/result.h"

using leat::algorithms::IsWholeUbjson;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (!IsWholeUbjson(bytes)) return 0;
  for (size_t n = 0; n < size; ++n)
    LEAT_CHECK(!IsWholeUbjson(std::string_view(bytes).substr(0, n)), "a part passes as a whole");
  return 0;
}
