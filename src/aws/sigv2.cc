#include "aws/sigv2.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/strings.h"
#include "hash/hash.h"

namespace leat::aws {
namespace {

// Query parameters that name a part of the resource, and so are signed with it. Sorted.
constexpr std::array<std::string_view, 35> kSubresources = {"accelerate",
                                                            "acl",
                                                            "analytics",
                                                            "cors",
                                                            "delete",
                                                            "encryption",
                                                            "inventory",
                                                            "legal-hold",
                                                            "lifecycle",
                                                            "location",
                                                            "logging",
                                                            "metrics",
                                                            "notification",
                                                            "object-lock",
                                                            "partNumber",
                                                            "policy",
                                                            "publicAccessBlock",
                                                            "replication",
                                                            "requestPayment",
                                                            "response-cache-control",
                                                            "response-content-disposition",
                                                            "response-content-encoding",
                                                            "response-content-language",
                                                            "response-content-type",
                                                            "response-expires",
                                                            "restore",
                                                            "retention",
                                                            "tagging",
                                                            "torrent",
                                                            "uploadId",
                                                            "uploads",
                                                            "versionId",
                                                            "versioning",
                                                            "versions",
                                                            "website"};

std::string CanonicalAmzHeaders(const net::Query& query, const net::Headers& headers) {
  std::map<std::string, std::string> fields;
  const auto add = [&](std::string_view name, std::string_view value) {
    std::string lower = Lower(name);
    if (!lower.starts_with("x-amz-")) return;
    std::string& joined = fields[std::move(lower)];
    if (!joined.empty()) joined += ',';
    joined += Trim(value);
  };
  for (const auto& [name, value] : headers.all()) add(name, value);
  for (const auto& [name, value] : query.all()) add(name, value);
  std::string text;
  for (const auto& [name, value] : fields) text += name + ':' + value + '\n';
  return text;
}

std::string CanonicalResource(std::string_view path, const net::Query& query) {
  std::string text(path);
  char separator = '?';
  for (const std::string_view name : kSubresources) {
    if (!query.Has(name)) continue;
    text += separator;
    text += name;
    if (!query.Get(name).empty()) {
      text += '=';
      text += query.Get(name);
    }
    separator = '&';
  }
  return text;
}

}  // namespace

std::string StringToSignV2(std::string_view method, std::string_view path, const net::Query& query,
                           const net::Headers& headers, std::string_view date) {
  // Presigned URLs may carry these two as parameters instead of headers.
  const auto field = [&](std::string_view name) {
    if (headers.Has(name)) return headers.Get(name);
    return query.Get(Lower(name));
  };
  std::string text(method);
  text += '\n';
  text += field("Content-MD5");
  text += '\n';
  text += field("Content-Type");
  text += '\n';
  text += date;
  text += '\n';
  return text + CanonicalAmzHeaders(query, headers) + CanonicalResource(path, query);
}

std::string SignatureV2(std::string_view secret, std::string_view string_to_sign) {
  return Base64Encode(hash::HmacSha1(secret, string_to_sign));
}

}  // namespace leat::aws
