// What a CreateTrainingJob request asks for that Leat does not do.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"

namespace leat::engine {

// Members of the request, "VpcConfig" or "OutputDataConfig.KmsKeyId", that are kept with the job
// and have no effect here, in the order of their names. Those that ask for nothing (false, null,
// empty) are left out, and so are those that ReadJob refuses.
std::vector<std::string> UnobeyedMembers(const json::Value& request);

}  // namespace leat::engine
