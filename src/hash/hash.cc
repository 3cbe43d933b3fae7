#include "hash/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

#include <climits>

#include "base/result.h"
#include "hash/crc.h"

namespace leat::hash {
namespace {

// Null for the checksums.
const EVP_MD* OpensslName(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kCrc32:
    case Algorithm::kCrc32c:
    case Algorithm::kCrc64Nvme:
      return nullptr;
    case Algorithm::kMd5:
      return EVP_md5();
    case Algorithm::kSha1:
      return EVP_sha1();
    case Algorithm::kSha256:
      return EVP_sha256();
  }
  return nullptr;
}

std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string Hmac(const EVP_MD* digest, std::string_view key, std::string_view bytes) {
  LEAT_CHECK(key.size() <= INT_MAX, "an HMAC key of gigabytes");
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  // A null key would mean "the key of the last call".
  const void* key_bytes = key.empty() ? "" : key.data();
  const unsigned char* made =
      HMAC(digest, key_bytes, static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), code, &size);
  LEAT_CHECK(made, "OpenSSL refused an HMAC");
  return std::string(reinterpret_cast<const char*>(code), size);
}

}  // namespace

struct Hasher::State {
  Algorithm algorithm;
  uint64_t crc = 0;           // for the checksums
  EVP_MD_CTX* evp = nullptr;  // for the digests
  bool finished = false;

  ~State() { EVP_MD_CTX_free(evp); }
};

Hasher::Hasher(Algorithm algorithm) : state_(new State{.algorithm = algorithm}) {
  const EVP_MD* digest = OpensslName(algorithm);
  if (!digest) return;
  state_->evp = EVP_MD_CTX_new();
  LEAT_CHECK(state_->evp && EVP_DigestInit_ex(state_->evp, digest, nullptr) == 1,
             "OpenSSL refused a digest; is it in FIPS mode?");
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(std::string_view bytes) {
  State& s = *state_;
  LEAT_CHECK(!s.finished, "Update after Finish");
  switch (s.algorithm) {
    case Algorithm::kCrc32:
      // zlib takes a null pointer as the wish for an initial value.
      if (!bytes.empty())
        s.crc = crc32_z(s.crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
      return;
    case Algorithm::kCrc32c:
      s.crc = UpdateCrc32c(static_cast<uint32_t>(s.crc), bytes);
      return;
    case Algorithm::kCrc64Nvme:
      s.crc = UpdateCrc64Nvme(s.crc, bytes);
      return;
    case Algorithm::kMd5:
    case Algorithm::kSha1:
    case Algorithm::kSha256:
      LEAT_CHECK(EVP_DigestUpdate(s.evp, bytes.data(), bytes.size()) == 1, "OpenSSL failed");
      return;
  }
}

std::string Hasher::Finish() {
  State& s = *state_;
  LEAT_CHECK(!s.finished, "Finish twice");
  s.finished = true;
  if (!s.evp) return BigEndian(s.crc, s.algorithm == Algorithm::kCrc64Nvme ? 8 : 4);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  LEAT_CHECK(EVP_DigestFinal_ex(s.evp, digest, &size) == 1, "OpenSSL failed");
  return std::string(reinterpret_cast<const char*>(digest), size);
}

std::string Digest(Algorithm algorithm, std::string_view bytes) {
  Hasher hasher(algorithm);
  hasher.Update(bytes);
  return hasher.Finish();
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  return Hmac(EVP_sha256(), key, bytes);
}

std::string HmacSha1(std::string_view key, std::string_view bytes) {
  return Hmac(EVP_sha1(), key, bytes);
}

uint32_t Crc32c(std::string_view bytes, uint32_t seed) { return UpdateCrc32c(seed, bytes); }

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace leat::hash
