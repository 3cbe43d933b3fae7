#include "awsserver/s3_service.h"

#include <array>

#include "awsserver/form_reader.h"
#include "awsserver/s3_errors.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

using Operation = Answer<void> (*)(const S3Stores&, S3Call&);

// Parameters that name another operation. A request with one that its table below does not know is
// refused: PUT ?tagging must not become PUT.
constexpr std::array<std::string_view, 36> kSubresources = {"accelerate",
                                                            "acl",
                                                            "analytics",
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

struct Route {
  std::string_view method;
  std::string_view subresource;
  Operation operation;
};

constexpr Route kBucketRoutes[] = {
    {"GET", "", ListObjects},
    {"GET", "list-type", ListObjectsV2},
    {"GET", "versions", ListObjectVersions},
    {"GET", "uploads", ListMultipartUploads},
    {"GET", "location", GetBucketLocation},
    {"GET", "versioning", GetBucketVersioning},
    {"PUT", "", CreateBucket},
    {"HEAD", "", HeadBucket},
    {"DELETE", "", DeleteBucket},
    {"POST", "delete", DeleteObjects},
};

constexpr Route kObjectRoutes[] = {
    {"GET", "", GetObject},
    {"HEAD", "", GetObject},
    {"GET", "tagging", GetObjectTagging},
    {"PUT", "", PutObject},
    {"DELETE", "", DeleteObject},
    {"GET", "uploadId", ListParts},
    {"PUT", "uploadId", UploadPart},
    {"DELETE", "uploadId", AbortMultipartUpload},
    {"POST", "uploadId", CompleteMultipartUpload},
    {"POST", "uploads", CreateMultipartUpload},
};

AwsError MethodNotAllowed(const std::string& method) {
  return {"MethodNotAllowed",
          "The specified method is not allowed against this resource.",
          405,
          {{"Method", method}}};
}

std::string_view SubresourceOf(const net::Query& query) {
  for (const std::string_view name : kSubresources) {
    if (query.Has(name)) return name;
  }
  return "";
}

template <size_t n>
Answer<Operation> FindRoute(const Route (&routes)[n], const net::ServerRequest& request) {
  const std::string_view subresource = SubresourceOf(request.query);
  for (const Route& route : routes) {
    if (route.method == request.method && route.subresource == subresource) {
      return route.operation;
    }
  }
  if (subresource.empty()) return MethodNotAllowed(request.method);
  return NotImplemented(request.method + " ?" + std::string(subresource));
}

Answer<Operation> FindOperation(const S3Call& call) {
  const net::ServerRequest& request = call.request;
  if (call.bucket.empty()) {
    if (request.method == "GET") return Operation{ListBuckets};
    return MethodNotAllowed(request.method);
  }
  const std::string_view version = request.query.Get("versionId");
  if (!version.empty() && version != "null") {
    return AwsError{"NoSuchVersion", "The specified version does not exist.", 404};
  }
  auto operation =
      call.key.empty() ? FindRoute(kBucketRoutes, request) : FindRoute(kObjectRoutes, request);
  if (!operation || !request.headers.Has("x-amz-copy-source")) return operation;
  if (*operation == PutObject) return Operation{CopyObject};
  if (*operation == UploadPart) return Operation{UploadPartCopy};
  return operation;
}

}  // namespace

S3Service::S3Service(std::unique_ptr<ObjectIndex> index, std::unique_ptr<BlobStore> blobs,
                     Authenticator& authenticator, Clock& clock)
    : index_(std::move(index)),
      blobs_(std::move(blobs)),
      authenticator_(authenticator),
      stores_{*index_, *blobs_, clock} {}

Result<std::unique_ptr<S3Service>> S3Service::Open(const std::string& data_dir,
                                                   Authenticator& authenticator, Clock& clock) {
  auto index = ObjectIndex::Open(data_dir + "/s3.sqlite");
  if (!index) return index.error();
  auto blobs = BlobStore::Open(data_dir);
  if (!blobs) return blobs.error();
  std::unique_ptr<S3Service> service(
      new S3Service(std::move(*index), std::move(*blobs), authenticator, clock));
  auto sweeper = BlobSweeper::Start(data_dir, *service->index_, *service->blobs_);
  if (!sweeper) return sweeper.error();
  service->sweeper_ = std::move(*sweeper);
  return service;
}

Answer<void> S3Service::Dispatch(net::ServerRequest& request, net::ResponseWriter& response) {
  const std::string_view path = std::string_view(request.path).substr(1);
  const auto parts = Cut(path, "/");
  const std::string bucket = PercentDecode(parts ? parts->first : path);
  if (request.method == "POST" && (!parts || parts->second.empty()) &&
      !FormReader::Boundary(request.headers.Get("Content-Type")).empty()) {
    return PostObject(stores_, authenticator_, request, response, bucket);
  }
  const auto caller = authenticator_.CheckS3(request);
  if (!caller) return caller.error();
  S3Call call{request, response, *caller, bucket, PercentDecode(parts ? parts->second : "")};
  const auto operation = FindOperation(call);
  if (!operation) return operation.error();
  return (*operation)(stores_, call);
}

bool S3Service::HasBucket(const std::string& name) {
  const auto bucket = index_->FindBucket(name);
  return bucket || bucket.error().code != Code::kNotFound;
}

void S3Service::Handle(net::ServerRequest& request, net::ResponseWriter& response,
                       const std::string& request_id) {
  response.headers.Set("x-amz-request-id", request_id);
  response.headers.Set("x-amz-id-2", request_id);
  response.headers.Set("Server", "Leat");
  if (!request.path.starts_with('/')) {
    return WriteXmlError({"InvalidURI", "Couldn't parse the specified URI.", 400}, request.path,
                         request_id, response);
  }
  const auto done = Dispatch(request, response);
  if (done || response.started()) return;
  LogDebug("s3 refused", {{"method", request.method},
                          {"path", request.path},
                          {"code", done.error().type},
                          {"request", request_id}});
  WriteXmlError(done.error(), PercentDecode(request.path), request_id, response);
}

}  // namespace leat::awsserver
