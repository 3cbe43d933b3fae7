// What a mistyped word was meant to be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace leat {

// The word that takes the fewest typing slips (a letter too many, too few, wrong, or two swapped)
// to become `typed`; the first of equals. "" when none is near: more than a third of the letters,
// and always more than two, would have to be wrong.
std::string NearestWord(std::string_view typed, std::span<const std::string> words);

}  // namespace leat
