// How large and how deep what a client sends may be.
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using LimitsTest = HttpApiTest;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kWidgetsPath = "/apis/example.com/v1/namespaces/default/widgets";

TEST_F(LimitsTest, BodiesBeyondThreeMebibytesAreRefused) {
  json::Value big = ConfigMap("big", std::string(4u << 20, 'x'));
  const HttpAnswer answer = Send("POST", kMaps, json::Print(big));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.json["reason"].AsString(), "RequestEntityTooLarge");
  EXPECT_EQ(answer.Message(), "Request entity too large: limit is 3145728");
}

// A type that keeps whatever is in its spec.
json::Value OpenDefinition() {
  json::Value definition = WidgetDefinition();
  definition.Mut("spec").Mut("versions").MutItems()[0].Set("schema", *json::Parse(R"(
    {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}})"));
  return definition;
}

TEST_F(LimitsTest, PatchesCannotAddUpToAnObjectThatIsTooLarge) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, OpenDefinition()));
  ASSERT_TRUE(client().Create(kWidgets, Widget("w", 1)));
  const std::string path = std::string(kWidgetsPath) + "/w";
  const auto patch = [&](const std::string& key, const json::Value& value) {
    return Send("PATCH", path, json::Print(json::Object({{"spec", json::Object({{key, value}})}})),
                {{"Content-Type", "application/merge-patch+json"}});
  };
  const std::string half(1700u << 10, 'x');
  ASSERT_EQ(patch("a", half).status, 200);
  const HttpAnswer refused = patch("b", half);
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.json["reason"].AsString(), "RequestEntityTooLarge");
  EXPECT_NE(refused.Message().find("Widget \"w\" is too large"), std::string::npos)
      << refused.Message();
  EXPECT_EQ(patch("a", json::Value()).status, 200);
}

// One that could be read alone, but not in a list or a watch event.
TEST_F(LimitsTest, PatchesCannotAddUpToAnObjectThatIsTooDeep) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, OpenDefinition()));
  ASSERT_TRUE(client().Create(kWidgets, Widget("w", 1)));
  const auto add = [&](const std::string& pointer) {
    std::string deep = "1";
    for (int i = 0; i < 120; ++i) deep = R"({"a":)" + deep + "}";
    return Send("PATCH", std::string(kWidgetsPath) + "/w",
                R"([{"op":"add","path":")" + pointer + R"(","value":)" + deep + "}]",
                {{"Content-Type", "application/json-patch+json"}});
  };
  std::string pointer = "/spec/deep";
  ASSERT_EQ(add(pointer).status, 200);
  for (int i = 0; i < 73; ++i) pointer += "/a";
  const HttpAnswer refused = add(pointer);
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_NE(refused.Message().find("nested deeper"), std::string::npos) << refused.Message();
}

}  // namespace
}  // namespace leat::apiserver
