// A whole API server over a real store in a temporary directory, for tests.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "net/client.h"

namespace leat::apiserver {

inline constexpr std::chrono::seconds kPatience{20};  // for things that happen on other threads
inline constexpr const char* kToken = "test-token";

inline const api::Gvr kWidgets{"example.com", "v1", "widgets"};

// A v1 CustomResourceDefinition of widgets.example.com: spec.size (integer, default 1),
// spec.color, a status subresource, and a column.
json::Value WidgetDefinition();
json::Value Widget(const std::string& name, int64_t size);
json::Value Pod(const std::string& name);
json::Value ConfigMap(const std::string& name, const std::string& value);

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() { Restart(); }
  ~ApiTest() override { Shutdown(); }

  // Ends the server and starts it again on the same database.
  void Restart();
  void Shutdown();
  api::ObjectClient& client() { return server_->client(); }
  ApiServer& server() { return *server_; }
  store::Store& store() { return *store_; }

  // The object once `ready` holds for it; null once it is gone. Fails the test when neither comes.
  json::Value Await(const api::Gvr& type, const api::ObjectName& name,
                    const std::function<bool(const json::Value&)>& ready);
  void AwaitGone(const api::Gvr& type, const api::ObjectName& name);
  void MakeNamespace(const std::string& name);

  io::TempDir dir_;
  FakeClock clock_;

 private:
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ApiServer> server_;
};

struct HttpAnswer {
  int status = 0;
  net::Headers headers;
  std::string body;
  json::Value json;  // null unless the body is JSON
  std::string Message() const { return json["message"].Str(); }
};

// The same with its HTTP face on a port of 127.0.0.1.
class HttpApiTest : public ApiTest {
 protected:
  HttpApiTest();
  ~HttpApiTest() override;

  net::ClientRequest Request(const std::string& method, const std::string& target,
                             std::string body = "", net::Headers headers = {});
  // As the admin, JSON unless the headers say otherwise.
  HttpAnswer Send(const std::string& method, const std::string& target, std::string body = "",
                  net::Headers headers = {});
  HttpAnswer Send(net::ClientRequest request);

  // A running watch, read line by line.
  class Lines {
   public:
    explicit Lines(std::unique_ptr<net::ClientResponse> response)
        : response_(std::move(response)) {}
    json::Value Next();  // null at the end of the stream
    const net::ClientResponse& response() const { return *response_; }

   private:
    std::unique_ptr<net::ClientResponse> response_;
    std::string buffer_;
  };
  Lines Open(const std::string& target, net::Headers headers = {});

 private:
  std::unique_ptr<net::Server> http_;
  std::unique_ptr<net::Client> http_client_;
};

}  // namespace leat::apiserver
