#include "awsserver/awsserver.h"

#include "awsserver/authenticator.h"
#include "awsserver/key_ring.h"
#include "awsserver/router.h"
#include "awsserver/s3_service.h"
#include "awsserver/service.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

// Owns the parts and ties them together; the members are in the order of their needs.
class Endpoint : public AwsServer {
 public:
  Endpoint(const Options& options, api::ObjectClient& objects, Clock& clock)
      : keys_(options.root, objects, clock), authenticator_(keys_, clock) {}

  Status OpenStores(const Options& options, api::ObjectClient& objects, Clock& clock) {
    if (auto made = io::MakeDirs(options.data_dir, 0700); !made) return made;
    auto s3 = S3Service::Open(options.data_dir, authenticator_, clock);
    if (!s3) return s3.error();
    auto logs = LogStore::Open(options.data_dir + "/logs.sqlite", clock);
    if (!logs) return logs.error();
    s3_ = std::move(*s3);
    logs_ = std::move(*logs);
    sagemaker_ = MakeSageMakerService(
        objects, [s3 = s3_.get()](const std::string& bucket) { return s3->HasBucket(bucket); });
    logs_service_ = MakeLogsService(*logs_, clock);
    router_ = std::make_unique<Router>(
        authenticator_, *s3_, std::vector<JsonService*>{sagemaker_.get(), logs_service_.get()});
    return {};
  }

  net::Handler HttpHandler() override {
    return [this](net::ServerRequest& request, net::ResponseWriter& response) {
      router_->Handle(request, response);
    };
  }
  LogStore& logs() override { return *logs_; }

 private:
  KeyRing keys_;
  Authenticator authenticator_;
  std::unique_ptr<S3Service> s3_;
  std::unique_ptr<LogStore> logs_;
  std::unique_ptr<JsonService> sagemaker_;
  std::unique_ptr<JsonService> logs_service_;
  std::unique_ptr<Router> router_;
};

}  // namespace

Result<std::unique_ptr<AwsServer>> AwsServer::Open(Options options, api::ObjectClient& objects,
                                                   Clock& clock) {
  auto endpoint = std::make_unique<Endpoint>(options, objects, clock);
  if (auto opened = endpoint->OpenStores(options, objects, clock); !opened) {
    return opened.error().Within("AWS endpoint");
  }
  return std::unique_ptr<AwsServer>(std::move(endpoint));
}

}  // namespace leat::awsserver
