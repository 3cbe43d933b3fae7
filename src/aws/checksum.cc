#include "aws/checksum.h"

#include "base/result.h"
#include "base/strings.h"

namespace leat::aws {
namespace {

// Reflected polynomials, as shift registers use them.
struct Polynomial {
  uint64_t bits;
  int width;
};

Polynomial PolynomialOf(hash::Algorithm algorithm) {
  switch (algorithm) {
    case hash::Algorithm::kCrc32:
      return {0xedb88320, 32};
    case hash::Algorithm::kCrc32c:
      return {0x82f63b78, 32};
    case hash::Algorithm::kCrc64Nvme:
      return {0x9a6c9329ac4bc9b5, 64};
    case hash::Algorithm::kMd5:
    case hash::Algorithm::kSha1:
    case hash::Algorithm::kSha256:
      break;
  }
  LEAT_CHECK(false, "only CRCs can be combined");
  return {0, 0};
}

// a * b modulo the polynomial, over GF(2); the highest bit of the register is x^0.
uint64_t Multiply(const Polynomial& p, uint64_t a, uint64_t b) {
  const uint64_t one = uint64_t{1} << (p.width - 1);
  uint64_t product = 0;
  for (uint64_t bit = one; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b & 1) ? (b >> 1) ^ p.bits : b >> 1;
  }
  return product;
}

// x^(8 * bytes): what `bytes` zero bytes multiply a register by.
uint64_t ShiftBy(const Polynomial& p, uint64_t bytes) {
  const uint64_t one = uint64_t{1} << (p.width - 1);
  uint64_t result = one;
  uint64_t square = one >> 8;  // x^8
  for (; bytes != 0; bytes >>= 1) {
    if (bytes & 1) result = Multiply(p, result, square);
    square = Multiply(p, square, square);
  }
  return result;
}

uint64_t FromBytes(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string_view ChecksumName(hash::Algorithm algorithm) {
  switch (algorithm) {
    case hash::Algorithm::kCrc32:
      return "CRC32";
    case hash::Algorithm::kCrc32c:
      return "CRC32C";
    case hash::Algorithm::kCrc64Nvme:
      return "CRC64NVME";
    case hash::Algorithm::kSha1:
      return "SHA1";
    case hash::Algorithm::kSha256:
      return "SHA256";
    case hash::Algorithm::kMd5:
      return "";
  }
  return "";
}

std::optional<hash::Algorithm> ChecksumByName(std::string_view name) {
  for (const hash::Algorithm algorithm : kChecksumAlgorithms) {
    if (EqualsIgnoreCase(name, ChecksumName(algorithm))) return algorithm;
  }
  return std::nullopt;
}

std::string ChecksumHeader(hash::Algorithm algorithm) {
  return "x-amz-checksum-" + Lower(ChecksumName(algorithm));
}

std::string ChecksumElement(hash::Algorithm algorithm) {
  return "Checksum" + std::string(ChecksumName(algorithm));
}

bool IsCrc(hash::Algorithm algorithm) {
  return algorithm == hash::Algorithm::kCrc32 || algorithm == hash::Algorithm::kCrc32c ||
         algorithm == hash::Algorithm::kCrc64Nvme;
}

// All three CRCs start from and end with all ones, which cancel out here: crc(AB) = crc(A) shifted
// by B's length, plus crc(B).
std::string CombineCrc(hash::Algorithm algorithm, std::string_view crc_a, std::string_view crc_b,
                       uint64_t length_b) {
  const Polynomial p = PolynomialOf(algorithm);
  const uint64_t combined = Multiply(p, ShiftBy(p, length_b), FromBytes(crc_a)) ^ FromBytes(crc_b);
  std::string bytes;
  for (int shift = p.width - 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(combined >> shift & 0xff);
  }
  return bytes;
}

}  // namespace leat::aws
