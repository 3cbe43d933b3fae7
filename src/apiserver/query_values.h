// Values of query parameters, each kind read in one way everywhere. Of a parameter given several
// times the first counts, as in Kubernetes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace leat::apiserver {

// A switch, as Kubernetes reads all of them: nullopt when it is absent; off for "0" and for "false"
// in any case; on for everything else, an empty value too.
std::optional<bool> ReadSwitch(const net::Query& query, std::string_view name);
// False too when it is absent.
bool IsOn(const net::Query& query, std::string_view name);

// A whole number; nullopt when it is absent. kInvalid names the parameter.
Result<std::optional<int64_t>> ReadNumber(const net::Query& query, std::string_view name);

}  // namespace leat::apiserver
