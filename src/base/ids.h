// Random names. All bits come from the kernel's generator; thread-safe.
#pragma once

#include <cstddef>
#include <string>

namespace leat {

std::string RandomBytes(size_t n);
std::string RandomHex(size_t digits);
// "2f1e6b1c-5f0e-4d5b-9c3a-0a1b2c3d4e5f" (RFC 4122 version 4).
std::string NewUuid();
// Five characters that cannot spell a word, as Kubernetes' generateName appends.
std::string NameSuffix(size_t length = 5);

}  // namespace leat
