// AWS's chain of places where a program finds its credentials, and their renewal.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "aws/credentials.h"
#include "aws/environment.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace leat::aws {

// Credentials, and until when they are good; nullopt: for ever.
struct TimedCredentials {
  Credentials credentials;
  std::optional<WallTime> expires;
};

// Looks at these places in turn and stays with the first that is set up:
//   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (AWS_ROLE_SESSION_NAME), by
//      AssumeRoleWithWebIdentity at AWS_ENDPOINT_URL_STS or the region's STS
//   3. the profile of the shared credentials file
//   4. a container's: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with
//      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN
//   5. the instance's role (IMDSv2), at AWS_EC2_METADATA_SERVICE_ENDPOINT when that is set, unless
//      AWS_EC2_METADATA_DISABLED is "true"
// A place that is set up and fails ends the search with its error. No credential_process, SSO or
// role_arn of a profile. Thread-safe.
class CredentialProvider {
 public:
  explicit CredentialProvider(Environment environment = ProcessEnvironment());

  // Those to sign with now. They are fetched again 5 minutes before they expire; while that fails,
  // the old ones are given to their end, with a warning. kUnauthorized when there are none (the
  // message lists where it looked) or a place refuses; kUnavailable, kTimeout, kCancelled.
  Result<Credentials> Get(const std::stop_token& stop = {});
  // A service called them expired: the next Get fetches. At most one fetch in 5 s comes of this.
  void Invalidate();

 private:
  Result<Credentials> Keep(Result<TimedCredentials> fetched);

  const Environment environment_;
  Mutex mu_;
  CondVar changed_;
  bool fetching_ GUARDED_BY(mu_) = false;  // one at a time; the others wait
  bool invalid_ GUARDED_BY(mu_) = false;
  std::optional<TimedCredentials> current_ GUARDED_BY(mu_);
  std::optional<MonoTime> fetched_at_ GUARDED_BY(mu_);  // or failed to
  std::optional<MonoTime> renewed_at_ GUARDED_BY(mu_);  // because of Invalidate
};

}  // namespace leat::aws
