#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/testing/objects.h"
#include "api/types.h"

namespace leat::api {
namespace {

const Schema& PodSchema() {
  static const TypePtr pod = TypeTable().FindKind("", "Pod");
  return *pod->StorageVersion().schema;
}

struct Case {
  const char* name;
  const char* target;
  const char* patch;
  const char* result;
};

class StrategicMergeCases : public testing::TestWithParam<Case> {};

TEST_P(StrategicMergeCases, GiveUpstreamsResult) {
  const Case& c = GetParam();
  json::Value target = Y(c.target);
  const Status ok = StrategicMerge(PodSchema(), target, Y(c.patch));
  ASSERT_TRUE(ok.has_value()) << ok.error().message;
  EXPECT_EQ(PrintPretty(target), PrintPretty(Y(c.result)));
}

const Case kCases[] = {
    {"EmptyPatchChangesNothing", "{spec: {nodeName: a}}", "{}", "{spec: {nodeName: a}}"},
    {"ScalarsReplace", "{spec: {nodeName: a}}", "{spec: {nodeName: b}}", "{spec: {nodeName: b}}"},
    {"NullDeletes", "{metadata: {labels: {a: b, c: d}}}", "{metadata: {labels: {a: null}}}",
     "{metadata: {labels: {c: d}}}"},
    {"NullOfAbsentIsNothing", "{metadata: {}}", "{metadata: {labels: {a: null, b: c}}}",
     "{metadata: {labels: {b: c}}}"},
    {"MapsMerge", "{metadata: {labels: {a: b}}}", "{metadata: {labels: {c: d}}}",
     "{metadata: {labels: {a: b, c: d}}}"},
    {"ListsMergeByKey",
     "{spec: {containers: [{name: a, image: x, workingDir: /w}, {name: b, image: y}]}}",
     "{spec: {containers: [{name: a, image: z}]}}",
     "{spec: {containers: [{name: a, image: z, workingDir: /w}, {name: b, image: y}]}}"},
    {"NewElementsComeFirst", "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {containers: [{name: c}]}}",
     "{spec: {containers: [{name: c}, {name: a}, {name: b}]}}"},
    {"KnownElementsKeepTheirPlaceAmongTheServers",
     "{spec: {containers: [{name: a}, {name: b}, {name: c}]}}",
     "{spec: {containers: [{name: b, image: x}]}}",
     "{spec: {containers: [{name: a}, {name: b, image: x}, {name: c}]}}"},
    {"ListsMergeAtEveryDepth",
     "{spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '2'}]}]}}",
     "{spec: {containers: [{name: a, env: [{name: Y, value: '3'}]}]}}",
     "{spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '3'}]}]}}"},
    {"ListsWithoutAKeyAreReplaced", "{spec: {tolerations: [{key: a}, {key: b}]}}",
     "{spec: {tolerations: [{key: c}]}}", "{spec: {tolerations: [{key: c}]}}"},
    {"PrimitivesUnite", "{metadata: {finalizers: [a.b/c, d.e/f]}}",
     "{metadata: {finalizers: [d.e/f, g.h/i]}}", "{metadata: {finalizers: [a.b/c, d.e/f, g.h/i]}}"},
    {"PlainStringListsAreReplaced", "{spec: {containers: [{name: a, args: [x, y]}]}}",
     "{spec: {containers: [{name: a, args: [z]}]}}",
     "{spec: {containers: [{name: a, args: [z]}]}}"},
    {"PatchDeleteRemovesAnElement", "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {containers: [{name: a, $patch: delete}]}}", "{spec: {containers: [{name: b}]}}"},
    {"PatchDeleteOfAnUnknownElementIsNothing", "{spec: {containers: [{name: b}]}}",
     "{spec: {containers: [{name: a, $patch: delete}]}}", "{spec: {containers: [{name: b}]}}"},
    {"PatchReplaceReplacesTheList", "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {containers: [{$patch: replace}, {name: c}]}}", "{spec: {containers: [{name: c}]}}"},
    {"PatchReplaceAloneEmptiesTheList", "{spec: {volumes: [{name: a}]}}",
     "{spec: {volumes: [{$patch: replace}]}}", "{spec: {volumes: []}}"},
    {"PatchReplaceReplacesAnObject", "{metadata: {labels: {a: b}}}",
     "{metadata: {labels: {$patch: replace, c: d}}}", "{metadata: {labels: {c: d}}}"},
    {"PatchDeleteEmptiesAnObject", "{metadata: {labels: {a: b}}}",
     "{metadata: {labels: {$patch: delete}}}", "{metadata: {labels: {}}}"},
    {"PatchMergeIsTheDefault", "{metadata: {labels: {a: b}}}",
     "{metadata: {labels: {$patch: merge, c: d}}}", "{metadata: {labels: {a: b, c: d}}}"},
    {"RetainKeysDropsTheOldVolumeSource", "{spec: {volumes: [{name: v, emptyDir: {}}]}}",
     "{spec: {volumes: [{name: v, $retainKeys: [name, hostPath], hostPath: {path: /x}}]}}",
     "{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}"},
    {"DeleteFromPrimitiveList", "{metadata: {finalizers: [a.b/c, d.e/f]}}",
     "{metadata: {$deleteFromPrimitiveList/finalizers: [a.b/c]}}",
     "{metadata: {finalizers: [d.e/f]}}"},
    {"DeleteAndAddPrimitives", "{metadata: {finalizers: [a.b/c, d.e/f]}}",
     "{metadata: {$deleteFromPrimitiveList/finalizers: [a.b/c], finalizers: [x.y/z]}}",
     "{metadata: {finalizers: [x.y/z, d.e/f]}}"},
    {"SetElementOrderSortsTheList", "{spec: {containers: [{name: a}, {name: b}, {name: c}]}}",
     "{spec: {$setElementOrder/containers: [{name: c}, {name: a}, {name: b}]}}",
     "{spec: {containers: [{name: c}, {name: a}, {name: b}]}}"},
    {"SetElementOrderPlacesANewElement", "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {$setElementOrder/containers: [{name: a}, {name: n}, {name: b}], containers: [{name: "
     "n, image: x}]}}",
     "{spec: {containers: [{name: a}, {name: n, image: x}, {name: b}]}}"},
    {"SetElementOrderKeepsServerOnlyElements",
     "{spec: {containers: [{name: a}, {name: sidecar}, {name: b}]}}",
     "{spec: {$setElementOrder/containers: [{name: b}, {name: a}], containers: [{name: b, image: "
     "x}]}}",
     "{spec: {containers: [{name: sidecar}, {name: b, image: x}, {name: a}]}}"},
    {"SetElementOrderWithADeletedElement", "{spec: {containers: [{name: a}, {name: b}]}}",
     "{spec: {$setElementOrder/containers: [{name: b}], containers: [{$patch: delete, name: a}]}}",
     "{spec: {containers: [{name: b}]}}"},
    {"SetElementOrderOfNothingIsNothing", "{spec: {nodeName: x}}",
     "{spec: {$setElementOrder/containers: [{name: a}]}}", "{spec: {nodeName: x}}"},
    {"SetElementOrderOfPrimitives", "{metadata: {finalizers: [a.b/c, d.e/f]}}",
     "{metadata: {$setElementOrder/finalizers: [d.e/f, a.b/c]}}",
     "{metadata: {finalizers: [d.e/f, a.b/c]}}"},
    {"AListThatWasNotThereIsTakenWhole", "{spec: {containers: [{name: a}]}}",
     "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}, {containerPort: "
     "53, protocol: UDP}]}]}}",
     "{spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}, {containerPort: "
     "53, protocol: UDP}]}]}}"},
    {"DirectivesInNewPartsLeaveNoTrace", "{}",
     "{spec: {containers: [{$patch: replace}, {name: a, $retainKeys: [name]}, {name: b, $patch: "
     "delete}], $setElementOrder/volumes: [{name: v}]}, metadata: {annotations: {$patch: delete}}}",
     "{spec: {containers: [{name: a}]}, metadata: {}}"},
    {"AnObjectTakesThePlaceOfAScalar", "{spec: {affinity: x}}",
     "{spec: {affinity: {nodeAffinity: {}}}}", "{spec: {affinity: {nodeAffinity: {}}}}"},
    {"UnknownListsAreReplaced", "{spec: {unknown: [{name: a}]}}", "{spec: {unknown: [{name: b}]}}",
     "{spec: {unknown: [{name: b}]}}"},
    {"ConditionsMergeByType",
     "{status: {conditions: [{type: Ready, status: 'False'}, {type: Initialized, status: "
     "'True'}]}}",
     "{status: {$setElementOrder/conditions: [{type: Ready}, {type: Initialized}], conditions: "
     "[{type: Ready, status: 'True'}]}}",
     "{status: {conditions: [{type: Ready, status: 'True'}, {type: Initialized, status: "
     "'True'}]}}"},
    {"MountsMergeByPath",
     "{spec: {containers: [{name: a, volumeMounts: [{mountPath: /a, name: v}]}]}}",
     "{spec: {containers: [{name: a, volumeMounts: [{mountPath: /a, name: w}, {mountPath: /b, "
     "name: v}]}]}}",
     "{spec: {containers: [{name: a, volumeMounts: [{mountPath: /a, name: w}, {mountPath: /b, "
     "name: v}]}]}}"},
};

INSTANTIATE_TEST_SUITE_P(Pods, StrategicMergeCases, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(StrategicMerge, RefusesBadPatches) {
  const std::pair<const char*, const char*> cases[] = {
      {"{spec: {containers: [{image: x}]}}",
       "map: {\"image\":\"x\"} does not contain declared merge key: name"},
      {"{spec: {containers: [{$patch: delete}]}}",
       "map: {\"$patch\":\"delete\"} does not contain declared merge key: name"},
      {"{spec: {containers: [{name: a, $patch: remove}]}}",
       "unknown patch type: \"remove\" in map: {\"$patch\":\"remove\",\"name\":\"a\"}"},
      {"{metadata: {$patch: 1}}", "unknown patch type: 1 in map: {\"$patch\":1}"},
      {"{spec: {$retainKeys: [a], nodeName: x}}",
       "invalid patch format of retainKeys: every key of the patch must be in $retainKeys, which "
       "is a list"},
      {"{spec: {$setElementOrder/containers: [{name: b}], containers: [{name: a}]}}",
       "The order in patch list: [{\"name\":\"a\"}] doesn't match $setElementOrder/containers "
       "list: "
       "[{\"name\":\"b\"}]"},
      {"{metadata: {$deleteFromPrimitiveList/finalizers: x}}",
       "invalid patch format of $deleteFromPrimitiveList/finalizers: it must be a list"},
      {"[]", "a strategic merge patch must be an object"},
  };
  for (const auto& [patch, message] : cases) {
    json::Value target = Y("{metadata: {finalizers: [x]}, spec: {containers: [{name: a}]}}");
    const Status ok = StrategicMerge(PodSchema(), target, Y(patch));
    ASSERT_FALSE(ok.has_value()) << patch;
    EXPECT_EQ(ok.error().message, message);
    EXPECT_EQ(ok.error().code, Code::kInvalid);
  }
}

TEST(StrategicMerge, ManyElementsDoNotTakeQuadraticTime) {
  json::Value elements = json::Array({});
  for (int i = 0; i < 20'000; ++i) elements.Push(json::Object({{"name", std::to_string(i)}}));
  const json::Value patch = json::Object({{"spec", json::Object({{"volumes", elements}})}});
  json::Value target = patch;
  ASSERT_TRUE(StrategicMerge(PodSchema(), target, patch).has_value());
  EXPECT_EQ(target["spec"]["volumes"].size(), 20'000u);
}

json::Value ManyMembers(std::string_view prefix, int count) {
  json::ObjectMembers members;
  for (int i = 0; i < count; ++i)
    members.push_back({fmt::format("{}{:06}", prefix, i), json::Value("x")});
  return json::Value(std::move(members));
}

// A member at a time this takes half a minute.
TEST(StrategicMerge, ManyMembersDoNotTakeQuadraticTime) {
  json::Value target =
      json::Object({{"metadata", json::Object({{"labels", ManyMembers("b", 100'000)}})}});
  json::Value labels = ManyMembers("a", 100'000);
  labels.Set("b000007", nullptr);
  labels.Set("b000009", "y");
  ASSERT_TRUE(StrategicMerge(PodSchema(), target,
                             json::Object({{"metadata", json::Object({{"labels", labels}})}}))
                  .has_value());
  const json::Value& merged = target["metadata"]["labels"];
  EXPECT_EQ(merged.size(), 199'999u);
  EXPECT_FALSE(merged.Has("b000007"));
  EXPECT_EQ(merged["b000009"].AsString(), "y");
  EXPECT_EQ(merged["a099999"].AsString(), "x");

  const json::Value none = Y("{metadata: {labels: {$retainKeys: [b000001]}}}");
  ASSERT_TRUE(StrategicMerge(PodSchema(), target, none).has_value());
  EXPECT_EQ(target["metadata"]["labels"], json::Object({{"b000001", "x"}}));
}

TEST(StrategicMerge, RefusesToMergeIntoOneLargeElementAgainAndAgain) {
  const json::Value resources = json::Object({{"limits", ManyMembers("l", 10'000)}});
  json::Value elements = json::Array({});
  for (int i = 0; i < 10'000; ++i)
    elements.Push(Y("{name: a, resources: {limits: {x" + std::to_string(i) + ": 1}}}"));
  const json::Value container = json::Object({{"name", "a"}, {"resources", resources}});
  json::Value target =
      json::Object({{"spec", json::Object({{"containers", json::Array({container})}})}});
  const Status ok = StrategicMerge(
      PodSchema(), target, json::Object({{"spec", json::Object({{"containers", elements}})}}));
  ASSERT_FALSE(ok.has_value());
  EXPECT_EQ(ok.error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace leat::api
