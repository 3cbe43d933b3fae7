#include "api/selectors.h"

#include <gtest/gtest.h>

#include "api/testing/objects.h"

namespace leat::api {
namespace {

bool Matches(std::string_view selector, std::string_view labels) {
  const Result<LabelSelector> parsed = LabelSelector::Parse(selector);
  EXPECT_TRUE(parsed.has_value()) << selector;
  return parsed && parsed->Matches(Y(labels));
}

TEST(LabelSelector, MatchesAsKubectlUsersExpect) {
  struct Case {
    const char* selector;
    const char* labels;
    bool matches;
  };
  const Case cases[] = {
      {"", "{}", true},
      {"  ", "{a: b}", true},
      {"a=b", "{a: b}", true},
      {"a==b", "{a: b}", true},
      {"a = b", "{a: b}", true},
      {"a=b", "{a: c}", false},
      {"a=b", "{}", false},
      {"a=", "{a: ''}", true},
      {"a!=b", "{a: c}", true},
      {"a!=b", "{}", true},
      {"a!=b", "{a: b}", false},
      {"a", "{a: x}", true},
      {"a", "{}", false},
      {"!a", "{}", true},
      {"!a", "{a: x}", false},
      {"a in (b, c)", "{a: c}", true},
      {"a in (b,c)", "{a: d}", false},
      {"a in (b,c)", "{}", false},
      {"a in (,c)", "{a: ''}", true},
      {"a notin (b,c)", "{a: d}", true},
      {"a notin (b,c)", "{}", true},
      {"a notin (b,c)", "{a: b}", false},
      {"a>3", "{a: '4'}", true},
      {"a>3", "{a: '3'}", false},
      {"a<3", "{a: '2'}", true},
      {"a<3", "{a: x}", false},
      {"a<3", "{}", false},
      {"a=b,c=d", "{a: b, c: d}", true},
      {"a=b,c=d", "{a: b}", false},
      {"a in (b),!c", "{a: b}", true},
      {"in=notin", "{in: notin}", true},
      {"example.com/a=b", "{example.com/a: b}", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(Matches(c.selector, c.labels), c.matches) << c.selector << " on " << c.labels;
}

TEST(LabelSelector, RefusesBadTextWithUpstreamsWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"a=b,", "unable to parse requirement: found '', expected: identifier after ','"},
      {",a", "unable to parse requirement: found ',', expected: !, identifier, or 'end of string'"},
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"a in b", "unable to parse requirement: found 'b', expected: '('"},
      {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
      {"a=b c", "unable to parse requirement: found 'c', expected: ',' or 'end of string'"},
      {"!", "unable to parse requirement: found '', expected: identifier after '!'"},
  };
  for (const auto& [text, message] : cases) {
    const Result<LabelSelector> parsed = LabelSelector::Parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().message, message);
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
  }
  EXPECT_FALSE(LabelSelector::Parse("a/b/c=d").has_value());
  EXPECT_FALSE(LabelSelector::Parse("a=" + std::string(64, 'x')).has_value());
  EXPECT_FALSE(LabelSelector::Parse("a>x").has_value());
}

TEST(LabelSelector, ReadsTheObjectForm) {
  const auto selector = LabelSelector::FromObject(Y(R"(
matchLabels: {app: web}
matchExpressions:
- {key: tier, operator: In, values: [front, back]}
- {key: env, operator: NotIn, values: [dev]}
- {key: ready, operator: Exists}
- {key: gone, operator: DoesNotExist}
)"));
  ASSERT_TRUE(selector.has_value());
  EXPECT_TRUE(selector->Matches(Y("{app: web, tier: back, ready: ''}")));
  EXPECT_FALSE(selector->Matches(Y("{app: web, tier: back, ready: '', env: dev}")));
  EXPECT_FALSE(selector->Matches(Y("{app: web, tier: back, ready: '', gone: x}")));
}

TEST(LabelSelector, AbsentObjectSelectsNothingAndEmptyEverything) {
  const auto none = LabelSelector::FromObject({});
  const auto all = LabelSelector::FromObject(json::Object());
  ASSERT_TRUE(none && all);
  EXPECT_FALSE(none->Matches(Y("{a: b}")));
  EXPECT_FALSE(none->empty());
  EXPECT_TRUE(all->Matches(Y("{a: b}")));
  EXPECT_TRUE(all->empty());
}

TEST(LabelSelector, RefusesObjectsThatMeanNothing) {
  for (const char* text : {"{matchExpressions: [{key: a, operator: Near}]}",
                           "{matchExpressions: [{key: a, operator: In}]}",
                           "{matchExpressions: [{key: a, operator: Exists, values: [x]}]}",
                           "{matchExpressions: [{operator: Exists}]}"})
    EXPECT_FALSE(LabelSelector::FromObject(Y(text)).has_value()) << text;
}

TEST(FieldSelector, ComparesValuesAsText) {
  const json::Value pod = Y(R"(
metadata: {name: a, namespace: ns}
spec: {nodeName: n1, hostNetwork: true}
status: {phase: Running}
)");
  const std::pair<const char*, bool> cases[] = {
      {"", true},
      {"metadata.name=a", true},
      {"metadata.name==a", true},
      {"metadata.name=b", false},
      {"status.phase!=Failed,status.phase!=Succeeded", true},
      {"spec.nodeName=", false},
      {"status.nominatedNodeName=", true},
      {"spec.hostNetwork=true", true},
      {"spec.unschedulable=false", true},
  };
  for (const auto& [text, matches] : cases) {
    const Result<FieldSelector> selector = FieldSelector::Parse(text);
    ASSERT_TRUE(selector.has_value()) << text;
    EXPECT_EQ(selector->Matches(pod), matches) << text;
  }
}

TEST(FieldSelector, FindsAnEventsSourceByItsComponent) {
  const auto selector = FieldSelector::Parse("source=kubelet");
  ASSERT_TRUE(selector.has_value());
  EXPECT_TRUE(selector->Matches(Y("{source: {component: kubelet, host: n}}")));
  EXPECT_FALSE(selector->Matches(Y("{source: {component: scheduler}}")));
}

TEST(FieldSelector, UnderstandsEscapesAndRefusesNonsense) {
  const auto selector = FieldSelector::Parse("metadata.name=a\\,b\\=c");
  ASSERT_TRUE(selector.has_value());
  EXPECT_EQ(selector->RequiredName(), "a,b=c");
  const auto broken = FieldSelector::Parse("metadata.name");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().message,
            "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
  EXPECT_FALSE(FieldSelector::Parse("a=b=c").has_value());
  EXPECT_FALSE(FieldSelector::Parse("a=b\\x").has_value());
}

TEST(FieldSelector, TellsItsPathsAndTheOneName) {
  const auto selector = FieldSelector::Parse("metadata.name=x,status.phase!=Failed");
  ASSERT_TRUE(selector.has_value());
  EXPECT_EQ(selector->Paths(), (Lines{"metadata.name", "status.phase"}));
  EXPECT_EQ(selector->RequiredName(), "x");
  EXPECT_EQ(FieldSelector::Parse("metadata.name!=x")->RequiredName(), "");
}

TEST(FieldSelector, OnlySomePathsAreSupported) {
  EXPECT_TRUE(SupportsFieldSelector("", "pods", "spec.nodeName"));
  EXPECT_TRUE(SupportsFieldSelector("", "events", "involvedObject.uid"));
  EXPECT_TRUE(SupportsFieldSelector("example.com", "things", "metadata.name"));
  EXPECT_FALSE(SupportsFieldSelector("", "pods", "spec.hostname"));
  EXPECT_FALSE(SupportsFieldSelector("example.com", "things", "spec.x"));
}

}  // namespace
}  // namespace leat::api
