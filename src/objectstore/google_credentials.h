// Access to Google Cloud Storage by a service account's key file.
#pragma once

#include <memory>
#include <string>

#include "aws/environment.h"
#include "base/result.h"
#include "objectstore/signer.h"

namespace leat::objectstore {

// Sends "Authorization: Bearer <token>" with tokens for reading that the account's token_uri gives
// for a JWT signed with its key (RFC 7523); renewed 5 minutes before they expire. `path` is the
// file of JSON that GOOGLE_APPLICATION_CREDENTIALS names. kInvalid when it is no service account's,
// or its token_uri is not https (http on this machine is taken); messages name the file.
Result<std::shared_ptr<Signer>> MakeGoogleSigner(const std::string& path,
                                                 const std::string& ca_pem);

}  // namespace leat::objectstore
