// Signature Version 2 as S3 still takes it: HMAC-SHA1 over a few headers and the resource.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace leat::aws {

// `date`: the Date header ("" when x-amz-date is sent), or Expires of a presigned URL. Query
// parameters that start with x-amz- count as headers, as presigned URLs carry them.
std::string StringToSignV2(std::string_view method, std::string_view path, const net::Query& query,
                           const net::Headers& headers, std::string_view date);
// Base64.
std::string SignatureV2(std::string_view secret, std::string_view string_to_sign);

}  // namespace leat::aws
