// Writing UTF-8; base/strings.h has what reads it.
#pragma once

#include <cstdint>
#include <string>

namespace leat {

// `rune` is a Unicode scalar value.
void AppendUtf8(uint32_t rune, std::string* out);

}  // namespace leat
