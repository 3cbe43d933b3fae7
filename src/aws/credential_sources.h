// The places of the credential chain that are asked over HTTP. Internal to this module.
#pragma once

#include <stop_token>

#include "aws/credential_provider.h"

namespace leat::aws {

// Each gives kNotFound when it is not set up here, which lets the search go on; any other error
// ends it.
Result<TimedCredentials> FromWebIdentity(const Environment& environment,
                                         const std::stop_token& stop);
Result<TimedCredentials> FromContainer(const Environment& environment, const std::stop_token& stop);
// Outside of EC2 it is kNotFound after about a second.
Result<TimedCredentials> FromInstance(const Environment& environment, const std::stop_token& stop);

}  // namespace leat::aws
