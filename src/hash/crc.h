// The two checksums that zlib and OpenSSL lack. Internal to this module.
#pragma once

#include <cstdint>
#include <string_view>

namespace leat::hash {

// Each continues `before`, the checksum of the bytes that came earlier (0: none).
uint32_t UpdateCrc32c(uint32_t before, std::string_view bytes);
uint64_t UpdateCrc64Nvme(uint64_t before, std::string_view bytes);

// What UpdateCrc32c does on processors without an instruction for it; here for the tests.
uint32_t UpdateCrc32cPortably(uint32_t before, std::string_view bytes);

}  // namespace leat::hash
