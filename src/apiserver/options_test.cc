// The options of requests over HTTP: switches, lists, watches, deletes, and whom a request acts as.
#include <algorithm>

#include "apiserver/testing/api_fixture.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kWidgetsPath = "/apis/example.com/v1/namespaces/default/widgets";
const std::string kFuture = "999999999";

class OptionsTest : public HttpApiTest {
 protected:
  void Make(const std::string& name) {
    auto made = client().Create(api::gvr::kConfigMaps, ConfigMap(name, "1"));
    ASSERT_TRUE(made) << made.error().message;
  }
  std::string Here() { return client().List(api::gvr::kConfigMaps)->resource_version; }
  HttpAnswer List(const std::string& query) {
    return Send("GET", std::string(kMaps) + "?" + query);
  }
  HttpAnswer PatchMap(const std::string& patch) {
    return Send("PATCH", std::string(kMaps) + "/a", patch,
                {{"Content-Type", "application/merge-patch+json"}});
  }
  static std::vector<std::string> Names(const json::Value& list) {
    std::vector<std::string> names;
    for (const json::Value& item : list["items"].Items()) names.push_back(api::NameOf(item).name);
    return names;
  }
};

using Strings = std::vector<std::string>;

TEST_F(OptionsTest, SwitchesAreOffOnlyWhenTheySayFalse) {
  int number = 0;
  for (const char* on : {"true", "True", "TRUE", "1", "t", "yes", "", "no"}) {
    Lines watch =
        Open(std::string(kMaps) + "?timeoutSeconds=60&resourceVersion=" + Here() + "&watch=" + on);
    const std::string name = "map-" + std::to_string(number++);
    Make(name);
    EXPECT_EQ(watch.Next()["object"]["metadata"]["name"].AsString(), name) << on;
  }
  for (const char* off : {"false", "False", "FALSE", "0"}) {
    EXPECT_EQ(List(std::string("watch=") + off).json["kind"].AsString(), "ConfigMapList") << off;
  }
}

TEST_F(OptionsTest, ListOptionsThatDoNotFitTogetherAreInvalid) {
  for (const char* query :
       {"resourceVersionMatch=Exact", "resourceVersionMatch=NotOlderThan",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=exact", "sendInitialEvents=true",
        "sendInitialEvents=false", "watch=1&sendInitialEvents=true",
        "watch=1&sendInitialEvents=1&resourceVersion=1&resourceVersionMatch=Exact",
        "watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan"}) {
    const HttpAnswer answer = List(query);
    EXPECT_EQ(answer.status, 422) << query << answer.body;
    EXPECT_TRUE(answer.Message().starts_with("ListOptions.meta.k8s.io \"\" is invalid: "))
        << answer.Message();
  }
  for (const char* query : {"limit=x", "limit=", "timeoutSeconds=1.5", "watch=1&limit=x"}) {
    EXPECT_EQ(List(query).status, 400) << query;
  }
  EXPECT_EQ(List("limit=-1").status, 200);
  Lines watch =
      Open(std::string(kMaps) + "?watch=1&timeoutSeconds=-1&limit=-1&resourceVersion=" + Here());
  Make("a");
  EXPECT_EQ(watch.Next()["type"].AsString(), "ADDED");
}

TEST_F(OptionsTest, LimitedListFromARevisionIsThatRevision) {
  Make("a");
  Make("b");
  const std::string then = Here();
  ASSERT_TRUE(client().Delete(api::gvr::kConfigMaps, {"default", "a"}));
  Make("c");
  const HttpAnswer page = List("limit=5&resourceVersion=" + then);
  EXPECT_EQ(Names(page.json), (Strings{"a", "b"}));
  EXPECT_EQ(page.json["metadata"]["resourceVersion"].AsString(), then);
  EXPECT_EQ(Names(List("resourceVersion=" + then).json), (Strings{"b", "c"}));
  EXPECT_EQ(Names(List("limit=5&resourceVersionMatch=NotOlderThan&resourceVersion=" + then).json),
            (Strings{"b", "c"}));
  const std::string token = PercentEncode(
      List("limit=1&resourceVersion=" + then).json["metadata"]["continue"].AsString());
  EXPECT_EQ(Names(List("continue=" + token).json), (Strings{"b"}));
  EXPECT_EQ(Names(List("resourceVersion=0&continue=" + token).json), (Strings{"b"}));
  EXPECT_EQ(List("resourceVersion=" + then + "&continue=" + token).status, 400);
}

TEST_F(OptionsTest, RevisionsOfTheFutureAreTooLarge) {
  Make("a");
  const std::string one = std::string(kMaps) + "/a";
  for (const std::string& target :
       {std::string(kMaps) + "?resourceVersion=" + kFuture,
        std::string(kMaps) + "?limit=1&resourceVersion=" + kFuture,
        std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + kFuture,
        std::string(kMaps) + "?watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan" +
            "&resourceVersion=" + kFuture,
        one + "?resourceVersion=" + kFuture}) {
    const HttpAnswer answer = Send("GET", target);
    EXPECT_EQ(answer.status, 504) << target;
    EXPECT_EQ(answer.json["reason"].AsString(), "Timeout");
    EXPECT_EQ(answer.json["details"]["causes"][0]["reason"].AsString(), "ResourceVersionTooLarge");
    EXPECT_EQ(answer.json["details"]["retryAfterSeconds"].AsInt(), 1);
    EXPECT_EQ(answer.headers.Get("Retry-After"), "1");
  }
  EXPECT_EQ(Send("GET", one + "?resourceVersion=" + Here()).status, 200);
  EXPECT_EQ(Send("GET", one + "?resourceVersion=x").status, 400);
}

TEST_F(OptionsTest, ExpiredPageHasATokenThatGoesOnWithWhatIsThere) {
  for (const char* name : {"a", "b", "c"}) Make(name);
  const std::string old = Base64Encode(R"({"rv":)" + kFuture + R"(,"ns":"default","name":"a"})");
  const HttpAnswer gone = List("limit=1&continue=" + PercentEncode(old));
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.json["reason"].AsString(), "Expired");
  const std::string fresh = PercentEncode(gone.json["metadata"]["continue"].AsString());
  const HttpAnswer page = List("limit=1&continue=" + fresh);
  EXPECT_EQ(Names(page.json), (Strings{"b"}));
  EXPECT_EQ(page.json["metadata"]["resourceVersion"].AsString(), Here());
  const std::string next = PercentEncode(page.json["metadata"]["continue"].AsString());
  EXPECT_EQ(Names(List("limit=1&continue=" + next).json), (Strings{"c"}));
  EXPECT_EQ(Names(List("fieldSelector=metadata.name%3Da&continue=" + fresh).json), Strings{});
}

TEST_F(OptionsTest, BookmarksComeOnlyToThoseWhoAskForThem) {
  Make("a");
  const std::string initial = std::string(kMaps) +
                              "?watch=1&resourceVersionMatch=NotOlderThan&timeoutSeconds=60"
                              "&resourceVersion=0&sendInitialEvents=";
  Lines without = Open(initial + "true");
  EXPECT_EQ(without.Next()["object"]["metadata"]["name"].AsString(), "a");
  Lines none = Open(initial + "false");
  Make("b");
  EXPECT_EQ(without.Next()["object"]["metadata"]["name"].AsString(), "b");
  EXPECT_EQ(none.Next()["object"]["metadata"]["name"].AsString(), "b");
}

TEST_F(OptionsTest, WatchesAreJsonOnly) {
  const auto watch = [&](const char* accept) {
    return Send("GET", std::string(kMaps) + "?watch=1&timeoutSeconds=1&resourceVersion=" + Here(),
                "", {{"Accept", accept}});
  };
  EXPECT_EQ(watch("application/yaml").status, 406);
  EXPECT_EQ(watch("application/json;stream=watch").status, 200);
}

TEST_F(OptionsTest, WriteOptionsAreInvalidByTheirKind) {
  const std::string map = json::Print(ConfigMap("a", "1"));
  for (const std::string& query :
       {std::string("dryRun=Some"), std::string("dryRun="), std::string("dryRun=All&dryRun=x"),
        std::string("fieldValidation=Maybe"), "fieldManager=" + std::string(129, 'm'),
        std::string("fieldManager=a%07b")}) {
    const HttpAnswer answer = Send("POST", std::string(kMaps) + "?" + query, map);
    EXPECT_EQ(answer.status, 422) << query;
    EXPECT_EQ(answer.json["details"]["kind"].AsString(), "CreateOptions");
  }
  EXPECT_EQ(Send("GET", std::string(kMaps) + "/a").status, 404);
  EXPECT_EQ(Send("POST", std::string(kMaps) + "?fieldManager=" + std::string(128, 'm'), map).status,
            201);
  const HttpAnswer forced = Send("PATCH", std::string(kMaps) + "/a?force=true", "{}",
                                 {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(forced.status, 422);
  EXPECT_EQ(forced.json["details"]["kind"].AsString(), "PatchOptions");
}

TEST_F(OptionsTest, DeletesThatContradictThemselvesDeleteNothing) {
  Make("a");
  const std::string path = std::string(kMaps) + "/a";
  EXPECT_EQ(Send("DELETE", path, R"({"kind":"Pod","apiVersion":"v1"})").status, 400);
  EXPECT_EQ(Send("DELETE", path, R"({"kind":5})").status, 400);
  const std::string both = R"({"propagationPolicy":"Orphan","orphanDependents":false})";
  EXPECT_EQ(Send("DELETE", path, both).status, 422);
  EXPECT_EQ(Send("DELETE", path + "?propagationPolicy=Orphan&orphanDependents=true").status, 422);
  EXPECT_EQ(
      Send("DELETE", path + "?orphanDependents=True", R"({"propagationPolicy":"Orphan"})").status,
      422);
  EXPECT_EQ(Send("DELETE", path, R"({"propagationPolicy":"None"})").status, 422);
  EXPECT_EQ(Send("DELETE", path, R"({"propagationPolicy":""})").status, 422);
  EXPECT_EQ(Send("DELETE", path, R"({"dryRun":["Some"]})").status, 422);
  EXPECT_EQ(Send("DELETE", kMaps, R"({"kind":"Pod","apiVersion":"v1"})").status, 400);
  EXPECT_EQ(Send("GET", path).status, 200);
  EXPECT_EQ(Send("DELETE", path, R"({"kind":"DeleteOptions","apiVersion":"apps/v1"})").status, 200);
}

TEST_F(OptionsTest, DeletesOfPodsAndAccountsShowTheObject) {
  ASSERT_TRUE(client().Create(api::gvr::kPods, Pod("web")));
  EXPECT_EQ(Send("DELETE", std::string(kPods) + "/web").json["kind"].AsString(), "Pod");
  ASSERT_TRUE(client().Create(
      api::gvr::kServiceAccounts,
      json::Object({{"metadata", json::Object({{"name", "s"}, {"namespace", "default"}})}})));
  EXPECT_EQ(Send("DELETE", "/api/v1/namespaces/default/serviceaccounts/s").json["kind"].AsString(),
            "ServiceAccount");
  Make("a");
  EXPECT_EQ(Send("DELETE", std::string(kMaps) + "/a").json["kind"].AsString(), "Status");
}

TEST_F(OptionsTest, DeletedCollectionIsShown) {
  Make("a");
  Make("b");
  const HttpAnswer deleted = Send("DELETE", kMaps);
  EXPECT_EQ(deleted.json["kind"].AsString(), "ConfigMapList");
  EXPECT_EQ(Names(deleted.json), (Strings{"a", "b"}));
  EXPECT_EQ(Names(List("").json), Strings{});
}

TEST_F(OptionsTest, IdentityIsNotChangedByAPatch) {
  Make("a");
  EXPECT_EQ(PatchMap(R"({"metadata":{"name":"b"}})").status, 400);
  EXPECT_EQ(PatchMap(R"({"metadata":{"name":null}})").status, 400);
  EXPECT_EQ(PatchMap(R"({"metadata":{"namespace":"kube-system"}})").status, 400);
  EXPECT_EQ(PatchMap(R"({"kind":"Secret"})").status, 422);
  const HttpAnswer uid = PatchMap(R"({"metadata":{"uid":"x"}})");
  EXPECT_EQ(uid.status, 422);
  EXPECT_NE(uid.Message().find("metadata.uid: Invalid value: \"x\": field is immutable"),
            std::string::npos);
  json::Value put = ConfigMap("a", "1");
  put.Mut("metadata").Set("uid", "x");
  EXPECT_EQ(Send("PUT", std::string(kMaps) + "/a", json::Print(put)).status, 409);
  put.Mut("metadata").Erase("uid");
  put.Mut("metadata").Erase("name");
  EXPECT_EQ(Send("PUT", std::string(kMaps) + "/a", json::Print(put)).status, 400);
}

TEST_F(OptionsTest, WhatCannotBeReadAsItsKindIsABadRequest) {
  Make("a");
  json::Value map = ConfigMap("b", "1");
  map.Mut("metadata").Mut("labels").Set("q", 1);
  const HttpAnswer made = Send("POST", kMaps, json::Print(map));
  EXPECT_EQ(made.status, 400) << made.body;
  EXPECT_TRUE(made.Message().starts_with(
      "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: metadata.labels"))
      << made.Message();
  EXPECT_EQ(PatchMap(R"({"metadata":{"labels":{"q":1}}})").status, 422);
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  json::Value widget = Widget("w", 1);
  widget.Mut("metadata").Mut("labels").Set("q", 1);
  EXPECT_EQ(Send("POST", kWidgetsPath, json::Print(widget)).status, 400);
  widget = Widget("w", 1);
  widget.Mut("spec").Set("size", "big");
  EXPECT_EQ(Send("POST", kWidgetsPath, json::Print(widget)).status, 422);
}

TEST_F(OptionsTest, CustomObjectsSayWhatTheyAre) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  const auto post = [&](const char* key, const char* value) {
    json::Value widget = Widget("w", 1);
    if (value == nullptr) {
      widget.Erase(key);
    } else {
      widget.Set(key, value);
    }
    return Send("POST", kWidgetsPath, json::Print(widget));
  };
  EXPECT_EQ(post("apiVersion", nullptr).status, 400);
  EXPECT_EQ(post("apiVersion", "example.com/v9").status, 400);
  EXPECT_EQ(post("kind", nullptr).status, 400);
  const HttpAnswer kind = post("kind", "Gadget");
  EXPECT_EQ(kind.status, 422);
  EXPECT_EQ(kind.Message(),
            "Widget.example.com \"w\" is invalid: kind: Invalid value: \"Gadget\": must be Widget");
}

TEST_F(OptionsTest, AllNamespacesAreForLookingOnly) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  json::Value widget = Widget("w", 1);
  widget.Mut("metadata").Set("namespace", "default");
  EXPECT_EQ(Send("POST", "/apis/example.com/v1/widgets", json::Print(widget)).status, 404);
  EXPECT_EQ(Send("DELETE", "/apis/example.com/v1/widgets").status, 404);
  EXPECT_EQ(Send("GET", "/apis/example.com/v1/widgets").status, 200);
  EXPECT_EQ(Send("POST", "/api/v1/configmaps", json::Print(ConfigMap("a", "1"))).status, 405);
  Make("a");
  EXPECT_EQ(Send("PUT", "/api/v1/configmaps/a", json::Print(ConfigMap("a", "2"))).status, 404);
}

TEST_F(OptionsTest, WhoActsAsAnotherHasThatUsersRights) {
  const auto read = [&](net::Headers headers) {
    return Send("GET", "/api/v1/namespaces/kube-system/secrets", "", std::move(headers));
  };
  const HttpAnswer nobody = read({{"Impersonate-User", "nobody"}});
  EXPECT_EQ(nobody.status, 403);
  EXPECT_EQ(nobody.Message(),
            "secrets is forbidden: User \"nobody\" cannot list resource \"secrets\" in API group "
            "\"\" in the namespace \"kube-system\"");
  EXPECT_EQ(read({{"impersonate-user", "nobody"}, {"Impersonate-Group", "dev"}}).status, 403);
  EXPECT_EQ(read({{"Impersonate-User", "admin"}}).status, 200);
  EXPECT_EQ(read({{"Impersonate-User", "admin"}, {"Impersonate-Group", "dev"}}).status, 403);
  EXPECT_EQ(read({{"Impersonate-User", "admin"}, {"Impersonate-Uid", "7"}}).status, 403);
  EXPECT_EQ(read({{"Impersonate-User", "admin"}, {"Impersonate-Extra-Scopes", "view"}}).status,
            403);
  EXPECT_EQ(read({{"Impersonate-User", "x"}, {"Impersonate-Group", "system:masters"}}).status, 200);
  for (const char* alone : {"Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes"}) {
    EXPECT_EQ(read({{alone, "x"}}).status, 400) << alone;
  }
  EXPECT_EQ(Send("POST", kMaps, json::Print(ConfigMap("a", "1")), {{"Impersonate-User", "nobody"}})
                .status,
            403);
  EXPECT_EQ(Send("GET", "/apis", "", {{"Impersonate-User", "nobody"}}).status, 200);
  EXPECT_EQ(Send("GET", "/metrics", "", {{"Impersonate-User", "nobody"}}).status, 403);
}

TEST_F(OptionsTest, PeopleGetIndentedJson) {
  Make("a");
  const std::string path = std::string(kMaps) + "/a";
  const auto lines = [&](const std::string& query, net::Headers headers = {}) {
    return Split(Send("GET", path + query, "", std::move(headers)).body, '\n').size();
  };
  EXPECT_EQ(lines(""), 1u);
  EXPECT_GT(lines("?pretty=True"), 5u);
  EXPECT_GT(lines("", {{"User-Agent", "curl/8.0"}}), 5u);
  EXPECT_EQ(lines("?pretty=false", {{"User-Agent", "curl/8.0"}}), 1u);
}

std::vector<std::string> Warnings(const HttpAnswer& answer) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : answer.headers.all()) {
    if (EqualsIgnoreCase(name, "Warning")) texts.push_back(value);
  }
  return texts;
}

TEST_F(OptionsTest, WhatIsKeptAndNotObeyedIsWarnedOf) {
  json::Value pod = Pod("web");
  json::Value& spec = pod.Mut("spec");
  spec.Set("activeDeadlineSeconds", 5)
      .Set("hostUsers", false)
      .Set("readinessGates", json::Array({}));
  spec.Set("affinity", *json::Parse(R"({"nodeAffinity":{},"podAffinity":{
      "preferredDuringSchedulingIgnoredDuringExecution":[]}, "podAntiAffinity":{}})"));
  spec.Set("securityContext",
           *json::Parse(R"({"runAsUser":1,"sysctls":[{"name":"a","value":"b"}]})"));
  json::Value& main = spec.Mut("containers").MutItems()[0];
  main.Set("livenessProbe", *json::Parse(R"({"exec":{"command":["true"]}})"));
  main.Set("stdin", false).Set("tty", true);
  const HttpAnswer made = Send("POST", kPods, json::Print(pod));
  ASSERT_EQ(made.status, 201) << made.body;
  const auto said = [](const std::string& path) {
    return "299 - \"" + path +
           ": is kept, but has no effect: this release of Leat does not obey it\"";
  };
  Strings warnings = Warnings(made);
  std::sort(warnings.begin(), warnings.end());
  EXPECT_EQ(warnings,
            (Strings{said("spec.activeDeadlineSeconds"), said("spec.affinity.podAffinity"),
                     said("spec.containers[0].livenessProbe"), said("spec.containers[0].tty"),
                     said("spec.securityContext.sysctls")}));
}

TEST_F(OptionsTest, LikelyMistakesAreWarnedOf) {
  json::Value pod = Pod("web");
  json::Value& main = pod.Mut("spec").Mut("containers").MutItems()[0];
  main.Set("env", *json::Parse(R"([{"name":"A","value":"1"},{"name":"A","value":"2"}])"));
  main.Set("ports", *json::Parse(R"([{"containerPort":80},{"containerPort":81},
                                     {"containerPort":80}])"));
  const HttpAnswer made = Send("POST", kPods, json::Print(pod));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(Warnings(made),
            (Strings{"299 - \"spec.containers[0].env[1]: hides previous definition of \\\"A\\\", "
                     "which may be dropped when using apply\"",
                     "299 - \"spec.containers[0].ports[2]: duplicate port definition with "
                     "spec.containers[0].ports[0]\""}));
  Make("a");
  const HttpAnswer owned = PatchMap(R"({"metadata":{"ownerReferences":[
      {"apiVersion":"v1","kind":"Node","name":"n","uid":"u"},
      {"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}]}})");
  EXPECT_EQ(owned.json["metadata"]["ownerReferences"].size(), 1u) << owned.body;
  EXPECT_EQ(Warnings(owned).size(), 1u);
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  json::Value widget = Widget("w", 1);
  widget.Mut("metadata").Set("finalizers", json::Array({"mine", "example.com/mine"}));
  EXPECT_EQ(Warnings(Send("POST", kWidgetsPath, json::Print(widget))).size(), 1u);
  const HttpAnswer again = Send("PATCH", std::string(kWidgetsPath) + "/w", R"({"spec":{"size":2}})",
                                {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(Warnings(again).size(), 0u) << "said when it was added";
}

}  // namespace
}  // namespace leat::apiserver
