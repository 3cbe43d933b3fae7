#include "awsserver/authenticator.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/amz_time.h"
#include "aws/sigv2.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

constexpr std::chrono::minutes kMaxSkew{15};
constexpr char kV2Prefix[] = "AWS ";

AwsError InvalidAccessKeyId(const std::string& id) {
  return {"InvalidAccessKeyId",
          "The AWS Access Key Id you provided does not exist in our records.",
          403,
          {{"AWSAccessKeyId", id}}};
}

std::string SpacedHex(std::string_view bytes) {
  const std::string hex = HexEncode(bytes);
  std::string spaced;
  for (size_t i = 0; i < hex.size(); i += 2) {
    if (i > 0) spaced += ' ';
    spaced += hex.substr(i, 2);
  }
  return spaced;
}

AwsError SignatureDoesNotMatch(const std::string& id, std::string_view given,
                               const std::string& string_to_sign,
                               const std::string& canonical_request) {
  AwsError error{"SignatureDoesNotMatch",
                 "The request signature we calculated does not match the signature you provided. "
                 "Check your key and signing method.",
                 403,
                 {{"AWSAccessKeyId", id},
                  {"StringToSign", string_to_sign},
                  {"SignatureProvided", std::string(given)},
                  {"StringToSignBytes", SpacedHex(string_to_sign)}}};
  if (!canonical_request.empty()) {
    error.details.emplace_back("CanonicalRequest", canonical_request);
    error.details.emplace_back("CanonicalRequestBytes", SpacedHex(canonical_request));
  }
  return error;
}

AwsError TooSkewed(std::string_view request_time, WallTime now) {
  return {"RequestTimeTooSkewed",
          "The difference between the request time and the current time is too large.",
          403,
          {{"RequestTime", std::string(request_time)},
           {"ServerTime", FormatTime(now)},
           {"MaxAllowedSkewMilliseconds", "900000"}}};
}

AwsError Expired(WallTime expires, WallTime now) {
  return {"AccessDenied",
          "Request has expired",
          403,
          {{"Expires", FormatTime(expires)}, {"ServerTime", FormatTime(now)}}};
}

bool OutsideSkew(WallTime time, WallTime now) {
  return time < now - kMaxSkew || time > now + kMaxSkew;
}

// AWS refuses x-amz- headers that the signature does not cover: someone on the way may have added
// them. x-amz-content-sha256 only repeats what is signed anyway.
Answer<void> RequireSignedHeaders(const net::Headers& headers,
                                  const std::vector<std::string>& signed_headers) {
  const auto is_signed = [&](const std::string& name) {
    return std::find(signed_headers.begin(), signed_headers.end(), name) != signed_headers.end();
  };
  std::vector<std::string> missing;
  if (!is_signed("host")) missing.emplace_back("host");
  for (const auto& [name, value] : headers.all()) {
    const std::string lower = Lower(name);
    if (lower.starts_with("x-amz-") && lower != "x-amz-content-sha256" && !is_signed(lower)) {
      missing.push_back(lower);
    }
  }
  if (missing.empty()) return {};
  return AwsError{"AccessDenied",
                  "There were headers present in the request which were not signed",
                  403,
                  {{"HeadersNotSigned", Join(missing, ", ")}}};
}

}  // namespace

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

SignatureKind KindOf(const net::ServerRequest& request) {
  const std::string_view header = request.headers.Get("Authorization");
  if (header.starts_with(kV2Prefix)) return SignatureKind::kV2Header;
  if (!header.empty()) return SignatureKind::kV4Header;
  if (request.query.Has("X-Amz-Algorithm") || request.query.Has("X-Amz-Signature")) {
    return SignatureKind::kV4Query;
  }
  if (request.query.Has("AWSAccessKeyId") && request.query.Has("Signature")) {
    return SignatureKind::kV2Query;
  }
  return SignatureKind::kNone;
}

std::string ClaimedService(const net::ServerRequest& request) {
  switch (KindOf(request)) {
    case SignatureKind::kNone:
      return "";
    case SignatureKind::kV2Header:
    case SignatureKind::kV2Query:
      return "s3";
    case SignatureKind::kV4Header: {
      const auto auth = aws::ParseAuthorizationHeader(request.headers);
      return auth ? auth->scope.service : "";
    }
    case SignatureKind::kV4Query: {
      const auto auth = aws::ParseAuthorizationQuery(request.query);
      return auth ? auth->scope.service : "";
    }
  }
  return "";
}

Answer<Key> Authenticator::FindKey(const std::string& access_key_id,
                                   std::string_view session_token) {
  auto key = keys_.Find(access_key_id);
  if (!key && key.error().code == Code::kUnavailable) {
    return AwsError{"ServiceUnavailable", key.error().message, 503};
  }
  if (!key) return InvalidAccessKeyId(access_key_id);
  if (!hash::ConstantTimeEquals(key->credentials.session_token, session_token)) {
    return AwsError{"InvalidToken", "The provided token is malformed or otherwise invalid.", 400};
  }
  return std::move(*key);
}

Answer<void> Authenticator::CheckTime(const aws::Authorization& auth) {
  const auto date = aws::ParseAmzDate(auth.amz_date);
  if (!date) return AwsError{"AccessDenied", date.error().message, 403};
  const WallTime now = clock_.Now();
  if (!auth.expires) {
    if (OutsideSkew(*date, now)) return TooSkewed(auth.amz_date, now);
    return {};
  }
  if (*date > now + kMaxSkew) return AwsError{"AccessDenied", "Request is not yet valid", 403};
  if (now > *date + *auth.expires) return Expired(*date + *auth.expires, now);
  return {};
}

Answer<Key> Authenticator::CheckClaims(const net::ServerRequest& request,
                                       const aws::Authorization& auth) {
  auto key = FindKey(auth.access_key_id, auth.session_token);
  if (!key) return key.error();
  if (const auto timely = CheckTime(auth); !timely) return timely.error();
  if (!auth.amz_date.starts_with(auth.scope.date)) {
    return AwsError{"AuthorizationHeaderMalformed",
                    fmt::format("the credential's date {} is not that of the request, {}",
                                auth.scope.date, auth.amz_date.substr(0, 8)),
                    400};
  }
  if (const auto covered = RequireSignedHeaders(request.headers, auth.signed_headers); !covered) {
    return covered.error();
  }
  return key;
}

Answer<Caller> Authenticator::CheckSignature(const net::ServerRequest& request,
                                             const aws::Authorization& auth, const Key& key,
                                             std::string_view payload_hash) {
  const std::string canonical = aws::CanonicalRequest({.method = request.method,
                                                       .path = request.path,
                                                       .raw_query = request.raw_query,
                                                       .headers = request.headers,
                                                       .signed_headers = auth.signed_headers,
                                                       .payload_hash = payload_hash},
                                                      aws::RuleFor(auth.scope.service));
  const std::string string_to_sign = aws::StringToSign(auth.amz_date, auth.scope, canonical);
  std::string signing_key = aws::SigningKey(key.credentials.secret_access_key, auth.scope);
  if (!hash::ConstantTimeEquals(aws::Signature(signing_key, string_to_sign), auth.signature)) {
    return SignatureDoesNotMatch(auth.access_key_id, auth.signature, string_to_sign, canonical);
  }
  return Caller{.principal = key.principal,
                .region = auth.scope.region,
                .payload_hash = std::string(payload_hash),
                .chunk_signing = {.signing_key = std::move(signing_key),
                                  .amz_date = auth.amz_date,
                                  .scope = auth.scope.ToString(),
                                  .seed_signature = auth.signature}};
}

Answer<Caller> Authenticator::CheckV4(const net::ServerRequest& request,
                                      const aws::Authorization& auth,
                                      std::string_view payload_hash) {
  const auto key = CheckClaims(request, auth);
  if (!key) return key.error();
  return CheckSignature(request, auth, *key, payload_hash);
}

Answer<Caller> Authenticator::CheckV2(const net::ServerRequest& request, SignatureKind kind) {
  std::string id, signature, date;
  const WallTime now = clock_.Now();
  if (kind == SignatureKind::kV2Query) {
    id = request.query.Get("AWSAccessKeyId");
    signature = request.query.Get("Signature");
    date = request.query.Get("Expires");
    const auto expires = ParseInt(date);
    if (!expires) {
      return AwsError{"AccessDenied",
                      "Query-string authentication requires the Signature, Expires and "
                      "AWSAccessKeyId parameters",
                      403};
    }
    const int64_t now_s = std::chrono::system_clock::to_time_t(now);
    if (now_s > *expires) {
      return Expired(WallTime(std::chrono::seconds(std::max<int64_t>(*expires, 0))), now);
    }
  } else {
    const auto pair = Cut(request.headers.Get("Authorization").substr(4), ":");
    if (!pair) return AwsError{"InvalidArgument", "Authorization header is invalid", 400};
    id = Trim(pair->first);
    signature = Trim(pair->second);
    const bool amz = request.headers.Has("x-amz-date");
    const std::string_view stamp = request.headers.Get(amz ? "x-amz-date" : "Date");
    const auto time = aws::ParseHttpDate(stamp);
    if (!time) return AwsError{"AccessDenied", "the request needs a valid Date header", 403};
    if (OutsideSkew(*time, now)) return TooSkewed(stamp, now);
    if (!amz) date = stamp;
  }
  const bool in_query = request.query.Has("x-amz-security-token");
  const auto key = FindKey(id, in_query ? request.query.Get("x-amz-security-token")
                                        : request.headers.Get("x-amz-security-token"));
  if (!key) return key.error();
  const auto string_to_sign = [&](const std::string& path) {
    return aws::StringToSignV2(request.method, path, request.query, request.headers, date);
  };
  const auto matches = [&](const std::string& path) {
    return hash::ConstantTimeEquals(
        aws::SignatureV2(key->credentials.secret_access_key, string_to_sign(path)), signature);
  };
  // Some clients sign a bucket's path with a slash at its end that they do not send. A key that
  // ends in a slash is another key.
  const bool is_bucket = request.path.find('/', 1) == std::string::npos;
  if (!matches(request.path) && !(is_bucket && matches(request.path + "/"))) {
    return SignatureDoesNotMatch(id, signature, string_to_sign(request.path), "");
  }
  return Caller{.principal = key->principal,
                .region = "",
                .payload_hash = std::string(aws::kUnsignedPayload),
                .chunk_signing = {}};
}

Answer<Caller> Authenticator::CheckS3(const net::ServerRequest& request) {
  const SignatureKind kind = KindOf(request);
  switch (kind) {
    case SignatureKind::kNone:
      return AwsError{"AccessDenied", "Access Denied", 403};
    case SignatureKind::kV2Header:
    case SignatureKind::kV2Query:
      return CheckV2(request, kind);
    case SignatureKind::kV4Header: {
      const auto auth = aws::ParseAuthorizationHeader(request.headers);
      if (!auth) return AwsError{"AuthorizationHeaderMalformed", auth.error().message, 400};
      if (!request.headers.Has("x-amz-content-sha256")) {
        return AwsError{"InvalidRequest",
                        "Missing required header for this request: x-amz-content-sha256", 400};
      }
      return CheckV4(request, *auth, request.headers.Get("x-amz-content-sha256"));
    }
    case SignatureKind::kV4Query: {
      const auto auth = aws::ParseAuthorizationQuery(request.query);
      if (!auth) {
        return AwsError{"AuthorizationQueryParametersError", auth.error().message, 400};
      }
      const bool declared = request.headers.Has("x-amz-content-sha256");
      return CheckV4(
          request, *auth,
          declared ? request.headers.Get("x-amz-content-sha256") : aws::kUnsignedPayload);
    }
  }
  return AwsError{"AccessDenied", "Access Denied", 403};
}

Answer<Caller> Authenticator::CheckService(const net::ServerRequest& request,
                                           const BodyHash& body_hash) {
  const SignatureKind kind = KindOf(request);
  if (kind != SignatureKind::kV4Header && kind != SignatureKind::kV4Query) {
    return AwsError{"MissingAuthenticationToken", "Missing Authentication Token", 403};
  }
  const bool in_header = kind == SignatureKind::kV4Header;
  const auto auth = in_header ? aws::ParseAuthorizationHeader(request.headers)
                              : aws::ParseAuthorizationQuery(request.query);
  if (!auth) {
    return AwsError{
        in_header ? "AuthorizationHeaderMalformed" : "AuthorizationQueryParametersError",
        auth.error().message, 400};
  }
  const auto key = CheckClaims(request, *auth);
  if (!key) return key.error();
  const std::string_view declared = request.headers.Get("x-amz-content-sha256");
  if (IsSha256Hex(declared)) {
    if (auto signed_so = CheckSignature(request, *auth, *key, declared); !signed_so)
      return signed_so.error();
  }
  const auto hash = body_hash();
  if (!hash) return hash.error();
  return CheckSignature(request, *auth, *key, *hash);
}

Answer<Caller> Authenticator::CheckForm(const FormSignature& form) {
  const auto denied = [](const char* message) { return AwsError{"AccessDenied", message, 403}; };
  if (form.policy.empty()) return denied("Access Denied");
  if (!form.v2_signature.empty()) {
    const auto key = FindKey(form.v2_access_key_id, form.session_token);
    if (!key) return key.error();
    const std::string expected = aws::SignatureV2(key->credentials.secret_access_key, form.policy);
    if (!hash::ConstantTimeEquals(expected, form.v2_signature)) {
      return SignatureDoesNotMatch(form.v2_access_key_id, form.v2_signature, form.policy, "");
    }
    return Caller{
        .principal = key->principal, .region = "", .payload_hash = {}, .chunk_signing = {}};
  }
  if (form.algorithm != aws::kV4Algorithm) return denied("Access Denied");
  aws::Authorization auth;
  if (auto parsed = aws::ParseCredential(form.credential, auth); !parsed) {
    return AwsError{"InvalidArgument", parsed.error().message, 400};
  }
  const auto key = FindKey(auth.access_key_id, form.session_token);
  if (!key) return key.error();
  const std::string expected =
      aws::Signature(aws::SigningKey(key->credentials.secret_access_key, auth.scope), form.policy);
  if (!hash::ConstantTimeEquals(expected, form.signature)) {
    return SignatureDoesNotMatch(auth.access_key_id, form.signature, form.policy, "");
  }
  return Caller{.principal = key->principal,
                .region = auth.scope.region,
                .payload_hash = {},
                .chunk_signing = {}};
}

AwsError ToJsonAuthError(AwsError error) {
  error.details.clear();
  if (error.type == "InvalidAccessKeyId" || error.type == "InvalidToken") {
    return {"UnrecognizedClientException", "The security token included in the request is invalid.",
            400};
  }
  if (error.type == "SignatureDoesNotMatch") {
    return {"InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.",
            400};
  }
  if (error.type == "RequestTimeTooSkewed") {
    return {"InvalidSignatureException",
            "Signature expired or not yet current: the request time is more than 15 minutes away "
            "from the server's; check the clocks",
            400};
  }
  if (error.type == "MissingAuthenticationToken") {
    return {"MissingAuthenticationTokenException", error.message, 400};
  }
  if (error.type == "AccessDenied") return {"AccessDeniedException", error.message, 400};
  // These are not about the signature.
  if (error.type == "ServiceUnavailable" || error.type == "RequestEntityTooLargeException" ||
      error.type == "RequestAbortedException") {
    return error;
  }
  return {"IncompleteSignature", error.message, 400};
}

}  // namespace leat::awsserver
