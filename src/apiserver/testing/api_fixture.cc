#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {

json::Value WidgetDefinition() {
  auto parsed = json::Parse(R"({
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {"group": "example.com", "scope": "Namespaced",
      "names": {"plural": "widgets", "singular": "widget", "kind": "Widget",
                "listKind": "WidgetList", "shortNames": ["wd"], "categories": ["all"]},
      "versions": [{"name": "v1", "served": true, "storage": true,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
          "spec": {"type": "object", "properties": {
            "size": {"type": "integer", "default": 1, "minimum": 0},
            "color": {"type": "string"}}},
          "status": {"type": "object", "properties": {"phase": {"type": "string"}}}}}}}]}})");
  return *parsed;
}

json::Value Widget(const std::string& name, int64_t size) {
  return json::Object({{"apiVersion", "example.com/v1"},
                       {"kind", "Widget"},
                       {"metadata", json::Object({{"name", name}, {"namespace", "default"}})},
                       {"spec", json::Object({{"size", size}})}});
}

json::Value Pod(const std::string& name) {
  return json::Object(
      {{"apiVersion", "v1"},
       {"kind", "Pod"},
       {"metadata", json::Object({{"name", name}, {"namespace", "default"}})},
       {"spec", json::Object({{"containers", json::Array({json::Object(
                                                 {{"name", "main"}, {"image", "busybox"}})})}})}});
}

json::Value ConfigMap(const std::string& name, const std::string& value) {
  return json::Object({{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"metadata", json::Object({{"name", name}, {"namespace", "default"}})},
                       {"data", json::Object({{"key", value}})}});
}

void ApiTest::Shutdown() {
  server_.reset();
  store_.reset();
}

void ApiTest::Restart() {
  Shutdown();
  auto store = store::Store::Open(
      {.path = dir_.path() + "/objects.db", .relaxed_types = {"events"}}, clock_);
  ASSERT_TRUE(store) << store.error().message;
  store_ = std::move(*store);
  auto server = ApiServer::Start({.access = {.bearer_token = kToken}}, *store_, clock_);
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
}

json::Value ApiTest::Await(const api::Gvr& type, const api::ObjectName& name,
                           const std::function<bool(const json::Value&)>& ready) {
  auto watch = client().Watch(type, {.ns = name.ns}, "");
  auto now = client().Get(type, name);
  if (!now) return {};
  if (ready(*now)) return *now;
  while (watch) {
    auto event = (*watch)->Next(kPatience, {});
    if (!event) {
      ADD_FAILURE() << "waited in vain for " << name.ToString() << ": " << event.error().message
                    << "; it is " << json::Print(*now);
      return {};
    }
    if (api::NameOf(*event->object) != name) continue;
    // The newest state may already be different: what counts is that it was so.
    if (event->type == api::WatchEventType::kDeleted) return {};
    if (ready(*event->object)) return *event->object;
  }
  ADD_FAILURE() << "no watch of " << type.resource << ": " << watch.error().message;
  return {};
}

void ApiTest::AwaitGone(const api::Gvr& type, const api::ObjectName& name) {
  (void)Await(type, name, [](const json::Value&) { return false; });
  auto left = client().Get(type, name);
  EXPECT_FALSE(left) << json::Print(*left);
}

void ApiTest::MakeNamespace(const std::string& name) {
  auto made = client().Create(api::gvr::kNamespaces,
                              json::Object({{"metadata", json::Object({{"name", name}})}}));
  ASSERT_TRUE(made) << made.error().message;
}

HttpApiTest::HttpApiTest() {
  auto started = net::Server::Start({}, server().HttpHandler());
  if (!started) {
    ADD_FAILURE() << started.error().message;
    return;
  }
  http_ = std::move(*started);
  http_client_ = net::Client::Make();
}

HttpApiTest::~HttpApiTest() {
  http_client_.reset();
  http_.reset();
}

net::ClientRequest HttpApiTest::Request(const std::string& method, const std::string& target,
                                        std::string body, net::Headers headers) {
  net::ClientRequest request;
  request.method = method;
  auto url = net::Url::Parse("http://127.0.0.1:" + std::to_string(http_->port()) + target);
  if (url) request.url = *url;
  request.headers = std::move(headers);
  if (!request.headers.Has("Authorization")) {
    request.headers.Set("Authorization", std::string("Bearer ") + kToken);
  }
  if (!body.empty() && !request.headers.Has("Content-Type")) {
    request.headers.Set("Content-Type", "application/json");
  }
  request.body = std::move(body);
  return request;
}

HttpAnswer HttpApiTest::Send(net::ClientRequest request) {
  HttpAnswer answer;
  auto response = http_client_->Send(std::move(request));
  if (!response) {
    ADD_FAILURE() << response.error().message;
    return answer;
  }
  answer.status = (*response)->status;
  answer.headers = (*response)->headers;
  auto body = (*response)->ReadAll();
  if (body) answer.body = std::move(*body);
  if (auto value = json::Parse(answer.body)) answer.json = std::move(*value);
  return answer;
}

HttpAnswer HttpApiTest::Send(const std::string& method, const std::string& target, std::string body,
                             net::Headers headers) {
  return Send(Request(method, target, std::move(body), std::move(headers)));
}

HttpApiTest::Lines HttpApiTest::Open(const std::string& target, net::Headers headers) {
  auto request = Request("GET", target, "", std::move(headers));
  request.timeout = kPatience;
  auto response = http_client_->Send(std::move(request));
  if (!response) ADD_FAILURE() << response.error().message;
  return Lines(std::move(*response));
}

json::Value HttpApiTest::Lines::Next() {
  while (true) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      auto value = json::Parse(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + 1);
      if (!value) ADD_FAILURE() << value.error().message;
      return value.value_or(json::Value());
    }
    char piece[4096];
    auto got = response_->Read(piece);
    if (!got) ADD_FAILURE() << got.error().message;
    if (!got || *got == 0) return {};
    buffer_.append(piece, *got);
  }
}

}  // namespace leat::apiserver
