#include "awsserver/testing/endpoint_fixture.h"

#include "aws/sigv4.h"
#include "aws/xml.h"
#include "base/strings.h"
#include "hash/hash.h"
#include "json/value.h"

namespace leat::awsserver {
namespace {

Error Unimplemented() { return {Code::kUnimplemented, "not in the fake cluster"}; }

}  // namespace

Result<json::Value> FakeObjects::Get(const api::Gvr& type, const api::ObjectName& name) {
  MutexLock lock(mu_);
  if (away_) return Error{Code::kUnavailable, "the cluster is away"};
  const auto found = objects_.find({type, name});
  if (found == objects_.end()) return Error{Code::kNotFound, name.ToString()};
  return found->second;
}

Result<json::Value> FakeObjects::Create(const api::Gvr& type, const json::Value& object) {
  MutexLock lock(mu_);
  objects_[{type, api::NameOf(object)}] = object;
  return object;
}

Status FakeObjects::Delete(const api::Gvr& type, const api::ObjectName& name,
                           const api::DeleteOptions&) {
  MutexLock lock(mu_);
  if (objects_.erase({type, name}) == 0) return Error{Code::kNotFound, name.ToString()};
  return {};
}

void FakeObjects::GoAway() {
  MutexLock lock(mu_);
  away_ = true;
}

Result<api::ObjectList> FakeObjects::List(const api::Gvr&, const api::ListOptions&) {
  return Unimplemented();
}
Result<std::unique_ptr<api::ObjectWatch>> FakeObjects::Watch(const api::Gvr&,
                                                             const api::ListOptions&,
                                                             const std::string&) {
  return Unimplemented();
}
Result<json::Value> FakeObjects::Update(const api::Gvr&, const json::Value&) {
  return Unimplemented();
}
Result<json::Value> FakeObjects::UpdateStatus(const api::Gvr&, const json::Value&) {
  return Unimplemented();
}
Result<json::Value> FakeObjects::Patch(const api::Gvr&, const api::ObjectName&, api::PatchType,
                                       const json::Value&, std::string_view) {
  return Unimplemented();
}
Status FakeObjects::BindPod(const api::ObjectName&, const std::string&, const std::string&) {
  return Unimplemented();
}
Status FakeObjects::FollowPodLog(const api::ObjectName&, const std::string&, const std::string&,
                                 const std::function<bool(std::string_view)>&,
                                 const std::stop_token&) {
  return Unimplemented();
}

std::string HttpAnswer::Xml(const std::string& element) const {
  const auto open = Cut(body, "<" + element + ">");
  if (!open) return "";
  const auto close = Cut(open->second, "</" + element + ">");
  return close ? std::string(close->first) : "";
}

EndpointTest::EndpointTest() : http_(net::Client::Make()) { Restart(); }

void EndpointTest::Restart() {
  server_.reset();
  endpoint_.reset();
  auto endpoint =
      AwsServer::Open({.data_dir = dir_.path() + "/aws", .root = root_}, objects_, clock_);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  endpoint_ = std::move(*endpoint);
  auto server = net::Server::Start({.body_first = BodyFirst}, endpoint_->HttpHandler());
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
}

net::ClientRequest EndpointTest::Request(const Call& call) const {
  net::ClientRequest request;
  request.method = call.method;
  request.url =
      *net::Url::Parse("http://127.0.0.1:" + std::to_string(server_->port()) + call.target);
  request.headers = call.headers;
  request.body = call.body;
  return request;
}

HttpAnswer EndpointTest::S3(Call call) {
  net::ClientRequest request = Request(call);
  if (call.payload_hash.empty()) {
    call.payload_hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, call.body));
  }
  aws::SignV4(request, {.credentials = call.credentials ? *call.credentials : root_,
                        .region = "us-east-1",
                        .service = "s3",
                        .now = clock_.Now(),
                        .payload_hash = call.payload_hash});
  return Send(std::move(request));
}

HttpAnswer EndpointTest::Send(net::ClientRequest request) {
  HttpAnswer answer;
  auto response = http_->Send(std::move(request));
  if (!response) {
    ADD_FAILURE() << response.error().message;
    return answer;
  }
  answer.status = (*response)->status;
  answer.headers = (*response)->headers;
  auto body = (*response)->ReadAll();
  if (!body) {
    ADD_FAILURE() << body.error().message;
    return answer;
  }
  answer.body = std::move(*body);
  return answer;
}

aws::Credentials EndpointTest::MakeJobKey(const std::string& id, const std::string& policy_json) {
  const aws::Credentials key{id, "job-secret", "job-token"};
  const json::Value secret = json::Object(
      {{"metadata", json::Object({{"name", KeySecretName(id)}, {"namespace", kEngineNamespace}})},
       {"type", "leat.dev/aws-key"},
       {"data", json::Object({{"accessKeyId", Base64Encode(id)},
                              {"secretAccessKey", Base64Encode(key.secret_access_key)},
                              {"sessionToken", Base64Encode(key.session_token)},
                              {"policy", Base64Encode(policy_json)}})}});
  EXPECT_TRUE(objects_.Create(api::gvr::kSecrets, secret));
  return key;
}

int EndpointTest::FilesOnDisk() const {
  int files = 0;
  const std::string objects = dir_.path() + "/aws/objects/";
  const auto dirs = io::ListDir(objects);
  if (!dirs) return -1;
  for (const std::string& sub : *dirs) {
    const auto names = io::ListDir(objects + sub);
    if (names) files += static_cast<int>(names->size());
  }
  return files;
}

}  // namespace leat::awsserver
