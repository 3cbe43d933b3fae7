// Which operation of S3 a request asks for.
#pragma once

#include "awsserver/s3_operations.h"
#include "awsserver/service.h"

namespace leat::awsserver {

using S3Operation = Answer<void> (*)(const S3Stores&, S3Call&);

// The operation, whose parameters and x-amz- headers are all known. An unknown one is refused with
// NotImplemented, for it may name another operation: PUT ?tagging must not become PUT. Only a GET
// or HEAD may have unknown parameters, with a value; they are ignored, as at Amazon.
// MethodNotAllowed, NoSuchVersion, InvalidBucketName; and what s3_known_headers.h says.
Answer<S3Operation> FindOperation(const S3Call& call);

// Presigned links carry headers as parameters, which their signatures cover: makes headers of them,
// but for checksums, which signers of links compute over a body they do not have. InvalidArgument
// for a malformed name.
Answer<void> TakeHeadersFromQuery(net::ServerRequest& request);

}  // namespace leat::awsserver
