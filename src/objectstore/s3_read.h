// Reading a range of one version of an S3 object: what S3Client and S3ObjectStore share.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "objectstore/s3_session.h"

namespace leat::objectstore {

// Gives exactly bytes [offset, offset + size) of the version `etag` of the call's object to `sink`,
// in order; what breaks off is asked for again from there. kConflict when the object has another
// ETag by now; kCorrupt, after the retries, when answers have none (a proxy's page) or are of
// another range or length. An error from `sink` ends it with that error.
Status ReadObject(S3Session& session, S3Call call, const std::string& etag, uint64_t offset,
                  uint64_t size, const std::function<Status(std::string_view)>& sink,
                  const std::stop_token& stop);

}  // namespace leat::objectstore
