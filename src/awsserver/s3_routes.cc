#include "awsserver/s3_routes.h"

#include <algorithm>

#include "awsserver/s3_errors.h"
#include "awsserver/s3_known_headers.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

// Parameters that name an operation, of Amazon's too, for requests where they have a value; where
// they have none, a name that is not here is taken for one all the same.
constexpr std::string_view kSubresources[] = {"abac",
                                              "accelerate",
                                              "acl",
                                              "analytics",
                                              "annotation",
                                              "attributes",
                                              "cors",
                                              "delete",
                                              "encryption",
                                              "intelligent-tiering",
                                              "inventory",
                                              "legal-hold",
                                              "lifecycle",
                                              "list-type",
                                              "location",
                                              "logging",
                                              "metadataConfiguration",
                                              "metadataInventoryTable",
                                              "metadataJournalTable",
                                              "metadataTable",
                                              "metrics",
                                              "notification",
                                              "object-lock",
                                              "ownershipControls",
                                              "policy",
                                              "policyStatus",
                                              "publicAccessBlock",
                                              "renameObject",
                                              "replication",
                                              "requestPayment",
                                              "restore",
                                              "retention",
                                              "select",
                                              "session",
                                              "tagging",
                                              "torrent",
                                              "uploadId",
                                              "uploads",
                                              "versioning",
                                              "versions",
                                              "website"};

// Parameters that only shape what is read; clients send them empty, too.
constexpr std::string_view kReadParameters[] = {"bucket-region",
                                                "continuation-token",
                                                "delimiter",
                                                "encoding-type",
                                                "fetch-owner",
                                                "key-marker",
                                                "marker",
                                                "max-buckets",
                                                "max-keys",
                                                "max-parts",
                                                "max-uploads",
                                                "partNumber",
                                                "part-number-marker",
                                                "prefix",
                                                "response-cache-control",
                                                "response-content-disposition",
                                                "response-content-encoding",
                                                "response-content-language",
                                                "response-content-type",
                                                "response-expires",
                                                "start-after",
                                                "upload-id-marker",
                                                "version-id-marker",
                                                "versionId"};

// Signatures, and the name that SDKs give the operation for logs.
constexpr std::string_view kSignatureParameters[] = {"AWSAccessKeyId", "Expires", "Signature",
                                                     "x-id"};

struct Route {
  std::string_view method;
  std::string_view subresource;
  S3Operation operation;
  unsigned takes;
  // Other parameters of an operation that changes something, separated by blanks.
  std::string_view parameters = "";
};

constexpr unsigned kConditions = takes::kIfMatch | takes::kIfNoneMatch;

constexpr Route kBucketRoutes[] = {
    {"GET", "", ListObjects, takes::kList},
    {"GET", "list-type", ListObjectsV2, takes::kList},
    {"GET", "versions", ListObjectVersions, takes::kList},
    {"GET", "uploads", ListMultipartUploads, takes::kNothing},
    {"GET", "location", GetBucketLocation, takes::kNothing},
    {"GET", "versioning", GetBucketVersioning, takes::kNothing},
    {"PUT", "", CreateBucket, takes::kBucket | takes::kBody},
    {"HEAD", "", HeadBucket, takes::kNothing},
    {"DELETE", "", DeleteBucket, takes::kNothing},
    {"POST", "delete", DeleteObjects, takes::kDelete | takes::kBody},
};

constexpr Route kObjectRoutes[] = {
    {"GET", "", GetObject, takes::kRead},
    {"HEAD", "", GetObject, takes::kRead},
    {"GET", "tagging", GetObjectTagging, takes::kNothing},
    {"PUT", "", PutObject, takes::kObject | takes::kBody | kConditions},
    {"DELETE", "", DeleteObject, takes::kDelete | takes::kIfMatch, "versionId"},
    {"GET", "uploadId", ListParts, takes::kNothing},
    {"PUT", "uploadId", UploadPart, takes::kBody, "partNumber"},
    {"DELETE", "uploadId", AbortMultipartUpload, takes::kNothing},
    {"POST", "uploadId", CompleteMultipartUpload, takes::kComplete | kConditions},
    {"POST", "uploads", CreateMultipartUpload, takes::kObject | takes::kStart},
};

// With x-amz-copy-source.
constexpr Route kCopyRoutes[] = {
    {"PUT", "", CopyObject, takes::kObject | takes::kCopy | takes::kSource | kConditions},
    {"PUT", "uploadId", UploadPartCopy, takes::kSource | takes::kRange, "partNumber"},
};

constexpr Route kAccountRoutes[] = {{"GET", "", ListBuckets, takes::kNothing}};

AwsError MethodNotAllowed(const std::string& method) {
  return {"MethodNotAllowed",
          "The specified method is not allowed against this resource.",
          405,
          {{"Method", method}}};
}

template <size_t n>
bool Contains(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// What TakeHeadersFromQuery deals with, and the signature's own.
bool StandsForHeader(const std::string& lower_name) {
  return lower_name.starts_with("x-amz-") || lower_name == "content-type" ||
         lower_name == "content-md5";
}

// Computed over a body that nobody has when a link is signed.
bool IsOfABody(const std::string& lower_name) {
  constexpr std::string_view kOfNone[] = {"x-amz-checksum-algorithm", "x-amz-checksum-mode",
                                          "x-amz-checksum-type"};
  return lower_name == "x-amz-sdk-checksum-algorithm" ||
         (lower_name.starts_with("x-amz-checksum-") && !Contains(kOfNone, lower_name));
}

bool IsRead(const std::string& method) { return method == "GET" || method == "HEAD"; }

std::string_view SubresourceOf(const net::Query& query) {
  for (const std::string_view name : kSubresources) {
    if (query.Has(name)) return name;
  }
  return "";
}

AwsError UnknownParameter(const std::string& method, const std::string& name) {
  return NotImplemented(method + " ?" + name);
}

Answer<void> CheckParameters(const net::ServerRequest& request, const Route& route) {
  const auto own = Split(route.parameters, ' ');
  for (const auto& [name, value] : request.query.all()) {
    if (name == route.subresource || Contains(kSignatureParameters, name)) continue;
    if (StandsForHeader(Lower(name))) continue;
    if (std::find(own.begin(), own.end(), name) != own.end()) continue;
    const bool another = Contains(kSubresources, name) || value.empty();
    if (IsRead(request.method) && (Contains(kReadParameters, name) || !another)) continue;
    return UnknownParameter(request.method, name);
  }
  return {};
}

template <size_t n>
Answer<S3Operation> FindRoute(const Route (&routes)[n], const S3Call& call) {
  const net::ServerRequest& request = call.request;
  const std::string_view subresource = SubresourceOf(request.query);
  for (const Route& route : routes) {
    if (route.method != request.method || route.subresource != subresource) continue;
    if (auto known = CheckParameters(request, route); !known) return known.error();
    if (auto known = CheckAmzFields(request.headers.all(), route.takes); !known) {
      return known.error();
    }
    const bool changes = !IsRead(request.method);
    if (auto obeyed = CheckConditions(request.headers, route.takes); changes && !obeyed) {
      return obeyed.error();
    }
    if (auto ours = CheckExpectedOwners(request.headers); !ours) return ours.error();
    if (auto verified = CheckTrailer(request.headers, call.caller); !verified) {
      return verified.error();
    }
    return route.operation;
  }
  if (subresource.empty()) return MethodNotAllowed(request.method);
  return UnknownParameter(request.method, std::string(subresource));
}

}  // namespace

Answer<void> TakeHeadersFromQuery(net::ServerRequest& request) {
  constexpr std::string_view kOfSignature[] = {
      "x-amz-algorithm",     "x-amz-credential", "x-amz-date",           "x-amz-expires",
      "x-amz-signedheaders", "x-amz-signature",  "x-amz-security-token", "x-amz-content-sha256"};
  const bool presigned = request.query.Has("X-Amz-Signature") || request.query.Has("Signature");
  for (const auto& [raw_name, value] : request.query.all()) {
    const std::string name = Lower(raw_name);
    if (!StandsForHeader(name) || Contains(kOfSignature, name)) continue;
    if ((presigned && IsOfABody(name)) || request.headers.Has(name)) continue;
    if (!IsHeaderName(name)) return InvalidArgument("This is no name of a header", "name", name);
    request.headers.Add(name, value);
  }
  return {};
}

Answer<S3Operation> FindOperation(const S3Call& call) {
  const net::ServerRequest& request = call.request;
  if (call.bucket.empty()) {
    if (request.path == "/") return FindRoute(kAccountRoutes, call);
    return AwsError{
        "InvalidBucketName", "The specified bucket is not valid.", 400, {{"BucketName", ""}}};
  }
  const std::string_view version = request.query.Get("versionId");
  if (!version.empty() && version != "null") {
    return AwsError{"NoSuchVersion", "The specified version does not exist.", 404};
  }
  if (call.key.empty()) return FindRoute(kBucketRoutes, call);
  const bool copies = request.method == "PUT" && request.headers.Has("x-amz-copy-source");
  return copies ? FindRoute(kCopyRoutes, call) : FindRoute(kObjectRoutes, call);
}

}  // namespace leat::awsserver
