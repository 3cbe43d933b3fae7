// What S3 keeps with an object: the headers a client sends with it and gets back.
#pragma once

#include "awsserver/object_index.h"
#include "awsserver/service.h"
#include "net/http.h"
#include "net/server.h"

namespace leat::awsserver {

// Content-Type (binary/octet-stream by default), Cache-Control and their kin, and x-amz-meta-*.
// MetadataTooLarge beyond 2 KB.
Answer<Fields> HeadersToKeep(const net::Headers& headers);
// The same from the fields of a POST form.
Answer<Fields> FieldsToKeep(const Fields& form);

// Last-Modified, ETag, the kept headers, and the checksum when the client asks for it
// (x-amz-checksum-mode: ENABLED) and gets the whole object. Metadata beyond ASCII is encoded as
// RFC 2047 says.
void DescribeObject(const ObjectRecord& object, const net::ServerRequest& request, bool whole,
                    net::Headers& response);
// response-content-type=... and its kin replace what is kept; InvalidRequest is not checked, as the
// caller is signed by then.
void OverrideHeaders(const net::Query& query, net::Headers& response);

void AddChecksumHeaders(const Checksum& checksum, net::Headers& response);
std::string Quoted(const std::string& etag);

}  // namespace leat::awsserver
