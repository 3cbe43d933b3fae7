// Trust anchors for AWS endpoints that are not Amazon's.
#pragma once

#include <string>

#include "aws/environment.h"

namespace leat::aws {

// The PEM text of AWS_CA_BUNDLE, else of the profile's ca_bundle in the config file; "" when
// neither is set (the system's trust anchors then hold) or, after a warning, it cannot be read.
std::string FindCaBundle(const Environment& environment = ProcessEnvironment());

}  // namespace leat::aws
