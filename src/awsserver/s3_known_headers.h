// The x-amz- headers that are obeyed, operation by operation. All others are refused, so that
// nobody believes obeyed what was passed over.
#pragma once

#include <string_view>

#include "awsserver/authenticator.h"
#include "awsserver/object_index.h"
#include "awsserver/service.h"
#include "net/http.h"

namespace leat::awsserver {

// What an operation takes, as bits.
namespace takes {
inline constexpr unsigned kNothing = 0;
inline constexpr unsigned kRead = 1 << 0;      // GetObject, HeadObject
inline constexpr unsigned kBody = 1 << 1;      // a body whose checksum is verified
inline constexpr unsigned kObject = 1 << 2;    // what is kept with an object: PUT, copy, start
inline constexpr unsigned kCopy = 1 << 3;      // CopyObject
inline constexpr unsigned kSource = 1 << 4;    // CopyObject, UploadPartCopy
inline constexpr unsigned kRange = 1 << 5;     // UploadPartCopy
inline constexpr unsigned kStart = 1 << 6;     // CreateMultipartUpload
inline constexpr unsigned kComplete = 1 << 7;  // CompleteMultipartUpload
inline constexpr unsigned kDelete = 1 << 8;
inline constexpr unsigned kBucket = 1 << 9;  // CreateBucket
inline constexpr unsigned kForm = 1 << 10;   // PostObject
inline constexpr unsigned kIfMatch = 1 << 11;
inline constexpr unsigned kIfNoneMatch = 1 << 12;
inline constexpr unsigned kList = 1 << 13;  // lists of objects
}  // namespace takes

// Refuses a field (a header, or one of a form) that begins with x-amz- and that an operation with
// these bits does not obey: InvalidRequest for a checksum that cannot be verified and for
// encryption on a read, else NotImplemented. An empty field asks for nothing.
Answer<void> CheckAmzFields(const Fields& fields, unsigned operation);

// Refuses If-Match and its kin, and Content-Range, with NotImplemented where an operation that
// changes something would not obey them.
Answer<void> CheckConditions(const net::Headers& headers, unsigned operation);

// x-amz-expected-bucket-owner and its kin name this account: else AccessDenied, or
// InvalidBucketOwnerAWSAccountID when it is no account at all.
Answer<void> CheckExpectedOwners(const net::Headers& headers);

// x-amz-trailer announces at most one checksum, in a body that has trailers; else InvalidRequest.
Answer<void> CheckTrailer(const net::Headers& headers, const Caller& caller);

// Whether a header may have that name: a token of RFC 9110.
bool IsHeaderName(std::string_view name);

}  // namespace leat::awsserver
