// What an ObjectClient promises, held against both of them: in-process and over HTTPS.
#include <gtest/gtest.h>

#include "api/object_client.h"
#include "api/pod_logs.h"
#include "apiserver/apiserver.h"
#include "base/strings.h"
#include "client/http_object_client.h"
#include "client/informer.h"
#include "client/kubeconfig.h"
#include "io/file.h"
#include "json/yaml.h"
#include "net/server.h"
#include "net/tls.h"
#include "store/store.h"

namespace leat::client {
namespace {

using namespace std::chrono_literals;

constexpr char kToken[] = "a-token";

class ObjectClientTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    store_ = *store::Store::Open({.path = dir_.path() + "/db"}, clock_);
    authority_ = *net::MakeCertificateAuthority("test");
    server_ = *apiserver::ApiServer::Start(
        {.access = {.bearer_token = kToken, .client_ca_pem = authority_.certificate_pem}}, *store_,
        clock_);
    if (!GetParam()) return;
    const auto identity =
        *net::IssueCertificate(authority_, {.common_name = "s", .ip_addresses = {"127.0.0.1"}});
    net::ServerOptions options;
    options.tls =
        net::TlsServerOptions{.identity = identity, .client_ca_pem = authority_.certificate_pem};
    port_ = *net::Server::Start(options, server_->HttpHandler());
    ClusterAccess access{.server = "https://127.0.0.1:" + std::to_string(port_->port()),
                         .token = kToken};
    access.tls.ca_pem = authority_.certificate_pem;
    http_ = *MakeHttpObjectClient(access);
  }

  api::ObjectClient& client() { return GetParam() ? *http_ : server_->client(); }

  static json::Value ConfigMap(std::string_view name, std::string_view value) {
    return json::Object({{"apiVersion", "v1"},
                         {"kind", "ConfigMap"},
                         {"metadata", json::Object({{"namespace", "default"},
                                                    {"name", name},
                                                    {"labels", json::Object({{"app", value}})}})},
                         {"data", json::Object({{"k", value}})}});
  }

  io::TempDir dir_;
  RealClock clock_;
  net::KeyPair authority_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<net::Server> port_;
  std::unique_ptr<api::ObjectClient> http_;
};

INSTANTIATE_TEST_SUITE_P(, ObjectClientTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "OverHttps" : "InProcess"; });

TEST_P(ObjectClientTest, CreatesReadsChangesAndDeletes) {
  auto made = client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1")).error().code,
            Code::kAlreadyExists);
  auto read = client().Get(api::gvr::kConfigMaps, {"default", "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)["kind"].AsString(), "ConfigMap");
  read->Mut("data").Set("k", "2");
  ASSERT_TRUE(client().Update(api::gvr::kConfigMaps, *read));
  EXPECT_EQ(client().Update(api::gvr::kConfigMaps, *read).error().code, Code::kConflict);
  auto patched = client().Patch(api::gvr::kConfigMaps, {"default", "a"}, api::PatchType::kMerge,
                                json::Object({{"data", json::Object({{"k", "3"}})}}));
  ASSERT_TRUE(patched);
  EXPECT_EQ((*patched)["data"]["k"].AsString(), "3");
  ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "a"}));
  EXPECT_EQ(client().Get(api::gvr::kConfigMaps, {"default", "a"}).error().code, Code::kNotFound);
}

TEST_P(ObjectClientTest, ListsBySelectorWithKindsOnTheItems) {
  for (const char* name : {"a", "b"})
    ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap(name, name)));
  const auto list =
      client().List(api::gvr::kConfigMaps, {.ns = "default", .label_selector = "app=b"});
  ASSERT_TRUE(list);
  ASSERT_EQ(list->items.size(), 1u);
  EXPECT_EQ(list->items[0]["metadata"]["name"].AsString(), "b");
  EXPECT_EQ(list->items[0]["kind"].AsString(), "ConfigMap");
  EXPECT_FALSE(list->resource_version.empty());
}

TEST_P(ObjectClientTest, AWatchGoesOnWhereAListEnded) {
  const auto list = client().List(api::gvr::kConfigMaps, {.ns = "default"});
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1")));
  auto watch = client().Watch(api::gvr::kConfigMaps, {.ns = "default"}, list->resource_version);
  ASSERT_TRUE(watch) << watch.error().message;
  auto added = (*watch)->Next(10s, {});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->type, api::WatchEventType::kAdded);
  EXPECT_EQ((*added->object)["metadata"]["name"].AsString(), "a");
  ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "a"}));
  auto deleted = (*watch)->Next(10s, {});
  ASSERT_TRUE(deleted);
  EXPECT_EQ(deleted->type, api::WatchEventType::kDeleted);
  EXPECT_EQ((*watch)->Next(1ms, {}).error().code, Code::kTimeout);
}

TEST_P(ObjectClientTest, AStopRequestEndsAWaitForEvents) {
  auto watch = client().Watch(api::gvr::kConfigMaps, {}, "");
  ASSERT_TRUE(watch);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ((*watch)->Next(1h, stop.get_token()).error().code, Code::kCancelled);
}

TEST_P(ObjectClientTest, WrongObjectsAreInvalidWithTheirFields) {
  json::Value wrong = ConfigMap("Not_A_Name", "1");
  const auto made = client().Create(api::gvr::kConfigMaps, wrong);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kInvalid);
  EXPECT_NE(made.error().message.find("metadata.name"), std::string::npos);
}

TEST_P(ObjectClientTest, AnInformerFollowsTheCluster) {
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1")));
  Informer informer(client(), clock_, api::gvr::kConfigMaps, {.ns = "default"});
  Mutex mu;
  CondVar changed;
  std::vector<std::string> seen;
  informer.AddHandler([&](const ObjectPtr& before, const ObjectPtr& after) {
    MutexLock lock(mu);
    const json::Value& object = after ? *after : *before;
    seen.push_back((before ? after ? "~" : "-" : "+") + object["metadata"]["name"].Str());
    changed.NotifyAll();
  });
  const auto await = [&](size_t n) {
    MutexLock lock(mu);
    return changed.WaitFor(mu, {}, 20s, [&] { return seen.size() >= n; });
  };
  informer.Start();
  ASSERT_TRUE(informer.WaitSynced({}));
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("b", "1")));
  ASSERT_TRUE(await(2));
  ASSERT_TRUE(client().Update(api::gvr::kConfigMaps, ConfigMap("b", "2")));
  ASSERT_TRUE(await(3));
  ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "a"}));
  ASSERT_TRUE(await(4));
  EXPECT_EQ(seen, (std::vector<std::string>{"+a", "+b", "~b", "-a"}));
  EXPECT_EQ(informer.List().size(), 1u);
  EXPECT_EQ(informer.Get({"default", "a"}), nullptr);
}

// The log of a container that wrote a line of 100 KB, as the node reads it: 8 KB at a time.
class OneLongLine : public api::PodLogs {
 public:
  Status Read(const api::ObjectName&, const api::PodLogOptions&,
              const std::function<bool(std::string_view)>& sink, const std::stop_token&) override {
    const std::string piece(8000, 'x');
    if (!sink("2026-11-22T04:10:00Z " + piece)) return {};
    for (int i = 1; i < 12; ++i)
      if (!sink(piece)) return {};
    if (sink("end\n")) sink("2026-11-22T04:10:01Z next\n");
    return {};
  }
};

TEST_P(ObjectClientTest, ALongLineOfALogComesWhole) {
  OneLongLine logs;
  server_->SetPodLogs(&logs);
  const json::Value pod = json::ParseYaml(
                              "{apiVersion: v1, kind: Pod, metadata: {name: p, "
                              "namespace: default}, spec: {containers: [{name: c, "
                              "image: x}]}}")
                              ->front();
  ASSERT_TRUE(client().Create(api::gvr::kPods, pod));
  std::vector<std::string> lines;
  const Status read = client().FollowPodLog({"default", "p"}, "c", "",
                                            [&](std::string_view line) {
                                              lines.emplace_back(line);
                                              return true;
                                            },
                                            {});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "2026-11-22T04:10:00Z " + std::string(96000, 'x') + "end");
  EXPECT_EQ(lines[1], "2026-11-22T04:10:01Z next");
  server_->SetPodLogs(nullptr);
}

TEST(HttpObjectClient, AWrongTokenIsUnauthorized) {
  io::TempDir dir;
  RealClock clock;
  auto store = *store::Store::Open({.path = dir.path() + "/db"}, clock);
  auto server = *apiserver::ApiServer::Start({.access = {.bearer_token = kToken}}, *store, clock);
  auto port = *net::Server::Start({}, server->HttpHandler());
  auto client = *MakeHttpObjectClient(
      {.server = "http://127.0.0.1:" + std::to_string(port->port()), .token = "wrong"});
  EXPECT_EQ(client->Get(api::gvr::kPods, {"default", "x"}).error().code, Code::kUnauthorized);
}

TEST(Kubeconfig, IsReadAsKubectlReadsIt) {
  io::TempDir dir;
  ASSERT_TRUE(io::WriteFile(dir.path() + "/ca.pem", "the ca"));
  ASSERT_TRUE(io::WriteFile(dir.path() + "/config", R"(
current-context: here
clusters:
- {name: c, cluster: {server: "https://h:1", certificate-authority: ca.pem}}
contexts:
- {name: here, context: {cluster: c, user: u, namespace: mine}}
- {name: there, context: {cluster: gone, user: u}}
- {name: plugin, context: {cluster: c, user: p}}
users:
- {name: u, user: {token: t}}
- {name: p, user: {exec: {command: x}}}
)"));
  const auto access = LoadKubeconfig(dir.path() + "/config");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://h:1");
  EXPECT_EQ(access->tls.ca_pem, "the ca");
  EXPECT_EQ(access->token, "t");
  EXPECT_EQ(access->default_namespace, "mine");
  EXPECT_NE(LoadKubeconfig(dir.path() + "/config", "there").error().message.find("\"gone\""),
            std::string::npos);
  EXPECT_NE(LoadKubeconfig(dir.path() + "/config", "plugin").error().message.find("exec"),
            std::string::npos);
  EXPECT_EQ(LoadKubeconfig(dir.path() + "/none").error().code, Code::kNotFound);
}

TEST(Kubeconfig, WhatIsNotUnderstoodIsRefusedByName) {
  io::TempDir dir;
  const std::string path = dir.path() + "/config";
  const auto load = [&](const std::string& cluster, const std::string& user) {
    EXPECT_TRUE(io::WriteFile(path, "current-context: x\nclusters: [{name: c, cluster: {" +
                                        cluster +
                                        "}}]\ncontexts: [{name: x, context: {cluster: c, user: "
                                        "u}}]\nusers: [{name: u, user: {" +
                                        user + "}}]\n"));
    return LoadKubeconfig(path);
  };
  EXPECT_TRUE(load("server: 'https://h:1', extensions: [{}]", "token: t, username: ''"));
  for (const auto& [cluster, user, name] :
       {std::tuple("server: 'https://h:1'", "token: t, as: nobody", " as,"),
        std::tuple("server: 'https://h:1'", "token: t, as-groups: [dev]", " as-groups,"),
        std::tuple("server: 'https://h:1'", "username: me, password: p", " password,"),
        std::tuple("server: 'https://h:1', proxy-url: 'http://p'", "token: t", " proxy-url,")}) {
    const auto access = load(cluster, user);
    ASSERT_FALSE(access) << user;
    EXPECT_NE(access.error().message.find(name), std::string::npos) << access.error().message;
  }
}

}  // namespace
}  // namespace leat::client
