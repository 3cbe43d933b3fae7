// One port for all services, told apart in this order: the prefix of X-Amz-Target (JSON services),
// Action= (the query protocol), the SageMaker Runtime's path, and everything else is S3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "awsserver/authenticator.h"
#include "awsserver/s3_service.h"
#include "awsserver/service.h"
#include "net/server.h"

namespace leat::awsserver {

// Thread-safe; what it is given must outlive it.
class Router {
 public:
  Router(Authenticator& authenticator, S3Service& s3, std::vector<JsonService*> services)
      : authenticator_(authenticator), s3_(s3), services_(std::move(services)) {}
  void Handle(net::ServerRequest& request, net::ResponseWriter& response);

 private:
  Answer<json::Value> CallJson(net::ServerRequest& request, const std::string& request_id);
  // The XML answer to Action=...
  Answer<std::string> CallQuery(net::ServerRequest& request, const std::string& request_id);
  Answer<json::Value> RefuseOther(net::ServerRequest& request, const std::string& service);

  Authenticator& authenticator_;
  S3Service& s3_;
  const std::vector<JsonService*> services_;
};

}  // namespace leat::awsserver
