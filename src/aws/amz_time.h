// The two ways AWS writes a moment, beside RFC 3339 (base/clock.h).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace leat::aws {

// "20130524T000000Z": X-Amz-Date. Parse is strict; kInvalid.
std::string FormatAmzDate(WallTime time);
Result<WallTime> ParseAmzDate(std::string_view text);

// "Fri, 24 May 2013 00:00:00 GMT": Last-Modified, If-Modified-Since, Date. Reads also a numeric
// zone ("+0000"); kInvalid on anything else.
std::string FormatHttpDate(WallTime time);
Result<WallTime> ParseHttpDate(std::string_view text);

// "2013-05-24T00:00:00.123Z": times in S3's XML.
std::string FormatXmlTime(int64_t unix_ms);

}  // namespace leat::aws
