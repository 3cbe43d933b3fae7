// A running endpoint for tests: real server, real files, a clock that stands still, and a cluster
// that holds Secrets only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/object_client.h"
#include "aws/credentials.h"
#include "awsserver/awsserver.h"
#include "base/clock.h"
#include "io/file.h"
#include "net/client.h"
#include "net/server.h"

namespace leat::awsserver {

// Just enough of a cluster: objects by type and name, without watches.
class FakeObjects : public api::ObjectClient {
 public:
  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override;
  Result<json::Value> Create(const api::Gvr& type, const json::Value& object) override;
  Status Delete(const api::Gvr& type, const api::ObjectName& name,
                const api::DeleteOptions& options) override;
  // Makes every call fail with kUnavailable.
  void GoAway();

  Result<api::ObjectList> List(const api::Gvr&, const api::ListOptions&) override;
  Result<std::unique_ptr<api::ObjectWatch>> Watch(const api::Gvr&, const api::ListOptions&,
                                                  const std::string&) override;
  Result<json::Value> Update(const api::Gvr&, const json::Value&) override;
  Result<json::Value> UpdateStatus(const api::Gvr&, const json::Value&) override;
  Result<json::Value> Patch(const api::Gvr&, const api::ObjectName&, api::PatchType,
                            const json::Value&, std::string_view) override;
  Status BindPod(const api::ObjectName&, const std::string&, const std::string&) override;
  Status FollowPodLog(const api::ObjectName&, const std::string&, const std::string&,
                      const std::function<bool(std::string_view)>&,
                      const std::stop_token&) override;

 private:
  Mutex mu_;
  bool away_ GUARDED_BY(mu_) = false;
  std::map<std::pair<api::Gvr, api::ObjectName>, json::Value> objects_ GUARDED_BY(mu_);
};

struct HttpAnswer {
  int status = 0;
  net::Headers headers;
  std::string body;
  // The text of the first <element> in the body, or "".
  std::string Xml(const std::string& element) const;
  std::string Code() const { return Xml("Code"); }
};

class EndpointTest : public ::testing::Test {
 protected:
  EndpointTest();
  // Opens the endpoint on the data directory again, as after a crash.
  void Restart();

  struct Call {
    std::string method = "GET";
    std::string target;  // path and query, percent-encoded
    std::string body = {};
    net::Headers headers = {};
    std::string payload_hash = {};  // x-amz-content-sha256 instead of the body's
    std::optional<aws::Credentials> credentials = {};
  };
  net::ClientRequest Request(const Call& call) const;
  // Signs for S3 with the root key, unless the call says otherwise, and sends.
  HttpAnswer S3(Call call);
  HttpAnswer Send(net::ClientRequest request);
  HttpAnswer Put(const std::string& path, const std::string& body, net::Headers headers = {}) {
    return S3({.method = "PUT", .target = path, .body = body, .headers = std::move(headers)});
  }
  HttpAnswer Get(const std::string& target, net::Headers headers = {}) {
    return S3({.target = target, .headers = std::move(headers)});
  }
  // A job's key as the engine makes it.
  aws::Credentials MakeJobKey(const std::string& id, const std::string& policy_json);
  int FilesOnDisk() const;

  const aws::Credentials root_{"AKIALEATROOT", "root-secret", ""};
  io::TempDir dir_;
  FakeClock clock_;
  FakeObjects objects_;
  std::unique_ptr<AwsServer> endpoint_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::Client> http_;
};

}  // namespace leat::awsserver
