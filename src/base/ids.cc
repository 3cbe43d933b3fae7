#include "base/ids.h"

#include <sys/random.h>

#include "base/result.h"
#include "base/strings.h"

namespace leat {

std::string RandomBytes(size_t n) {
  std::string bytes(n, '\0');
  size_t filled = 0;
  while (filled < n) {
    const ssize_t got = getrandom(bytes.data() + filled, n - filled, 0);
    LEAT_CHECK(got > 0 || errno == EINTR, "getrandom failed");
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return bytes;
}

std::string RandomHex(size_t digits) {
  return HexEncode(RandomBytes((digits + 1) / 2)).substr(0, digits);
}

std::string NewUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  std::string text = HexEncode(bytes);
  for (size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::string NameSuffix(size_t length) {
  // Kubernetes' own alphabet (apimachinery util/rand): no vowels, no 0, 1, 3.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (unsigned char c : RandomBytes(length)) suffix += kAlphabet[c % kAlphabet.size()];
  return suffix;
}

}  // namespace leat
