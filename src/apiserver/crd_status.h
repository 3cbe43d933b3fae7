// What the server says about a CustomResourceDefinition.
#pragma once

#include "api/types.h"
#include "base/clock.h"
#include "json/value.h"

namespace leat::apiserver {

// Sets acceptedNames, storedVersions and the conditions NamesAccepted and Established of a
// v1-shaped definition: at once and not by a controller, because the type table is in the same
// process. Names that another type has leave both conditions False with the reason, and
// acceptedNames has those that are free; a definition that is established stays so, and keeps the
// names that were accepted before in place of taken ones. The condition leat.dev/RulesNotKept says
// what of the definition this server does not do; without such there is none.
void SetCrdStatus(const api::TypeTable& types, WallTime now, json::Value& crd);

// What the server says stays as it is in `old`, whatever a client wrote to the status.
void KeepFoundStatus(const json::Value& old, json::Value& crd);

// True if it has all the names that it asks for.
bool HasItsNames(const json::Value& crd);
// True if its type is served.
bool IsEstablished(const json::Value& crd);

}  // namespace leat::apiserver
