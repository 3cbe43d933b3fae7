// S3's own refusals, in Amazon's words.
#pragma once

#include <string>
#include <string_view>

#include "awsserver/service.h"
#include "base/result.h"
#include "net/server.h"

namespace leat::awsserver {

AwsError AccessDenied();
AwsError NoSuchBucket(const std::string& bucket);
AwsError NoSuchKey(const std::string& key);
AwsError NoSuchUpload(const std::string& id);
AwsError PreconditionFailed(const std::string& condition);
AwsError InvalidArgument(std::string message, const std::string& name, std::string_view value);
AwsError InvalidRequest(std::string message);
AwsError MalformedXml();
AwsError EntityTooLarge(uint64_t proposed, uint64_t allowed);
AwsError NotImplemented(std::string_view what);

// A failure of the stores behind S3. kExhausted becomes InsufficientStorage 507, which SDKs do not
// retry; kUnavailable and kTimeout ServiceUnavailable 503; the rest InternalError 500, logged with
// `what`, since clients do not see the reason.
AwsError StorageError(const Error& error, std::string_view what);

// Answers <Error>; HEAD requests and 304 get the status alone.
void WriteXmlError(const AwsError& error, const std::string& resource,
                   const std::string& request_id, net::ResponseWriter& response);

}  // namespace leat::awsserver
