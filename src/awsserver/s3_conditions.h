// Conditional requests and ranges, as RFC 9110 and S3 define them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "awsserver/object_index.h"
#include "awsserver/service.h"
#include "net/http.h"

namespace leat::awsserver {

// Whether a GET or HEAD may go on: PreconditionFailed (412), or type "NotModified" with status 304.
Answer<void> CheckReadConditions(const net::Headers& headers, const ObjectRecord& object);
// The x-amz-copy-source-if-... headers; every failure is PreconditionFailed.
Answer<void> CheckCopyConditions(const net::Headers& headers, const ObjectRecord& source);
// If-None-Match: * and If-Match of a PUT. NotImplemented for other forms.
Answer<Precondition> WriteCondition(const net::Headers& headers);

// An ETag without its quotes and without W/.
std::string_view UnquotedEtag(std::string_view etag);

struct ByteRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};
// The single range that `Range` asks for; nullopt when there is none, or several, or it is
// malformed: then the whole object is served. InvalidRange (416) when it lies outside.
Answer<std::optional<ByteRange>> RequestedRange(std::string_view range, uint64_t object_size);

// The range of x-amz-copy-source-range, which must have the form bytes=first-last and lie within
// the source: else InvalidArgument. nullopt when the header is not there.
Answer<std::optional<ByteRange>> CopyRange(const net::Headers& headers, uint64_t source_size);

}  // namespace leat::awsserver
