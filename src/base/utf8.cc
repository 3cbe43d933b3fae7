#include "base/utf8.h"

namespace leat {

void AppendUtf8(uint32_t rune, std::string* out) {
  const auto put = [&](uint32_t byte) { *out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0 | rune >> 6), put(0x80 | (rune & 63));
  } else if (rune < 0x10000) {
    put(0xE0 | rune >> 12), put(0x80 | (rune >> 6 & 63)), put(0x80 | (rune & 63));
  } else {
    put(0xF0 | rune >> 18), put(0x80 | (rune >> 12 & 63)), put(0x80 | (rune >> 6 & 63)),
        put(0x80 | (rune & 63));
  }
}

}  // namespace leat
