// Deleting all objects of a scope: what the ends of namespaces and of custom types have in common.
#pragma once

#include <optional>
#include <string>

#include "apiserver/verbs.h"

namespace leat::apiserver {

// Deletes every object of the type (in the namespace, when given), in the background way; objects
// that are on their way already are left to it. How many are still there.
Result<int64_t> DeleteAll(Verbs& verbs, const api::TypePtr& type, std::optional<std::string> ns);

}  // namespace leat::apiserver
