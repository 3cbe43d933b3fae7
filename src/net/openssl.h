// Owners and errors for OpenSSL's objects, shared by the two files that use it.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::net {

template <auto free_function>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;

// "what: reason" from OpenSSL's error queue of this thread, which it empties.
Error OpenSslError(Code code, std::string_view what);

// kInvalid when the text holds no certificate or key; `what` names the text.
Result<X509Ptr> ReadCertificate(std::string_view pem, std::string_view what);
Result<KeyPtr> ReadKey(std::string_view pem, std::string_view what);

}  // namespace leat::net
