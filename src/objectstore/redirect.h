// Where answers that point elsewhere lead.
#pragma once

#include <optional>
#include <string_view>

#include "net/client.h"

namespace leat::objectstore {

bool IsRedirect(int status);
// `location` as it is seen from `from`; nullopt when it is no http(s) URL, or leads from https to
// http.
std::optional<net::Url> RedirectTarget(const net::Url& from, std::string_view location);

}  // namespace leat::objectstore
