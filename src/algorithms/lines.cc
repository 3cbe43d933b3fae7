#include "algorithms/lines.h"

#include <cstdio>

namespace leat::algorithms {

std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 40;
  std::string quoted = "'";
  for (const char c : text.substr(0, kShown)) {
    if (c >= 0x20 && c < 0x7f) {
      quoted += c;
      continue;
    }
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
    quoted += code;
  }
  return quoted + (text.size() > kShown ? "...'" : "'");
}

}  // namespace leat::algorithms
