// Schemas as OpenAPI v3 writes them: what `kubectl explain` shows.
#pragma once

#include "api/types.h"

namespace leat::api {

// The schema of a built-in kind: fields, types, defaults, and how lists merge. Custom kinds have
// theirs in their CustomResourceDefinition, with descriptions and all validations.
json::Value OpenApiSchema(const Schema& schema);

}  // namespace leat::api
