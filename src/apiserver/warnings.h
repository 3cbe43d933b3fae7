// What is allowed in an object and yet likely a mistake, in Kubernetes' words: for `Warning`
// headers.
#pragma once

#include <string>
#include <vector>

#include "api/types.h"
#include "json/value.h"

namespace leat::apiserver {

// Adds a warning, once: an attempt to write that is repeated finds the same ones again. The first
// 20 stay, since headers have a limit at every client.
void Warn(std::vector<std::string>& warnings, std::string text);

// An owner that is named twice stays once. `warnings` gets the text that says so.
void DropDuplicateOwners(json::Value& object, std::vector<std::string>& warnings);

// Of an object that will be stored in the place of `old` (null: of none): finalizers that are added
// and have no domain; in a new pod, environment variables and ports that are there twice.
void AddWarnings(const api::Type& type, const json::Value& object, const json::Value* old,
                 std::vector<std::string>& warnings);

}  // namespace leat::apiserver
