#include "aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/amz_time.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::aws {
namespace {

std::string CanonicalPath(std::string_view path, PathRule rule) {
  if (path.empty()) return "/";
  // S3 signs the decoded key encoded its own way, whatever the sender left unencoded.
  if (rule == PathRule::kS3) return PercentEncode(PercentDecode(path), /*keep_slash=*/true);
  return PercentEncode(path, /*keep_slash=*/true);
}

std::string CanonicalQuery(std::string_view raw_query) {
  std::vector<std::pair<std::string, std::string>> fields;
  const net::Query query = net::Query::Parse(raw_query);
  for (const auto& [name, value] : query.all()) {
    if (name == "X-Amz-Signature") continue;
    fields.emplace_back(PercentEncode(name), PercentEncode(value));
  }
  std::sort(fields.begin(), fields.end());
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += name + '=' + value;
  }
  return text;
}

// Runs of blanks become one, as AWS wants header values.
std::string Collapse(std::string_view value) {
  std::string out;
  for (const char c : Trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

std::string HeaderValues(const net::Headers& headers, std::string_view name) {
  std::string joined;
  bool first = true;
  for (const auto& [field, value] : headers.all()) {
    if (!EqualsIgnoreCase(field, name)) continue;
    if (!first) joined += ',';
    joined += Collapse(value);
    first = false;
  }
  return joined;
}

std::vector<std::string> SortedNames(const net::Headers& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers.all()) names.push_back(Lower(name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Scope ScopeOf(const SignOptions& options) {
  return {FormatAmzDate(options.now).substr(0, 8), std::string(options.region),
          std::string(options.service)};
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  return HexEncode(hash::Digest(hash::Algorithm::kSha256, bytes));
}

std::string Scope::ToString() const {
  return fmt::format("{}/{}/{}/aws4_request", date, region, service);
}

std::string CanonicalRequest(const SignedRequest& request, PathRule rule) {
  std::string text = fmt::format("{}\n{}\n{}\n", request.method, CanonicalPath(request.path, rule),
                                 CanonicalQuery(request.raw_query));
  for (const std::string& name : request.signed_headers) {
    text += name + ':' + HeaderValues(request.headers, name) + '\n';
  }
  text += '\n' + Join(request.signed_headers, ";") + '\n';
  text += request.payload_hash;
  return text;
}

std::string StringToSign(std::string_view amz_date, const Scope& scope,
                         std::string_view canonical_request) {
  return fmt::format("{}\n{}\n{}\n{}", kV4Algorithm, amz_date, scope.ToString(),
                     Sha256Hex(canonical_request));
}

std::string SigningKey(std::string_view secret, const Scope& scope) {
  std::string key = hash::HmacSha256("AWS4" + std::string(secret), scope.date);
  key = hash::HmacSha256(key, scope.region);
  key = hash::HmacSha256(key, scope.service);
  return hash::HmacSha256(key, "aws4_request");
}

std::string Signature(std::string_view signing_key, std::string_view string_to_sign) {
  return HexEncode(hash::HmacSha256(signing_key, string_to_sign));
}

Status ParseCredential(std::string_view text, Authorization& into) {
  const std::vector<std::string_view> parts = Split(text, '/');
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[1].size() != 8) {
    return Error{Code::kInvalid,
                 fmt::format("credential \"{}\" is not of the form "
                             "<access key>/<YYYYMMDD>/<region>/<service>/aws4_request",
                             text)};
  }
  into.access_key_id = parts[0];
  into.scope = {std::string(parts[1]), std::string(parts[2]), std::string(parts[3])};
  return {};
}

Result<Authorization> ParseAuthorizationHeader(const net::Headers& headers) {
  std::string_view text = headers.Get("Authorization");
  if (!text.starts_with(kV4Algorithm)) {
    return Error{Code::kInvalid, "the authorization mechanism is not AWS4-HMAC-SHA256"};
  }
  text.remove_prefix(kV4Algorithm.size());
  Authorization auth;
  std::string_view credential, names;
  for (const std::string_view field : Split(text, ',')) {
    const auto pair = Cut(Trim(field), "=");
    if (!pair) continue;
    if (pair->first == "Credential") credential = pair->second;
    if (pair->first == "SignedHeaders") names = pair->second;
    if (pair->first == "Signature") auth.signature = pair->second;
  }
  if (credential.empty() || names.empty() || auth.signature.empty()) {
    return Error{Code::kInvalid,
                 "the authorization header requires Credential, SignedHeaders and Signature"};
  }
  if (auto parsed = ParseCredential(credential, auth); !parsed) return parsed.error();
  for (const std::string_view name : Split(names, ';')) auth.signed_headers.emplace_back(name);
  auth.session_token = headers.Get("X-Amz-Security-Token");
  auth.amz_date = headers.Get("X-Amz-Date");
  if (auth.amz_date.empty()) {
    const auto date = ParseHttpDate(headers.Get("Date"));
    if (!date) return Error{Code::kInvalid, "the request needs a valid X-Amz-Date header"};
    auth.amz_date = FormatAmzDate(*date);
  }
  return auth;
}

Result<Authorization> ParseAuthorizationQuery(const net::Query& query) {
  Authorization auth;
  if (query.Get("X-Amz-Algorithm") != kV4Algorithm) {
    return Error{Code::kInvalid, "X-Amz-Algorithm only supports AWS4-HMAC-SHA256"};
  }
  for (const char* name : {"X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date",
                           "X-Amz-SignedHeaders", "X-Amz-Expires"}) {
    if (!query.Has(name)) {
      return Error{Code::kInvalid, fmt::format("the query parameter {} is missing", name)};
    }
  }
  if (auto parsed = ParseCredential(query.Get("X-Amz-Credential"), auth); !parsed) {
    return parsed.error();
  }
  const auto expires = ParseInt(query.Get("X-Amz-Expires"));
  if (!expires || *expires < 0) {
    return Error{Code::kInvalid, "X-Amz-Expires should be a non-negative number"};
  }
  if (*expires > 7 * 24 * 3600) {
    return Error{Code::kInvalid, "X-Amz-Expires must be less than a week (in seconds)"};
  }
  auth.expires = std::chrono::seconds(*expires);
  auth.signature = query.Get("X-Amz-Signature");
  auth.amz_date = query.Get("X-Amz-Date");
  auth.session_token = query.Get("X-Amz-Security-Token");
  for (const std::string_view name : Split(query.Get("X-Amz-SignedHeaders"), ';')) {
    auth.signed_headers.emplace_back(name);
  }
  return auth;
}

void SignV4(net::ClientRequest& request, const SignOptions& options) {
  const std::string date = FormatAmzDate(options.now);
  request.headers.Set("Host", request.url.HostHeader());
  request.headers.Set("X-Amz-Date", date);
  if (!options.credentials.session_token.empty()) {
    request.headers.Set("X-Amz-Security-Token", options.credentials.session_token);
  }
  if (options.service == "s3") request.headers.Set("X-Amz-Content-Sha256", options.payload_hash);
  request.headers.Remove("Authorization");
  const std::vector<std::string> names = SortedNames(request.headers);
  const std::string canonical = CanonicalRequest({.method = request.method,
                                                  .path = request.url.path,
                                                  .raw_query = request.url.query,
                                                  .headers = request.headers,
                                                  .signed_headers = names,
                                                  .payload_hash = options.payload_hash},
                                                 RuleFor(options.service));
  const Scope scope = ScopeOf(options);
  const std::string signature = Signature(SigningKey(options.credentials.secret_access_key, scope),
                                          StringToSign(date, scope, canonical));
  request.headers.Set("Authorization",
                      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                  kV4Algorithm, options.credentials.access_key_id, scope.ToString(),
                                  Join(names, ";"), signature));
}

std::string PresignV4(std::string_view method, const net::Url& url, const SignOptions& options,
                      std::chrono::seconds expires) {
  const Scope scope = ScopeOf(options);
  const std::string date = FormatAmzDate(options.now);
  std::string query = url.query.empty() ? "" : url.query + "&";
  query += fmt::format(
      "X-Amz-Algorithm={}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}"
      "&X-Amz-SignedHeaders=host",
      kV4Algorithm, PercentEncode(options.credentials.access_key_id + "/" + scope.ToString()), date,
      expires.count());
  if (!options.credentials.session_token.empty()) {
    query += "&X-Amz-Security-Token=" + PercentEncode(options.credentials.session_token);
  }
  const net::Headers headers{{"Host", url.HostHeader()}};
  const std::vector<std::string> names{"host"};
  const std::string canonical = CanonicalRequest({.method = method,
                                                  .path = url.path,
                                                  .raw_query = query,
                                                  .headers = headers,
                                                  .signed_headers = names,
                                                  .payload_hash = options.payload_hash},
                                                 RuleFor(options.service));
  return query + "&X-Amz-Signature=" +
         Signature(SigningKey(options.credentials.secret_access_key, scope),
                   StringToSign(date, scope, canonical));
}

}  // namespace leat::aws
