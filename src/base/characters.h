// Limits that count characters, as AWS's do, not bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace leat {

// Characters of UTF-8 text.
size_t CountCharacters(std::string_view text);
// The text up to its n-th character.
std::string_view FirstCharacters(std::string_view text, size_t n);

}  // namespace leat
