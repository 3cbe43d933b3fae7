// The two checksums that zlib and OpenSSL lack: CRC32C is ISA-L's, by the processor's widest
// instructions (five times as fast as one chain of crc32); CRC64NVME is ours. Internal to this
// module.
#pragma once

#include <cstdint>
#include <string_view>

namespace leat::hash {

// Each continues `before`, the checksum of the bytes that came earlier (0: none).
uint32_t UpdateCrc32c(uint32_t before, std::string_view bytes);
uint64_t UpdateCrc64Nvme(uint64_t before, std::string_view bytes);

}  // namespace leat::hash
