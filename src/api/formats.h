// The formats of strings in schemas that are a matter of their characters alone.
#pragma once

#include <string_view>

namespace leat::api {

// email, uri, hostname, mac, duration, uuid (3, 4, 5), hexcolor, rgbcolor, isbn (10, 13), ssn,
// bsonobjectid, as upstream's library reads them; true for every other format.
bool HasTextFormat(std::string_view format, std::string_view text);

}  // namespace leat::api
