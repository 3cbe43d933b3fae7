#include "awsserver/s3_service.h"

#include "awsserver/form_reader.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_routes.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::awsserver {

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
  if (auto taken = TakeHeadersFromQuery(request); !taken) return taken;
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
