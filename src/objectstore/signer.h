// How requests prove who sends them.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "aws/credential_provider.h"
#include "base/result.h"
#include "net/client.h"

namespace leat::objectstore {

// Thread-safe.
class Signer {
 public:
  virtual ~Signer() = default;
  // Adds what proves the sender, as the last step before sending. kUnauthorized when there are no
  // credentials, kUnavailable when whoever gives them cannot be reached.
  virtual Status Sign(net::ClientRequest& request, const std::string& region,
                      const std::stop_token& stop) = 0;
  // The store refused the credentials: the next Sign gets new ones, if it can.
  virtual void Renew() {}
  // Whether what Sign adds is of no use at another host than the request's. Else a request goes to
  // no host that the user did not name.
  virtual bool BoundToHost() const { return true; }
};

// Sends requests as they are.
std::shared_ptr<Signer> MakeAnonymousSigner();
// SigV4 with fixed keys.
std::shared_ptr<Signer> MakeKeySigner(aws::Credentials credentials);
// SigV4 with keys that are refreshed before they expire.
std::shared_ptr<Signer> MakeKeySigner(std::shared_ptr<aws::CredentialProvider> provider);

}  // namespace leat::objectstore
