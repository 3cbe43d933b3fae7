// The S3 side of the endpoint: which operation a request asks for, and who may ask.
#pragma once

#include <memory>
#include <string>

#include "awsserver/authenticator.h"
#include "awsserver/blob_store.h"
#include "awsserver/blob_sweeper.h"
#include "awsserver/object_index.h"
#include "awsserver/s3_operations.h"
#include "base/clock.h"
#include "net/server.h"

namespace leat::awsserver {

// Thread-safe.
class S3Service {
 public:
  // Opens data_dir/s3.sqlite and the files beside it; a BlobSweeper then deals with what a crash
  // left.
  static Result<std::unique_ptr<S3Service>> Open(const std::string& data_dir,
                                                 Authenticator& authenticator, Clock& clock);

  // Answers a path-style request, errors included.
  void Handle(net::ServerRequest& request, net::ResponseWriter& response,
              const std::string& request_id);

  // False only when it is known that there is none of that name.
  bool HasBucket(const std::string& name);

 private:
  S3Service(std::unique_ptr<ObjectIndex> index, std::unique_ptr<BlobStore> blobs,
            Authenticator& authenticator, Clock& clock);
  Answer<void> Dispatch(net::ServerRequest& request, net::ResponseWriter& response);

  const std::unique_ptr<ObjectIndex> index_;
  const std::unique_ptr<BlobStore> blobs_;
  Authenticator& authenticator_;
  const S3Stores stores_;
  std::unique_ptr<BlobSweeper> sweeper_;
};

}  // namespace leat::awsserver
