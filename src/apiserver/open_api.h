// /openapi/v3: what `kubectl explain` reads, and where kubectl looks whether a server checks
// fields.
#pragma once

#include <optional>
#include <string_view>

#include "api/types.h"
#include "store/store.h"

namespace leat::apiserver {

// Where the document of each group version is.
json::Value OpenApiIndex(const api::TypeTable& types);

// The schemas of one group version, and of its paths as much as kubectl looks at. nullopt when it
// is not served. The schemas of custom kinds are read from their definitions in the store.
std::optional<json::Value> OpenApiDocument(const api::TypeTable& types, const store::Store& store,
                                           std::string_view group, std::string_view version);

}  // namespace leat::apiserver
