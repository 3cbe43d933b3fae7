#include "hash/rsa.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <climits>
#include <memory>

namespace leat::hash {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

// Without it OpenSSL would ask for a passphrase on the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

template <class Read>
Result<Key> ReadKey(std::string_view pem, Read read, const char* kind) {
  const Error invalid{Code::kInvalid, std::string("not a PEM text of an RSA ") + kind + " key"};
  if (pem.size() > INT_MAX) return invalid;
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  LEAT_CHECK(bio, "out of memory");
  Key key(read(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) return invalid;
  return key;
}

}  // namespace

Result<std::string> SignRsaSha256(std::string_view private_key_pem, std::string_view bytes) {
  const auto key = ReadKey(private_key_pem, PEM_read_bio_PrivateKey, "private");
  if (!key) return key.error();
  const Context context(EVP_MD_CTX_new());
  size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const bool began =
      context &&
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key->get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) == 1;
  std::string signature(size, '\0');
  const bool done =
      began && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                              &size, data, bytes.size()) == 1;
  ERR_clear_error();
  if (!done)
    return Error{Code::kInvalid, "OpenSSL cannot sign with this RSA key: is it too short?"};
  signature.resize(size);
  return signature;
}

Result<bool> VerifyRsaSha256(std::string_view public_key_pem, std::string_view bytes,
                             std::string_view signature) {
  const auto key = ReadKey(public_key_pem, PEM_read_bio_PUBKEY, "public");
  if (!key) return key.error();
  const Context context(EVP_MD_CTX_new());
  const bool valid =
      context &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key->get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace leat::hash
