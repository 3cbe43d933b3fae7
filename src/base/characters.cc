#include "base/characters.h"

#include <algorithm>

namespace leat {
namespace {

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
}

std::string_view FirstCharacters(std::string_view text, size_t n) {
  size_t at = 0;
  for (; at < text.size(); ++at)
    if (StartsCharacter(text[at]) && n-- == 0) break;
  return text.substr(0, at);
}

}  // namespace leat
