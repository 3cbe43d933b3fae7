// Who a request is signed as, and where it goes, as the AWS environment and shared files say it.
#pragma once

#include <string>

#include "aws/environment.h"
#include "base/result.h"

namespace leat::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // "" for permanent keys
  bool empty() const { return access_key_id.empty(); }
  bool operator==(const Credentials&) const = default;
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; else the profile (AWS_PROFILE, or
// "default") of the shared credentials file (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials).
// kNotFound says which places were looked at. CredentialProvider looks further.
Result<Credentials> FindCredentials(const Environment& environment = ProcessEnvironment());
// The two steps of it, each kNotFound: the variables alone, and the file alone.
Result<Credentials> CredentialsFromVariables(const Environment& environment);
Result<Credentials> CredentialsFromFile(const Environment& environment);

// The endpoint for a service ("s3", "sagemaker", "logs", "sts"): AWS_ENDPOINT_URL_<SERVICE>,
// AWS_ENDPOINT_URL, else endpoint_url of the profile in AWS_CONFIG_FILE (~/.aws/config), else AWS's
// own for the region. Never fails.
std::string FindEndpoint(const std::string& service, const std::string& region,
                         const Environment& environment = ProcessEnvironment());
// AWS_REGION, AWS_DEFAULT_REGION, the profile's region, else "us-east-1".
std::string FindRegion(const Environment& environment = ProcessEnvironment());

}  // namespace leat::aws
