// Objects that were stored before their schema changed.
#include "api/meta.h"
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using api::gvr::kCustomResourceDefinitions;

class SchemaChangeTest : public HttpApiTest {
 protected:
  json::Value Make(const api::Gvr& type, const json::Value& object) {
    auto made = client().Create(type, object);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(json::Value());
  }
  // Sets properties of the widgets' spec; null takes one away.
  void Change(const char* properties) {
    json::Value crd = *client().Get(kCustomResourceDefinitions, {"", "widgets.example.com"});
    json::Value& versions = crd.Mut("spec").Mut("versions");
    json::Value& spec = versions.MutItems()[0]
                            .Mut("schema")
                            .Mut("openAPIV3Schema")
                            .Mut("properties")
                            .Mut("spec")
                            .Mut("properties");
    const json::Value wanted = *json::Parse(properties);
    for (const json::Member& member : wanted.Members())
      member.value.IsNull() ? (void)spec.Erase(member.key)
                            : (void)spec.Set(member.key, member.value);
    auto updated = client().Update(kCustomResourceDefinitions, crd);
    ASSERT_TRUE(updated) << updated.error().message;
  }
  Result<json::Value> Merge(const char* patch, std::string_view subresource = "") {
    return client().Patch(kWidgets, {"default", "w"}, api::PatchType::kMerge, *json::Parse(patch),
                          subresource);
  }
};

TEST_F(SchemaChangeTest, LocksNobodyOutOfItsObjects) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value widget = Widget("w", 500);
  widget.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  Make(kWidgets, widget);
  Change(R"({"size": {"type": "integer", "maximum": 100}})");
  EXPECT_TRUE(Merge(R"({"metadata":{"labels":{"a":"b"}}})"));
  EXPECT_TRUE(Merge(R"({"status":{"phase":"Lit"}})", "status"));
  EXPECT_TRUE(Merge(R"({"spec":{"color":"red"}})"));
  auto worse = Merge(R"({"spec":{"size":501}})");
  ASSERT_FALSE(worse);
  EXPECT_NE(worse.error().message.find("spec.size"), std::string::npos);
  ASSERT_TRUE(client().Delete(kWidgets, {"default", "w"}));
  EXPECT_TRUE(Merge(R"({"metadata":{"finalizers":null}})"));
  AwaitGone(kWidgets, {"default", "w"});
}

TEST_F(SchemaChangeTest, DefaultsOfLaterShowInObjectsOfBefore) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  const json::Value made = Make(kWidgets, Widget("w", 3));
  Change(R"({"level": {"type": "integer", "default": 9}})");
  EXPECT_EQ((*client().Get(kWidgets, {"default", "w"}))["spec"]["level"].AsInt(), 9);
  EXPECT_EQ(client().List(kWidgets)->items[0]["spec"]["level"].AsInt(), 9);
  const std::string all = "/apis/example.com/v1/widgets";
  EXPECT_EQ(Send("GET", all).json["items"][0]["spec"]["level"].AsInt(), 9);
  EXPECT_EQ(Send("GET", "/apis/example.com/v1/namespaces/default/widgets/w")
                .json["spec"]["level"]
                .AsInt(),
            9);
  Lines watch = Open(all + "?watch=true");
  EXPECT_EQ(watch.Next()["object"]["spec"]["level"].AsInt(), 9);
  // It is no change of the spec that somebody else's write puts it into the store.
  auto labelled = Merge(R"({"metadata":{"labels":{"a":"b"}}})");
  ASSERT_TRUE(labelled) << labelled.error().message;
  EXPECT_EQ((*labelled)["metadata"]["generation"], made["metadata"]["generation"]);
}

TEST_F(SchemaChangeTest, WhatASchemaNoLongerKnowsIsNotTheClientsFault) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value widget = Widget("w", 3);
  widget.Mut("spec").Set("color", "red");
  Make(kWidgets, widget);
  Change(R"({"color": null})");
  const std::string at = "/apis/example.com/v1/namespaces/default/widgets/w?fieldValidation=Strict";
  const net::Headers merge{{"Content-Type", "application/merge-patch+json"}};
  EXPECT_EQ(Send("PATCH", at, R"({"spec":{"hue":1}})", merge).status, 422);
  EXPECT_EQ(Send("PATCH", at, R"({"metadata":{"labels":{"a":"b"}}})", merge).status, 200);
  EXPECT_FALSE((*client().Get(kWidgets, {"default", "w"}))["spec"].Has("color"));
}

TEST_F(SchemaChangeTest, AListThatLosesAMemberAndBecomesStricterLocksNobodyOut) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  Change(R"({"lamps": {"type": "array", "items": {"type": "object", "properties": {
      "watts": {"type": "integer"}, "hue": {"type": "string"},
      "note": {"type": "string", "nullable": true}}}}})");
  json::Value widget = Widget("w", 3);
  widget.Mut("spec").Set("lamps", *json::Parse(R"([{"watts": 500, "hue": "red", "note": null}])"));
  const json::Value made = Make(kWidgets, widget);
  Change(R"({"lamps": {"type": "array", "items": {"type": "object", "properties": {
      "watts": {"type": "integer", "maximum": 100}, "note": {"type": "string"}}}}})");
  auto labelled = Merge(R"({"metadata":{"labels":{"a":"b"}}})");
  ASSERT_TRUE(labelled) << labelled.error().message;
  EXPECT_EQ((*labelled)["metadata"]["generation"], made["metadata"]["generation"]);
  EXPECT_EQ(json::Print((*labelled)["spec"]["lamps"]), R"([{"watts":500}])");
  EXPECT_FALSE(Merge(R"({"spec":{"lamps":[{"watts":501}]}})"));
}

TEST_F(SchemaChangeTest, AFinalizerCanBeTheFirstToGoAfterAListLostAMember) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  Change(R"({"lamps": {"type": "array", "items": {"type": "object", "properties": {
      "watts": {"type": "integer"}, "hue": {"type": "string"}}}}})");
  json::Value widget = Widget("w", 3);
  widget.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  widget.Mut("spec").Set("lamps", *json::Parse(R"([{"watts": 500, "hue": "red"}])"));
  Make(kWidgets, widget);
  ASSERT_TRUE(client().Delete(kWidgets, {"default", "w"}));
  Change(R"({"lamps": {"type": "array", "items": {"type": "object", "properties": {
      "watts": {"type": "integer", "maximum": 100}}}}})");
  auto freed = Merge(R"({"metadata":{"finalizers":null}})");
  EXPECT_TRUE(freed) << freed.error().message;
  AwaitGone(kWidgets, {"default", "w"});
}

TEST_F(SchemaChangeTest, AnotherVersionShowsOnlyWhatItsSchemaKnows) {
  json::Value crd = WidgetDefinition();
  json::Value second = crd["spec"]["versions"][0];
  second.Set("name", "v2").Set("storage", false);
  second.Mut("schema")
      .Mut("openAPIV3Schema")
      .Mut("properties")
      .Mut("spec")
      .Mut("properties")
      .Erase("color");
  crd.Mut("spec").Mut("versions").Push(second);
  Make(kCustomResourceDefinitions, crd);
  json::Value widget = Widget("w", 3);
  widget.Mut("spec").Set("color", "red");
  Make(kWidgets, widget);
  const HttpAnswer other = Send("GET", "/apis/example.com/v2/namespaces/default/widgets/w");
  EXPECT_EQ(other.json["apiVersion"].AsString(), "example.com/v2");
  EXPECT_EQ(json::Print(other.json["spec"]), R"({"size":3})");
}

// What says in which versions there are objects is a client's to shorten, as upstream: it may have
// written them all anew, or not.
TEST_F(SchemaChangeTest, AnObjectOfAVersionThatIsGoneIsToldByName) {
  json::Value crd = WidgetDefinition();
  json::Value second = crd["spec"]["versions"][0];
  second.Set("name", "v2").Set("storage", false);
  crd.Mut("spec").Mut("versions").Push(second);
  Make(kCustomResourceDefinitions, crd);
  Make(kWidgets, Widget("w", 3));
  const std::string path =
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
      "widgets.example.com";
  const net::Headers merge{{"Content-Type", "application/merge-patch+json"}};
  json::Value versions = Send("GET", path).json["spec"]["versions"];
  versions.MutItems()[0].Set("storage", false);
  versions.MutItems()[1].Set("storage", true);
  const auto patch = [&](const json::Value& wanted) {
    return json::Print(json::Object({{"spec", json::Object({{"versions", wanted}})}}));
  };
  ASSERT_EQ(Send("PATCH", path, patch(versions), merge).status, 200);
  EXPECT_EQ(Send("PATCH", path + "/status", R"({"status":{"storedVersions":[]}})", merge).status,
            422);
  EXPECT_EQ(
      Send("PATCH", path + "/status", R"({"status":{"storedVersions":["v2"]}})", merge).status,
      200);
  const json::Value one = json::Array({versions[1]});
  ASSERT_EQ(Send("PATCH", path, patch(one), merge).status, 200);
  const HttpAnswer list = Send("GET", "/apis/example.com/v2/namespaces/default/widgets");
  EXPECT_EQ(list.status, 500);
  EXPECT_NE(list.Message().find("\"default/w\" is stored as example.com/v1"), std::string::npos)
      << list.Message();
  ASSERT_EQ(Send("PATCH", path, patch(versions), merge).status, 200);
  EXPECT_EQ(Send("GET", "/apis/example.com/v2/namespaces/default/widgets").status, 200);
}

TEST_F(SchemaChangeTest, AWatchEndsWithTheDefinitionThatItBeganWith) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  Make(kWidgets, Widget("w", 3));
  Lines watch = Open("/apis/example.com/v1/namespaces/default/widgets?watch=1");
  EXPECT_EQ(watch.Next()["object"]["metadata"]["name"].AsString(), "w");
  Change(R"({"level": {"type": "integer"}})");
  EXPECT_TRUE(watch.Next().IsNull());
  Lines last = Open("/apis/example.com/v1/namespaces/default/widgets?watch=1");
  EXPECT_EQ(last.Next()["type"].AsString(), "ADDED");
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  json::Value end = last.Next();
  while (end["type"].AsString() == "MODIFIED") end = last.Next();
  if (!end.IsNull()) {
    EXPECT_EQ(end["type"].AsString(), "DELETED");
    EXPECT_TRUE(last.Next().IsNull());
  }
}

TEST_F(SchemaChangeTest, WhatIsNotKeptWarnsAndStandsInACondition) {
  json::Value crd = WidgetDefinition();
  crd.Mut("spec")
      .Mut("versions")
      .MutItems()[0]
      .Set("deprecated", true)
      .Mut("subresources")
      .Set("scale",
           json::Object({{"specReplicasPath", ".spec.size"}, {"statusReplicasPath", ".status.n"}}));
  const HttpAnswer made =
      Send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json::Print(crd));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_NE(made.headers.Get("Warning").find("scale"), std::string::npos);
  EXPECT_NE(
      api::FindCondition(made.json["status"]["conditions"], "leat.dev/RulesNotKept")["message"]
          .AsString()
          .find("scale"),
      std::string::npos);
  EXPECT_NE(Send("GET", "/apis/example.com/v1/widgets")
                .headers.Get("Warning")
                .find("example.com/v1 Widget is deprecated"),
            std::string::npos);
}

}  // namespace
}  // namespace leat::apiserver
