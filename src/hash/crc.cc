#include "hash/crc.h"

#include <isa-l/crc.h>

#include <array>
#include <bit>
#include <cstring>

namespace leat::hash {
namespace {

// Reflected (lowest bit first), with all bits inverted before and after.
//
// Slicing by 8: kTables[0][b] is the checksum of byte b, kTables[k][b] that of b followed by k zero
// bytes. As CRCs are linear over xor, eight bytes are eight independent look-ups xored together,
// where the plain table would need eight in a chain.
constexpr uint64_t kCrc64NvmePolynomial = 0x9A6C9329AC4BC9B5;  // 0xAD93D23594C93659 reflected

using Tables = std::array<std::array<uint64_t, 256>, 8>;

constexpr Tables MakeTables(uint64_t polynomial) {
  Tables tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ polynomial : crc >> 1;
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k)
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t shorter = tables[k - 1][byte];
      tables[k][byte] = (shorter >> 8) ^ tables[0][shorter & 0xFF];
    }
  return tables;
}

constexpr Tables kTables = MakeTables(kCrc64NvmePolynomial);

uint64_t LoadLittleEndian(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

uint32_t UpdateCrc32c(uint32_t before, std::string_view bytes) {
  // ISA-L counts in int, and leaves the inversions to its caller.
  constexpr size_t kMost = 1 << 30;
  uint32_t crc = ~before;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMost);
    auto* const data = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    crc = crc32_iscsi(data, static_cast<int>(part.size()), crc);
    bytes.remove_prefix(part.size());
  }
  return ~crc;
}

uint64_t UpdateCrc64Nvme(uint64_t before, std::string_view bytes) {
  uint64_t crc = ~before;
  while (bytes.size() >= 8) {
    const uint64_t eight = LoadLittleEndian(bytes.data()) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(eight >> (8 * i)) & 0xFF];
    bytes.remove_prefix(8);
  }
  for (const char c : bytes)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

}  // namespace leat::hash
