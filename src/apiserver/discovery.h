// Discovery: what a client can ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/types.h"
#include "json/value.h"

namespace leat::apiserver {

json::Value VersionInfo();                           // /version
json::Value CoreVersions(std::string_view address);  // /api
json::Value GroupList(const api::TypeTable& types);  // /apis
// /apis/GROUP and /apis/GROUP/VERSION (group "" = /api/VERSION); nullopt: nothing there.
std::optional<json::Value> GroupInfo(const api::TypeTable& types, std::string_view group);
std::optional<json::Value> ResourceList(const api::TypeTable& types, std::string_view group,
                                        std::string_view version);
// APIGroupDiscoveryList (apidiscovery.k8s.io `version`): everything at once. For /api when `core`,
// else for /apis.
json::Value AggregatedDiscovery(const api::TypeTable& types, std::string_view version, bool core);

}  // namespace leat::apiserver
