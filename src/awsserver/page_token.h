// Continuation tokens of listings: opaque to clients, and known again by their checksum.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leat::awsserver {

// Of the last name of a page.
std::string PageToken(std::string_view last_name);
// That name; nullopt for what PageToken did not make.
std::optional<std::string> ReadPageToken(std::string_view token);

}  // namespace leat::awsserver
