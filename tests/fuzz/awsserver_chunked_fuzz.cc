// aws-chunked bodies. The first byte chooses the form and how the rest arrives; never more bytes
// come out than were declared, and never all of them without an end.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "aws/chunked.h"

using namespace leat;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t choice = data[0];
  const uint64_t declared = data[1];
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t step = (choice >> 2) % 16 + 1;
  aws::ChunkedReader reader(
      [&](std::span<char> out) -> Result<size_t> {
        const size_t n = std::min({out.size(), rest.size(), step});
        std::memcpy(out.data(), rest.data(), n);
        rest.remove_prefix(n);
        return n;
      },
      {.signed_chunks = (choice & 1) != 0, .trailer = (choice & 2) != 0},
      {.signing_key = "k", .amz_date = "d", .scope = "s", .seed_signature = "seed"}, declared);
  char buffer[64];
  uint64_t total = 0;
  while (true) {
    const auto got = reader.Read(buffer);
    if (!got) return 0;
    if (*got == 0) break;
    total += *got;
    LEAT_CHECK(total <= declared, "more bytes than declared");
  }
  LEAT_CHECK(total == declared, "the end came early");
  return 0;
}
