// RSA signatures, for tokens that a service account signs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::hash {

// RSASSA-PKCS1-v1_5 with SHA-256 (JWT's RS256): as many raw bytes as the key is long. kInvalid when
// the text is no PEM of an RSA private key; encrypted keys are not supported.
Result<std::string> SignRsaSha256(std::string_view private_key_pem, std::string_view bytes);

// For the tests of those who check such signatures: whether it is one by the public key (PEM).
Result<bool> VerifyRsaSha256(std::string_view public_key_pem, std::string_view bytes,
                             std::string_view signature);

}  // namespace leat::hash
