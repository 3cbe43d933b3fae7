#include "json/jsonpath.h"

#include <gtest/gtest.h>

#include <chrono>

namespace leat::json {
namespace {

constexpr std::string_view kPod = R"({
  "metadata": {"name": "web", "annotations": {"example.com/team": "red", "a b": "c"}},
  "spec": {"containers": [
    {"name": "main", "ports": [{"port": 80}, {"port": 443}], "cpu": 2},
    {"name": "side", "ports": [], "cpu": 0.5},
    {"name": "init", "cpu": "many", "debug": null}], "default": "side"},
  "status": {"conditions": [
    {"type": "Scheduled", "status": "True"}, {"type": "Ready", "status": "False"}]}})";

// What the path finds in kPod, as a JSON array; or the error's message.
std::string Find(std::string_view path) {
  static const Value pod = *Parse(kPod);
  const Result<JsonPath> compiled = JsonPath::Compile(path);
  if (!compiled) return compiled.error().message;
  Value found = Array();
  for (const Value* value : compiled->Find(pod)) found.Push(*value);
  return Print(found);
}

TEST(JsonPath, FollowsNamesHoweverTheyAreWritten) {
  for (const char* path :
       {".metadata.name", "{.metadata.name}", "$.metadata.name", "{$.metadata.name}",
        "metadata.name", "{ .metadata.name }", "['metadata']['name']", "$[\"metadata\"].name",
        ".metadata['name']", ".metadata.['name']"})
    EXPECT_EQ(Find(path), R"(["web"])") << path;
}

TEST(JsonPath, ReadsNamesWithDotsAndBlanks) {
  EXPECT_EQ(Find(R"(.metadata.annotations.example\.com/team)"), R"(["red"])");
  EXPECT_EQ(Find(R"({.metadata.annotations['example\.com/team']})"), R"(["red"])");
  EXPECT_EQ(Find(".metadata.annotations['example.com/team']"), R"(["red"])");
  EXPECT_EQ(Find(".metadata.annotations[\"a b\"]"), R"(["c"])");
}

TEST(JsonPath, FindsNothingWhereAStepLeadsNowhere) {
  for (const char* path :
       {".nothing", ".metadata.name.more", ".metadata[0]", ".spec.containers.name",
        ".spec.containers[3]", ".spec.containers[-4]", ".metadata[?(@.x)]"})
    EXPECT_EQ(Find(path), "[]") << path;
}

TEST(JsonPath, GivesTheRootItself) {
  EXPECT_EQ(Find("{.}"), Find("$"));
  EXPECT_EQ(Find("$.metadata.name").size() < Find("$").size(), true);
}

TEST(JsonPath, TakesIndicesSlicesAndUnions) {
  const char* cases[][2] = {{"[0]", R"(["main"])"},
                            {"[-1]", R"(["init"])"},
                            {"[-3]", R"(["main"])"},
                            {"[-1:]", R"(["init"])"},
                            {"[1:]", R"(["side","init"])"},
                            {"[:2]", R"(["main","side"])"},
                            {"[:-1]", R"(["main","side"])"},
                            {"[::2]", R"(["main","init"])"},
                            {"[0:3:2]", R"(["main","init"])"},
                            {"[2,0]", R"(["init","main"])"},
                            {"[ 0 , 1:2 ]", R"(["main","side"])"},
                            {"[2:1]", "[]"},
                            {"[-1:0]", "[]"},
                            {"[-9:1]", R"(["main"])"},
                            {"[0:99]", R"(["main","side","init"])"},
                            {"[*]", R"(["main","side","init"])"}};
  for (const auto& [index, names] : cases)
    EXPECT_EQ(Find(".spec.containers" + std::string(index) + ".name"), names) << index;
  EXPECT_EQ(Find(".metadata['name','annotations']['name']"), "[]");
  EXPECT_EQ(Find(".spec.containers[0]['cpu', 'name', 'none']"), R"([2,"main"])");
}

TEST(JsonPath, TakesEveryMemberOrItem) {
  EXPECT_EQ(Find(".metadata.annotations.*"), R"(["c","red"])");
  EXPECT_EQ(Find(".metadata.annotations[*]"), R"(["c","red"])");
  EXPECT_EQ(Find(".spec.containers[*].ports[*].port"), "[80,443]");
}

TEST(JsonPath, DescendsToEveryDepth) {
  EXPECT_EQ(Find("..name"), R"(["web","main","side","init"])");
  EXPECT_EQ(Find(".spec..port"), "[80,443]");
  EXPECT_EQ(Find("..ports[0].port"), "[80]");
  EXPECT_EQ(Find("..[?(@.port==443)]"), R"([{"port":443}])");
  EXPECT_EQ(Find(".status..*"),
            R"([[{"status":"True","type":"Scheduled"},{"status":"False","type":"Ready"}],)"
            R"({"status":"True","type":"Scheduled"},{"status":"False","type":"Ready"},)"
            R"("True","Scheduled","False","Ready"])");
}

TEST(JsonPath, FiltersItemsByComparison) {
  const char* cases[][2] = {{"@.name==\"side\"", R"(["side"])"},
                            {"@.name == 'side'", R"(["side"])"},
                            {"@.name!='side'", R"(["main","init"])"},
                            {"'side'==@.name", R"(["side"])"},
                            {"@.cpu>1", R"(["main"])"},
                            {"@.cpu>=2", R"(["main"])"},
                            {"@.cpu<1.5", R"(["side"])"},
                            {"@.cpu<=0.5", R"(["side"])"},
                            {"@.cpu==2.0", R"(["main"])"},
                            {"@.name<'main'", R"(["init"])"},
                            {"@.name>'main'", R"(["side"])"},
                            {"@.debug==null", R"(["init"])"},
                            {"@.cpu<'z'", R"(["init"])"},
                            {"@.name==$.spec.default", R"(["side"])"},
                            {"@.ports[0].port==80", R"(["main"])"},
                            {"@['name']=='init'", R"(["init"])"},
                            {"@.ports[?(@.port>100)]", R"(["main"])"}};
  for (const auto& [filter, names] : cases)
    EXPECT_EQ(Find(".spec.containers[?(" + std::string(filter) + ")].name"), names) << filter;
  EXPECT_EQ(Find(".status.conditions[?(@.type==\"Ready\")].status"), R"(["False"])");
}

TEST(JsonPath, FiltersItemsByExistence) {
  EXPECT_EQ(Find(".spec.containers[?(@.ports)].name"), R"(["main","side"])");
  EXPECT_EQ(Find(".spec.containers[?(@.debug)].name"), R"(["init"])");
  EXPECT_EQ(Find(".spec.containers[?(@.ports[0])].name"), R"(["main"])");
}

TEST(JsonPath, RefusesBrokenPathsWithTheCharacter) {
  EXPECT_EQ(Find(".a[x]"),
            "JSONPath \".a[x]\", character 4: an index, a name in quotes, '*' or '?(' is expected");
  for (const char* path : {"{.a",
                           ".a}",
                           ".a.",
                           ".a[",
                           ".a[]",
                           ".a[0",
                           ".a['b",
                           ".a['b]",
                           ".a[0:1:0]",
                           ".a[0:1:-1]",
                           ".a[99999999999]",
                           ".a..",
                           ".a[?(@.b]",
                           ".a[?@.b]",
                           ".a[?(1)]",
                           ".a[?('x')]",
                           ".a[?(@.b==)]",
                           ".a[?(@.b=1)]",
                           ".a[?(@.b==x)]",

                           ".a\\",
                           ".a b",
                           ".a()",
                           "{.a}{.b}",
                           ".a*",
                           ".a[0]b",
                           ".a['b'x]",
                           ".a[?(@.b==[1])]",
                           "{range .items[*]}"})
    EXPECT_NE(Find(path).find("JSONPath"), std::string::npos) << path;
  EXPECT_FALSE(JsonPath::Compile("." + std::string(5000, 'a')));
  std::string nested = ".a";
  for (int i = 0; i < 100; ++i) nested += "[?(@";
  EXPECT_NE(Find(nested).find("too many filters"), std::string::npos);
}

TEST(JsonPath, FindsTheFirstWithoutTheOthers) {
  const Value pod = *Parse(kPod);
  for (const char* path :
       {".metadata.name", ".spec.containers[*].name", ".spec.containers[?(@.cpu<1.5)].name",
        "..port", ".spec..*", ".status.conditions[-1:].type", ".spec.containers[2,0].name",
        "..*..*", "."}) {
    const JsonPath compiled = *JsonPath::Compile(path);
    EXPECT_EQ(compiled.FindFirst(pod), compiled.Find(pod)[0]) << path;
  }
  for (const char* path : {".nothing", ".spec.containers[7]", "..*..nothing"})
    EXPECT_EQ(JsonPath::Compile(path)->FindFirst(pod), nullptr) << path;
  // However many items there are, the first costs what one costs.
  Value many = Object();
  for (int i = 0; i < 50'000; ++i) many.Mut("l").Push(Object({{"k", i}}));
  EXPECT_EQ(JsonPath::Compile(".l[*].k")->FindFirst(many)->AsInt(-1), 0);
}

TEST(JsonPath, StopsLookingForTheFirstAfterTenThousandValues) {
  Value deep(1);
  for (int i = 0; i < 60; ++i) deep = Object({{"a", std::move(deep)}});
  const JsonPath path = *JsonPath::Compile("..*..*..*..*..none");  // half a million ways
  const auto start = std::chrono::steady_clock::now();
  for (int cell = 0; cell < 20; ++cell) EXPECT_EQ(path.FindFirst(deep), nullptr);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(JsonPath, StopsLookingAfterAMillionValues) {
  std::string text = "1", path;
  for (int i = 0; i < 150; ++i) text = "[" + text + "]";
  for (int i = 0; i < 50; ++i) path += "..*";
  const Value deep = *Parse(text);
  EXPECT_LE(JsonPath::Compile(path)->Find(deep).size(), 1'000'000u);
}

}  // namespace
}  // namespace leat::json
