// Both are reflected CRCs (lowest bit first) with all bits inverted before and after.
//
// Slicing by 8: kTables[0][b] is the checksum of byte b, kTables[k][b] that of b followed by k zero
// bytes. As CRCs are linear over xor, eight bytes are eight independent look-ups xored together,
// where the plain table would need eight in a chain.
#include "hash/crc.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace leat::hash {
namespace {

constexpr uint32_t kCrc32cPolynomial = 0x82F63B78;             // 0x1EDC6F41 reflected
constexpr uint64_t kCrc64NvmePolynomial = 0x9A6C9329AC4BC9B5;  // 0xAD93D23594C93659 reflected

template <class Word>
using Tables = std::array<std::array<Word, 256>, 8>;

template <class Word>
constexpr Tables<Word> MakeTables(Word polynomial) {
  Tables<Word> tables{};
  for (Word byte = 0; byte < 256; ++byte) {
    Word crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ polynomial : crc >> 1;
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k)
    for (size_t byte = 0; byte < 256; ++byte) {
      const Word shorter = tables[k - 1][byte];
      tables[k][byte] = (shorter >> 8) ^ tables[0][shorter & 0xFF];
    }
  return tables;
}

constexpr Tables<uint32_t> kCrc32cTables = MakeTables<uint32_t>(kCrc32cPolynomial);
constexpr Tables<uint64_t> kCrc64NvmeTables = MakeTables<uint64_t>(kCrc64NvmePolynomial);

uint64_t LoadLittleEndian(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

template <class Word>
Word Slice(const Tables<Word>& tables, Word before, std::string_view bytes) {
  Word crc = ~before;
  while (bytes.size() >= 8) {
    const uint64_t eight = LoadLittleEndian(bytes.data()) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= tables[7 - i][(eight >> (8 * i)) & 0xFF];
    bytes.remove_prefix(8);
  }
  for (const char c : bytes)
    crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t Crc32cBySse42(uint32_t before, std::string_view bytes) {
  uint64_t crc = ~before;
  while (bytes.size() >= 8) {
    crc = _mm_crc32_u64(crc, LoadLittleEndian(bytes.data()));
    bytes.remove_prefix(8);
  }
  for (const char c : bytes)
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<unsigned char>(c));
  return ~static_cast<uint32_t>(crc);
}
#endif

}  // namespace

uint32_t UpdateCrc32c(uint32_t before, std::string_view bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return Crc32cBySse42(before, bytes);
#endif
  return UpdateCrc32cPortably(before, bytes);
}

uint32_t UpdateCrc32cPortably(uint32_t before, std::string_view bytes) {
  return Slice(kCrc32cTables, before, bytes);
}

uint64_t UpdateCrc64Nvme(uint64_t before, std::string_view bytes) {
  return Slice(kCrc64NvmeTables, before, bytes);
}

}  // namespace leat::hash
