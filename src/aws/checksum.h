// The checksums that S3 clients may send beside a body: x-amz-checksum-crc32 and its kin.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hash/hash.h"

namespace leat::aws {

inline constexpr std::array<hash::Algorithm, 5> kChecksumAlgorithms = {
    hash::Algorithm::kCrc32, hash::Algorithm::kCrc32c, hash::Algorithm::kCrc64Nvme,
    hash::Algorithm::kSha1, hash::Algorithm::kSha256};

// "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"; "" for MD5.
std::string_view ChecksumName(hash::Algorithm algorithm);
// By name, in any case; nullopt for others.
std::optional<hash::Algorithm> ChecksumByName(std::string_view name);
// "x-amz-checksum-crc32"
std::string ChecksumHeader(hash::Algorithm algorithm);
// "ChecksumCRC32": the element in XML.
std::string ChecksumElement(hash::Algorithm algorithm);
bool IsCrc(hash::Algorithm algorithm);

// The CRC of A followed by B from their own CRCs (raw big-endian bytes, as hash::Digest gives them)
// and the length of B. The algorithm must be a CRC.
std::string CombineCrc(hash::Algorithm algorithm, std::string_view crc_a, std::string_view crc_b,
                       uint64_t length_b);

}  // namespace leat::aws
