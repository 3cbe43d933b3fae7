// Digests and checksums, one-shot and incremental.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace leat::hash {

enum class Algorithm { kCrc32, kCrc32c, kCrc64Nvme, kMd5, kSha1, kSha256 };

// Feeds bytes in any pieces; not thread-safe.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void Update(std::string_view bytes);
  // The digest as raw bytes: 4, 4, 8, 16, 20 or 32 of them; CRCs big-endian. Call once.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Digest(Algorithm algorithm, std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);
std::string HmacSha1(std::string_view key, std::string_view bytes);  // for SigV2
// `seed` is the checksum of the bytes before these.
uint32_t Crc32c(std::string_view bytes, uint32_t seed = 0);
// True in time that depends on the lengths only: for secrets.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

}  // namespace leat::hash
