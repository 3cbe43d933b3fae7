// The HTTP face: credentials, content types, refusals, discovery.
#include "apiserver/testing/api_fixture.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

using HttpTest = HttpApiTest;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kPodsPath = "/api/v1/namespaces/default/pods";
constexpr const char* kWidgetsPath = "/apis/example.com/v1/namespaces/default/widgets";

TEST_F(HttpTest, OnlyHealthAndVersionAreOpen) {
  for (const char* path : {"/healthz", "/livez", "/readyz", "/version"}) {
    EXPECT_EQ(Send("GET", path, "", {{"Authorization", "none"}}).status, 200) << path;
  }
  for (const char* path : {"/", "/api", "/apis", "/metrics", kPodsPath, "/nothing", "/healthz/x"}) {
    const HttpAnswer answer = Send("GET", path, "", {{"Authorization", "none"}});
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_EQ(answer.json["kind"].AsString(), "Status");
    EXPECT_EQ(answer.Message(), "Unauthorized");
  }
  EXPECT_EQ(Send("GET", kPodsPath, "", {{"Authorization", "Bearer wrong"}}).status, 401);
  for (const char* path : {"/healthz/x", "/livez/x", "/readyz/x"})
    EXPECT_EQ(Send("GET", path).status, 404) << path;
}

TEST_F(HttpTest, CreateGetUpdateDelete) {
  const HttpAnswer made = Send("POST", kMaps, json::Print(ConfigMap("a", "1")));
  ASSERT_EQ(made.status, 201) << made.body;
  const HttpAnswer got = Send("GET", std::string(kMaps) + "/a");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.json, made.json);
  json::Value changed = got.json;
  changed.Mut("data").Set("key", "2");
  EXPECT_EQ(Send("PUT", std::string(kMaps) + "/a", json::Print(changed)).status, 200);
  const HttpAnswer stale = Send("PUT", std::string(kMaps) + "/a", json::Print(got.json));
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.json["reason"].AsString(), "Conflict");
  EXPECT_EQ(stale.json["details"]["name"].AsString(), "a");
  const HttpAnswer deleted = Send("DELETE", std::string(kMaps) + "/a");
  EXPECT_EQ(deleted.status, 200);
  EXPECT_EQ(deleted.json["status"].AsString(), "Success");
  const HttpAnswer gone = Send("GET", std::string(kMaps) + "/a");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.Message(), "configmaps \"a\" not found");
  EXPECT_EQ(gone.json["details"]["kind"].AsString(), "configmaps");
}

TEST_F(HttpTest, UrlAndBodyMustAgree) {
  json::Value other = ConfigMap("a", "1");
  other.Mut("metadata").Set("namespace", "kube-system");
  EXPECT_EQ(Send("POST", kMaps, json::Print(other)).status, 400);
  json::Value kind = ConfigMap("a", "1");
  kind.Set("kind", "Secret");
  EXPECT_EQ(Send("POST", kMaps, json::Print(kind)).status, 400);
  ASSERT_EQ(Send("POST", kMaps, json::Print(ConfigMap("a", "1"))).status, 201);
  const HttpAnswer name = Send("PUT", std::string(kMaps) + "/b", json::Print(ConfigMap("a", "1")));
  EXPECT_EQ(name.status, 400);
  EXPECT_EQ(name.Message(), "the name of the object (a) does not match the name on the URL (b)");
}

TEST_F(HttpTest, InvalidObjectsNameTheirFields) {
  json::Value pod = Pod("web");
  pod.Mut("spec").Mut("containers").MutItems()[0].Erase("image");
  pod.Mut("metadata").Set("name", "Not A Name");
  const HttpAnswer answer = Send("POST", kPodsPath, json::Print(pod));
  EXPECT_EQ(answer.status, 422) << answer.body;
  EXPECT_EQ(answer.json["reason"].AsString(), "Invalid");
  EXPECT_GE(answer.json["details"]["causes"].size(), 2u);
  EXPECT_NE(answer.Message().find("spec.containers[0].image: Required value"), std::string::npos);
}

TEST_F(HttpTest, UnknownFieldsByPolicy) {
  json::Value pod = Pod("web");
  pod.Mut("spec").Set("foo", 1);
  const std::string dry = std::string(kPodsPath) + "?dryRun=All";
  const HttpAnswer strict = Send("POST", dry + "&fieldValidation=Strict", json::Print(pod));
  EXPECT_EQ(strict.status, 400);
  EXPECT_NE(strict.Message().find("strict decoding error: unknown field \"spec.foo\""),
            std::string::npos);
  const HttpAnswer warn = Send("POST", dry, json::Print(pod));
  EXPECT_EQ(warn.status, 201);
  EXPECT_EQ(warn.headers.Get("Warning"), "299 - \"unknown field \\\"spec.foo\\\"\"");
  EXPECT_FALSE(warn.json["spec"].Has("foo"));
  const HttpAnswer ignore = Send("POST", dry + "&fieldValidation=Ignore", json::Print(pod));
  EXPECT_EQ(ignore.status, 201);
  EXPECT_FALSE(ignore.headers.Has("Warning"));
  EXPECT_EQ(Send("POST", dry + "&fieldValidation=Maybe", json::Print(pod)).status, 422);
  const std::string twice = R"({"metadata":{"name":"a"},"data":{"k":"1","k":"2"}})";
  const HttpAnswer duplicate = Send("POST", std::string(kMaps) + "?fieldValidation=Strict", twice);
  EXPECT_EQ(duplicate.status, 400);
  EXPECT_NE(duplicate.Message().find("duplicate field \"data.k\""), std::string::npos);
}

TEST_F(HttpTest, DryRunStoresNothing) {
  const std::string map = json::Print(ConfigMap("a", "1"));
  const HttpAnswer made = Send("POST", std::string(kMaps) + "?dryRun=All", map);
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.json["metadata"]["uid"].AsString().size(), 36u);
  EXPECT_EQ(Send("GET", std::string(kMaps) + "/a").status, 404);
  ASSERT_EQ(Send("POST", kMaps, map).status, 201);
  EXPECT_EQ(Send("POST", std::string(kMaps) + "?dryRun=All", map).status, 409);
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "/a?dryRun=All").status, 200);
  EXPECT_EQ(Send("PATCH", std::string(kMaps) + "/a?dryRun=All", R"({"data":{"key":"9"}})",
                 {{"Content-Type", "application/merge-patch+json"}})
                .json["data"]["key"]
                .AsString(),
            "9");
  EXPECT_EQ(Send("GET", std::string(kMaps) + "/a").json["data"]["key"].AsString(), "1");
  EXPECT_EQ(Send("POST", std::string(kMaps) + "?dryRun=Some", map).status, 422);
}

TEST_F(HttpTest, BodiesMayBeYamlButNotProtobuf) {
  const HttpAnswer yaml = Send(
      "POST", kMaps, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: b}\n",
      {{"Content-Type", "application/yaml"}});
  EXPECT_EQ(yaml.status, 201) << yaml.body;
  const HttpAnswer proto =
      Send("POST", kMaps, "k8s", {{"Content-Type", "application/vnd.kubernetes.protobuf"}});
  EXPECT_EQ(proto.status, 415);
  EXPECT_EQ(proto.json["reason"].AsString(), "UnsupportedMediaType");
  EXPECT_NE(proto.Message().find("kubectl 1.31"), std::string::npos);
  EXPECT_EQ(Send("POST", kMaps, "{").status, 400);
  EXPECT_EQ(Send("POST", kMaps, "[]").status, 400);
  EXPECT_EQ(Send("POST", kMaps, "").status, 400);
}

TEST_F(HttpTest, PatchTypesThatCannotBeAreRefused) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  ASSERT_EQ(Send("POST", kWidgetsPath, json::Print(Widget("w", 1))).status, 201);
  const std::string path = std::string(kWidgetsPath) + "/w";
  const auto patch = [&](const char* type) {
    return Send("PATCH", path, R"({"spec":{"size":2}})", {{"Content-Type", type}});
  };
  EXPECT_EQ(patch("application/merge-patch+json").status, 200);
  EXPECT_EQ(patch("application/strategic-merge-patch+json").status, 415);
  EXPECT_EQ(patch("application/json").status, 415);
  const HttpAnswer apply = patch("application/apply-patch+yaml");
  EXPECT_EQ(apply.status, 415);
  EXPECT_NE(apply.Message().find("--server-side"), std::string::npos);
  const HttpAnswer bad = Send("PATCH", path, R"([{"op":"remove","path":"/spec/none"}])",
                              {{"Content-Type", "application/json-patch+json"}});
  EXPECT_EQ(bad.status, 422) << bad.body;
}

TEST_F(HttpTest, MethodsAndResourcesThatAreNotThere) {
  EXPECT_EQ(Send("PUT", kMaps, "{}").status, 405);
  EXPECT_EQ(Send("POST", std::string(kMaps) + "/a", "{}").status, 405);
  EXPECT_EQ(Send("POST", "/version").status, 405);
  EXPECT_EQ(Send("GET", "/api/v1/namespaces/default/gizmos").status, 404);
  EXPECT_EQ(Send("GET", "/api/v2/namespaces/default/pods").status, 404);
  EXPECT_EQ(Send("GET", "/api/v1/namespaces/default/pods/a/scale").status, 404);
  EXPECT_EQ(Send("GET", "/api/v1/namespaces/default/namespaces").status, 404);
  EXPECT_EQ(Send("GET", "/apis/none.example.com/v1").status, 404);
  EXPECT_EQ(Send("GET", kPodsPath, "", {{"Accept", "text/html"}}).status, 406);
}

TEST_F(HttpTest, SubresourcesThatAreNotSupportedYetSaySoWhateverTheMethod) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  for (const char* subresource : {"exec", "attach", "portforward", "proxy"}) {
    for (const char* method : {"GET", "POST"}) {
      const HttpAnswer answer =
          Send(method, std::string(kPodsPath) + "/web/" + subresource + "?command=ls", "",
               {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Accept", "text/plain"}});
      EXPECT_EQ(answer.status, 501) << subresource;
      EXPECT_EQ(answer.json["reason"].AsString(), "NotImplemented");
      EXPECT_NE(answer.Message().find("not supported by this server yet"), std::string::npos);
    }
  }
  EXPECT_EQ(Send("PATCH", std::string(kPodsPath) + "/web/ephemeralcontainers", "{}",
                 {{"Content-Type", "application/strategic-merge-patch+json"}})
                .Message(),
            "kubectl debug is not supported by this server yet: use kubectl logs and kubectl "
            "describe to see what the pod does");
  EXPECT_EQ(Send("GET", std::string(kPodsPath) + "/web/scale").status, 404);
}

TEST_F(HttpTest, ListsComeInPages) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap(name, "1")));
  }
  const HttpAnswer first = Send("GET", std::string(kMaps) + "?limit=2");
  EXPECT_EQ(first.json["kind"].AsString(), "ConfigMapList");
  ASSERT_EQ(first.json["items"].size(), 2u);
  EXPECT_EQ(first.json["metadata"]["remainingItemCount"].AsInt(), 3);
  const std::string token = PercentEncode(first.json["metadata"]["continue"].AsString());
  const HttpAnswer second = Send("GET", std::string(kMaps) + "?limit=2&continue=" + token);
  EXPECT_EQ(second.json["items"][0]["metadata"]["name"].AsString(), "c");
  EXPECT_EQ(second.json["metadata"]["resourceVersion"], first.json["metadata"]["resourceVersion"]);
  const std::string last = PercentEncode(second.json["metadata"]["continue"].AsString());
  const HttpAnswer third = Send("GET", std::string(kMaps) + "?limit=2&continue=" + last);
  EXPECT_EQ(third.json["items"].size(), 1u);
  EXPECT_FALSE(third.json["metadata"].Has("continue"));
  EXPECT_EQ(Send("GET", std::string(kMaps) + "?continue=nonsense").status, 400);
  const HttpAnswer chosen =
      Send("GET", std::string(kMaps) + "?limit=1&fieldSelector=metadata.name!%3Da");
  EXPECT_EQ(chosen.json["items"][0]["metadata"]["name"].AsString(), "b");
  EXPECT_FALSE(chosen.json["metadata"]["continue"].AsString().empty());
}

TEST_F(HttpTest, PagesShowTheStateOfTheFirstOne) {
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap(name, "old")));
  }
  const std::string chosen = std::string(kMaps) + "?limit=1&fieldSelector=metadata.name!%3Dc";
  const std::string whole = std::string(kMaps) + "?limit=1";
  for (const auto& [target, expected] : {std::pair{whole, "abcd"}, std::pair{chosen, "abd"}}) {
    std::string names, token;
    do {
      const HttpAnswer page = Send("GET", target + "&continue=" + PercentEncode(token));
      ASSERT_EQ(page.json["items"].size(), 1u) << page.body;
      EXPECT_EQ(page.json["items"][0]["data"]["key"].AsString(), "old");
      names += page.json["items"][0]["metadata"]["name"].AsString();
      token = page.json["metadata"]["continue"].Str();
      // What comes between pages shows on none of them.
      ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "d"}));
      ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("e", "new")));
      ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "e"}));
      ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("d", "old")));
    } while (!token.empty());
    EXPECT_EQ(names, expected);
  }
}

TEST_F(HttpTest, RevisionsOfListsAreChecked) {
  EXPECT_EQ(Send("GET", std::string(kMaps) + "?resourceVersion=0").status, 200);
  const HttpAnswer ahead = Send("GET", std::string(kMaps) + "?resourceVersion=99999999");
  EXPECT_EQ(ahead.status, 504);
  EXPECT_NE(ahead.Message().find("Too large resource version"), std::string::npos);
  const HttpAnswer past =
      Send("GET", std::string(kMaps) + "?resourceVersion=1&resourceVersionMatch=Exact");
  EXPECT_EQ(past.status, 200);
  EXPECT_EQ(past.json["items"].size(), 0u);
  const std::string token = Base64Encode(R"({"rv":99999999,"ns":"default","name":"a"})");
  const HttpAnswer old = Send("GET", std::string(kMaps) + "?continue=" + PercentEncode(token));
  EXPECT_EQ(old.status, 410);
  EXPECT_EQ(old.json["reason"].AsString(), "Expired");
  EXPECT_NE(old.Message().find("start a new list without the continue"), std::string::npos);
  EXPECT_EQ(Send("GET", std::string(kMaps) + "?resourceVersion=x").status, 400);
}

TEST_F(HttpTest, TablesHaveTheKindsColumns) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  ASSERT_TRUE(client().Create(kWidgets, Widget("w", 5)));
  const net::Headers table = {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}};
  const HttpAnswer widgets = Send("GET", kWidgetsPath, "", table);
  EXPECT_EQ(widgets.json["kind"].AsString(), "Table");
  EXPECT_EQ(widgets.json["columnDefinitions"][1]["name"].AsString(), "Size");
  EXPECT_EQ(widgets.json["rows"][0]["cells"][1].AsInt(), 5);
  EXPECT_EQ(widgets.json["rows"][0]["object"]["kind"].AsString(), "PartialObjectMetadata");
  const HttpAnswer old = Send("GET", std::string(kWidgetsPath) + "/w?includeObject=Object", "",
                              {{"Accept", "application/json;as=Table;v=v1beta1;g=meta.k8s.io"}});
  EXPECT_EQ(old.json["apiVersion"].AsString(), "meta.k8s.io/v1beta1");
  EXPECT_EQ(old.json["rows"][0]["object"]["kind"].AsString(), "Widget");
  const HttpAnswer partial =
      Send("GET", kWidgetsPath, "",
           {{"Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}});
  EXPECT_EQ(partial.json["kind"].AsString(), "PartialObjectMetadataList");
  EXPECT_FALSE(partial.json["items"][0].Has("spec"));
}

TEST_F(HttpTest, DiscoveryListsBuiltInAndCustomTypes) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  EXPECT_EQ(Send("GET", "/version").json["minor"].AsString(), "31");
  EXPECT_EQ(Send("GET", "/api").json["versions"][0].AsString(), "v1");
  const HttpAnswer group = Send("GET", "/apis/example.com");
  EXPECT_EQ(group.json["preferredVersion"]["groupVersion"].AsString(), "example.com/v1");
  const HttpAnswer list = Send("GET", "/apis/example.com/v1");
  EXPECT_EQ(list.json["resources"][0]["name"].AsString(), "widgets");
  EXPECT_EQ(list.json["resources"][0]["shortNames"][0].AsString(), "wd");
  EXPECT_EQ(list.json["resources"][1]["name"].AsString(), "widgets/status");
  const HttpAnswer core = Send("GET", "/api/v1");
  EXPECT_NE(core.body.find("\"pods/log\""), std::string::npos);
  const HttpAnswer all =
      Send("GET", "/apis", "",
           {{"Accept",
             "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
             "application/json"}});
  EXPECT_EQ(all.json["kind"].AsString(), "APIGroupDiscoveryList");
  EXPECT_EQ(all.headers.Get("Content-Type"),
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  EXPECT_NE(all.body.find("\"widgets\""), std::string::npos);
}

TEST_F(HttpTest, OpenApiIsEmptyAndOfTheTypeThatKubectlWants) {
  const HttpAnswer proto =
      Send("GET", "/openapi/v2", "",
           {{"Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}});
  EXPECT_EQ(proto.status, 200);
  EXPECT_EQ(proto.body, "");
  EXPECT_EQ(proto.headers.Get("Content-Type"),
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  EXPECT_EQ(Send("GET", "/openapi/v2").json["swagger"].AsString(), "2.0");
}

TEST_F(HttpTest, OpenApiV3DescribesEveryServedKind) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  const json::Value index = Send("GET", "/openapi/v3").json;
  for (const json::Member& path : index["paths"].Members()) {
    const std::string url = path.value["serverRelativeURL"].Str();
    const HttpAnswer document = Send("GET", url);
    EXPECT_EQ(document.status, 200) << url;
    EXPECT_GT(document.json["components"]["schemas"].size(), 0u) << url;
  }
  const HttpAnswer core = Send("GET", "/openapi/v3/api/v1");
  const json::Value& pod = core.json["components"]["schemas"]["core.v1.Pod"]["properties"];
  const json::Value& containers = pod["spec"]["properties"]["containers"];
  EXPECT_EQ(containers["type"].AsString(), "array");
  EXPECT_EQ(containers["items"]["properties"]["image"]["type"].AsString(), "string");
  EXPECT_EQ(containers["x-kubernetes-patch-merge-key"].AsString(), "name");
  const json::Value& patch =
      core.json["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
  EXPECT_EQ(patch["parameters"][1]["name"].AsString(), "fieldValidation");
  EXPECT_EQ(patch["x-kubernetes-group-version-kind"]["kind"].AsString(), "Pod");
  const HttpAnswer custom = Send("GET", "/openapi/v3/apis/example.com/v1");
  const json::Value& widget = custom.json["components"]["schemas"]["example.com.v1.Widget"];
  EXPECT_EQ(widget["properties"]["spec"]["properties"]["size"]["minimum"].AsInt(-1), 0);
  EXPECT_EQ(widget["properties"]["metadata"]["type"].AsString(), "object");
  EXPECT_EQ(Send("GET", "/openapi/v3/api/v2").status, 404);
  EXPECT_EQ(Send("GET", "/openapi/v3/apis/none.example.com/v1").status, 404);
  EXPECT_EQ(Send("GET", "/openapi/v3x").status, 404);
}

TEST_F(HttpTest, DefinitionsSpeakBothVersions) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  const HttpAnswer old = Send(
      "GET", "/apis/apiextensions.k8s.io/v1beta1/customresourcedefinitions/widgets.example.com");
  EXPECT_EQ(old.json["apiVersion"].AsString(), "apiextensions.k8s.io/v1beta1");
  EXPECT_EQ(old.json["spec"]["names"]["kind"].AsString(), "Widget");
}

TEST_F(HttpTest, DeleteOptionsComeFromBodyOrQuery) {
  json::Value pod = Pod("web");
  ASSERT_TRUE(client().Create(api::gvr::kPods, pod));
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  const std::string path = std::string(kPodsPath) + "/web";
  EXPECT_EQ(Send("DELETE", path, R"({"preconditions":{"uid":"x"}})").status, 409);
  const HttpAnswer marked = Send("DELETE", path, R"({"gracePeriodSeconds":7})");
  EXPECT_EQ(marked.json["metadata"]["deletionGracePeriodSeconds"].AsInt(), 7);
  const HttpAnswer shorter = Send("DELETE", path + "?gracePeriodSeconds=-1");
  EXPECT_EQ(shorter.json["metadata"]["deletionGracePeriodSeconds"].AsInt(), 1);
  const HttpAnswer gone = Send("DELETE", path + "?gracePeriodSeconds=0");
  EXPECT_EQ(gone.json["kind"].AsString(), "Pod");
  EXPECT_EQ(gone.json["metadata"]["name"].AsString(), "web");
  EXPECT_EQ(Send("GET", path).status, 404);
}

TEST_F(HttpTest, ForegroundAndOrphan) {
  const auto owner = client().Create(api::gvr::kConfigMaps, ConfigMap("owner", "1"));
  ASSERT_TRUE(owner);
  json::Value child = ConfigMap("child", "1");
  json::Value reference = json::Object({{"apiVersion", "v1"},
                                        {"kind", "ConfigMap"},
                                        {"name", "owner"},
                                        {"uid", (*owner)["metadata"]["uid"]},
                                        {"blockOwnerDeletion", true}});
  child.Mut("metadata").Set("ownerReferences", json::Array({reference}));
  child.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, child));
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "/owner?propagationPolicy=Foreground").status, 200);
  Await(api::gvr::kConfigMaps, {"default", "child"},
        [](const json::Value& now) { return now["metadata"].Has("deletionTimestamp"); });
  EXPECT_EQ(Send("GET", std::string(kMaps) + "/owner").status, 200) << "its child is still there";
  Send("PATCH", std::string(kMaps) + "/child", R"({"metadata":{"finalizers":[]}})",
       {{"Content-Type", "application/merge-patch+json"}});
  AwaitGone(api::gvr::kConfigMaps, {"default", "owner"});
  EXPECT_EQ(Send("GET", std::string(kMaps) + "/child").status, 404);

  const auto second = client().Create(api::gvr::kConfigMaps, ConfigMap("owner", "1"));
  reference.Set("uid", (*second)["metadata"]["uid"]);
  child.Mut("metadata").Set("ownerReferences", json::Array({reference}));
  child.Mut("metadata").Erase("finalizers");
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, child));
  Send("DELETE", std::string(kMaps) + "/owner", R"({"propagationPolicy":"Orphan"})");
  AwaitGone(api::gvr::kConfigMaps, {"default", "owner"});
  const HttpAnswer orphan = Send("GET", std::string(kMaps) + "/child");
  EXPECT_EQ(orphan.status, 200);
  EXPECT_FALSE(orphan.json["metadata"].Has("ownerReferences"));
}

TEST_F(HttpTest, ForegroundDeletionLeavesWhatHasAnotherOwner) {
  json::Value references = json::Array();
  for (const char* name : {"a", "b"}) {
    const auto owner = client().Create(api::gvr::kConfigMaps, ConfigMap(name, "1"));
    ASSERT_TRUE(owner);
    references.Push(json::Object({{"apiVersion", "v1"},
                                  {"kind", "ConfigMap"},
                                  {"name", name},
                                  {"uid", (*owner)["metadata"]["uid"]},
                                  {"blockOwnerDeletion", true}}));
  }
  json::Value child = ConfigMap("child", "1");
  child.Mut("metadata").Set("ownerReferences", references);
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, child));
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "/a?propagationPolicy=Foreground").status, 200);
  AwaitGone(api::gvr::kConfigMaps, {"default", "a"});
  const HttpAnswer left = Send("GET", std::string(kMaps) + "/child");
  ASSERT_EQ(left.status, 200);
  EXPECT_FALSE(left.json["metadata"].Has("deletionTimestamp"));
  ASSERT_EQ(left.json["metadata"]["ownerReferences"].size(), 1u);
  EXPECT_EQ(left.json["metadata"]["ownerReferences"].Items()[0]["name"].AsString(), "b");
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "/b?propagationPolicy=Foreground").status, 200);
  AwaitGone(api::gvr::kConfigMaps, {"default", "child"});
}

TEST_F(HttpTest, DeleteCollectionTakesWhatTheSelectorChooses) {
  for (const char* name : {"a", "b", "c"}) {
    json::Value map = ConfigMap(name, "1");
    map.Mut("metadata").Mut("labels").Set("keep", std::string(name) == "b" ? "yes" : "no");
    ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, map));
  }
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "?labelSelector=keep%3Dno").status, 200);
  const HttpAnswer left = Send("GET", kMaps);
  ASSERT_EQ(left.json["items"].size(), 1u);
  EXPECT_EQ(left.json["items"][0]["metadata"]["name"].AsString(), "b");
}

TEST_F(HttpTest, BindingIsASubresourceOfPods) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  const std::string path = std::string(kPodsPath) + "/web/binding";
  for (const char* wrong : {R"({"target":{"kind":"Pod","name":"node-a"}})", R"({"target":{}})",
                            R"({"target":{"name":"No Node"}})"})
    EXPECT_EQ(Send("POST", path, wrong).status, 422) << wrong;
  EXPECT_EQ(Send("POST", path, R"({"metadata":{"name":"b"},"target":{"name":"node-a"}})").status,
            400);
  EXPECT_EQ(Send("POST", path, R"({"target":{"kind":"Node","name":"node-a"}})").status, 201);
  EXPECT_EQ(Send("POST", path, R"({"target":{"kind":"Node","name":"node-b"}})").status, 409);
}

TEST_F(HttpTest, AnUpdateCreatesALease) {
  const char* path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const std::string lease =
      R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},)"
      R"("spec":{"holderIdentity":"a"}})";
  const HttpAnswer made = Send("PUT", path, lease);
  EXPECT_EQ(made.status, 201);
  EXPECT_FALSE(made.json["metadata"]["uid"].AsString().empty());
  EXPECT_EQ(Send("PUT", path, lease).status, 200);
  EXPECT_EQ(Send("PUT", std::string(kMaps) + "/l",
                 R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"l"}})")
                .status,
            404);
}

TEST_F(HttpTest, TheStatusOfPodsTakesTheirLabels) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  const std::string path = std::string(kPodsPath) + "/web/status";
  const HttpAnswer labelled =
      Send("PATCH", path, R"({"metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n"}})",
           {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(labelled.status, 200);
  EXPECT_EQ(labelled.json["metadata"]["labels"]["a"].AsString(), "b");
  EXPECT_TRUE(labelled.json["spec"]["nodeName"].IsNull());
}

TEST_F(HttpTest, ManyUnknownFieldsAreToldAtOnce) {
  std::string map = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"})";
  for (int i = 0; i < 100'000; ++i) map += ",\"unknown" + std::to_string(i) + "\":1";
  const HttpAnswer made = Send("POST", std::string(kMaps) + "?fieldValidation=Warn", map + "}");
  EXPECT_EQ(made.status, 201);
  EXPECT_NE(made.headers.Get("Warning").find("unknown field"), std::string::npos);
}

TEST_F(HttpTest, MetricsCountRequestsAndTakeMore) {
  server().AddMetrics([] { return std::string("leat_widgets 3\n"); });
  Send("GET", kPodsPath);
  Send("GET", "/api/v1/namespaces/default/made-up-by-a-client");
  const HttpAnswer metrics = Send("GET", "/metrics");
  EXPECT_NE(
      metrics.body.find("apiserver_request_total{verb=\"list\",resource=\"pods\",code=\"200\"} 1"),
      std::string::npos);
  EXPECT_EQ(metrics.body.find("made-up"), std::string::npos);
  EXPECT_NE(metrics.body.find("leat_widgets 3"), std::string::npos);
}

TEST_F(HttpTest, AnswersMayBeYaml) {
  ASSERT_TRUE(client().Create(api::gvr::kConfigMaps, ConfigMap("a", "1")));
  const HttpAnswer yaml =
      Send("GET", std::string(kMaps) + "/a", "", {{"Accept", "application/yaml"}});
  EXPECT_EQ(yaml.headers.Get("Content-Type"), "application/yaml");
  EXPECT_NE(yaml.body.find("kind: ConfigMap"), std::string::npos);
}

}  // namespace
}  // namespace leat::apiserver
