// Who a request is signed as.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace leat::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // "" for permanent keys
  bool empty() const { return access_key_id.empty(); }
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; else the profile (AWS_PROFILE, or
// "default") of the shared credentials file (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials).
// kNotFound says which places were looked at.
Result<Credentials> FindCredentials();

// The endpoint for a service ("s3", "sagemaker", "logs"): AWS_ENDPOINT_URL_<SERVICE>,
// AWS_ENDPOINT_URL, else endpoint_url of the profile in AWS_CONFIG_FILE (~/.aws/config), else AWS's
// own for the region. Never fails.
std::string FindEndpoint(const std::string& service, const std::string& region);
// AWS_REGION, AWS_DEFAULT_REGION, the profile's region, else "us-east-1".
std::string FindRegion();

}  // namespace leat::aws
