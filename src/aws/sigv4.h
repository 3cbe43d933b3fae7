// Signature Version 4: how AWS requests prove who sent them, made and checked.
//
// A request is written in canonical form, its hash put into a string to sign, and that signed with
// a key derived from the secret, the day, the region and the service. The signature travels in the
// Authorization header, in the query (presigned URLs), or in a form field (POST policies).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/client.h"
#include "net/http.h"

namespace leat::aws {

inline constexpr std::string_view kV4Algorithm = "AWS4-HMAC-SHA256";
// Values of x-amz-content-sha256 beside a hash.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// What a signature is good for: one day, one region, one service.
struct Scope {
  std::string date;  // "20130524"
  std::string region;
  std::string service;
  // "20130524/us-east-1/s3/aws4_request"
  std::string ToString() const;
};

// What was signed, as it is found on the wire. Views must outlive the use.
struct SignedRequest {
  std::string_view method;
  std::string_view path;       // percent-encoded, as sent
  std::string_view raw_query;  // as sent; X-Amz-Signature is left out of it
  const net::Headers& headers;
  const std::vector<std::string>& signed_headers;  // lower case, sorted
  std::string_view payload_hash;                   // hex, or one of AWS's words for "not hashed"
};

// S3 encodes the path once and keeps "//" and ".."; every other service encodes it twice.
enum class PathRule { kS3, kOthers };
inline PathRule RuleFor(std::string_view service) {
  return service == "s3" ? PathRule::kS3 : PathRule::kOthers;
}

std::string CanonicalRequest(const SignedRequest& request, PathRule rule);
std::string StringToSign(std::string_view amz_date, const Scope& scope,
                         std::string_view canonical_request);
// Raw bytes; good for a whole day, so callers may keep it.
std::string SigningKey(std::string_view secret, const Scope& scope);
// Hex.
std::string Signature(std::string_view signing_key, std::string_view string_to_sign);

// A signature as it arrived, not yet checked.
struct Authorization {
  std::string access_key_id;
  Scope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string amz_date;
  std::string session_token;
  // Of a presigned URL: how long it is good for after amz_date.
  std::optional<std::chrono::seconds> expires;
};
// Reads "AKID/20130524/us-east-1/s3/aws4_request" into access_key_id and scope; kInvalid.
Status ParseCredential(std::string_view text, Authorization& into);
// From the Authorization header; kInvalid says which part is missing.
Result<Authorization> ParseAuthorizationHeader(const net::Headers& headers);
// From X-Amz-... query parameters; kInvalid.
Result<Authorization> ParseAuthorizationQuery(const net::Query& query);

// Lower case, as canonical requests want it.
std::string Sha256Hex(std::string_view bytes);

struct SignOptions {
  const Credentials& credentials;
  std::string_view region;
  std::string_view service;
  WallTime now;
  // Hex SHA-256 of the body, or kUnsignedPayload.
  std::string_view payload_hash;
};
// Adds X-Amz-Date, X-Amz-Security-Token, (for s3) X-Amz-Content-Sha256 and Authorization. Every
// header the request has by then is signed.
void SignV4(net::ClientRequest& request, const SignOptions& options);
// The query string that lets anyone send `method` to `url` until `expires` has passed.
std::string PresignV4(std::string_view method, const net::Url& url, const SignOptions& options,
                      std::chrono::seconds expires);

}  // namespace leat::aws
