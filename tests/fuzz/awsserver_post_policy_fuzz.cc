// POST forms and their policies. The input is a form with the boundary "b"; the bytes of its parts
// never hold the boundary, and its first field is taken for a policy about the others.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "awsserver/form_reader.h"
#include "awsserver/post_policy.h"

using namespace leat;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const size_t step = size % 7 + 1;
  awsserver::FormReader reader(
      [&](std::span<char> out) -> Result<size_t> {
        const size_t n = std::min({out.size(), rest.size(), step});
        std::memcpy(out.data(), rest.data(), n);
        rest.remove_prefix(n);
        return n;
      },
      "b");
  awsserver::Fields fields;
  while (fields.size() < 100) {
    const auto part = reader.NextPart();
    if (!part || !*part) break;
    auto value = reader.ReadPart(1 << 16);
    if (!value) break;
    LEAT_CHECK(value->find("\r\n--b") == std::string::npos, "a boundary inside a part");
    fields.emplace_back((*part)->name, std::move(*value));
  }
  if (fields.empty()) return 0;
  const auto limits =
      awsserver::CheckPostPolicy(fields.front().second, fields, WallTime(std::chrono::seconds(0)));
  LEAT_CHECK(!limits || limits->min <= limits->max || limits->max < UINT64_MAX,
             "limits out of nowhere");
  return 0;
}
