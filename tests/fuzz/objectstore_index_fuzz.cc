// Index pages of web servers. Every name that is found is one below the directory.
#include <cstdint>

#include "objectstore/http_index.h"

using namespace leat;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view html(reinterpret_cast<const char*>(data), size);
  const auto names = objectstore::ParseIndex(html, {"h:80", "/a%20b/"}, 1000);
  if (!names) return 0;
  for (std::string name : *names) {
    if (name.ends_with('/')) name.pop_back();
    LEAT_CHECK(!name.empty() && name != "." && name != "..", "a name that is no name");
    LEAT_CHECK(name.find('/') == std::string::npos, "a name that leads deeper");
    LEAT_CHECK(name.find('\0') == std::string::npos, "a name with a NUL");
  }
  return 0;
}
