#include "api/types.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>

#include "api/builtin.h"
#include "api/testing/objects.h"

namespace leat::api {
namespace {

json::Value Definition(std::string_view plural, std::string_view kind) {
  json::Value crd = Y(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.com
  scope: Namespaced
  names: {shortNames: [th], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {a: {type: string}}}}}}
  - name: v1alpha1
    served: false
    storage: false
    schema: {openAPIV3Schema: {type: object}}
)");
  crd.Mut("spec").Mut("names").Set("plural", plural).Set("kind", kind);
  return crd;
}

TEST(TypeTable, KnowsTheBuiltInKinds) {
  const TypeTable table;
  const struct {
    const char *group, *version, *plural, *kind;
    bool namespaced, status;
  } rows[] = {
      {"", "v1", "namespaces", "Namespace", false, true},
      {"", "v1", "nodes", "Node", false, true},
      {"", "v1", "pods", "Pod", true, true},
      {"", "v1", "secrets", "Secret", true, false},
      {"", "v1", "configmaps", "ConfigMap", true, false},
      {"", "v1", "serviceaccounts", "ServiceAccount", true, false},
      {"", "v1", "events", "Event", true, false},
      {"coordination.k8s.io", "v1", "leases", "Lease", true, false},
      {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false,
       true},
      {"apiextensions.k8s.io", "v1beta1", "customresourcedefinitions", "CustomResourceDefinition",
       false, true},
  };
  for (const auto& row : rows) {
    const TypePtr type = table.Find(row.group, row.version, row.plural);
    ASSERT_TRUE(type) << row.plural;
    EXPECT_EQ(type->kind, row.kind);
    EXPECT_EQ(type->list_kind, std::string(row.kind) + "List");
    EXPECT_EQ(type->namespaced, row.namespaced) << row.kind;
    EXPECT_EQ(type->FindVersion(row.version)->status_subresource, row.status) << row.kind;
    EXPECT_EQ(table.FindKind(row.group, row.kind), type);
    EXPECT_FALSE(type->custom);
  }
  EXPECT_EQ(table.All().size(), 9u);
  EXPECT_EQ(
      table.FindKind("apiextensions.k8s.io", "CustomResourceDefinition")->StorageVersion().name,
      "v1");
}

TEST(TypeTable, BindingIsOnlyABody) {
  const TypeTable table;
  EXPECT_TRUE(table.FindKind("", "Binding"));
  EXPECT_FALSE(table.FindResource("", "bindings"));
  EXPECT_FALSE(table.Find("", "v1", "bindings"));
}

TEST(TypeTable, UnknownNamesAreNull) {
  const TypeTable table;
  EXPECT_FALSE(table.Find("", "v1", "things"));
  EXPECT_FALSE(table.Find("", "v2", "pods"));
  EXPECT_FALSE(table.FindKind("example.com", "Pod"));
}

TEST(TypeTable, ADefinitionAddsARowAndReplacesItsOwn) {
  TypeTable table;
  ASSERT_TRUE(table.AddCustom(Definition("things", "Thing")).has_value());
  const TypePtr type = table.Find("example.com", "v1", "things");
  ASSERT_TRUE(type);
  EXPECT_TRUE(type->custom);
  EXPECT_EQ(type->StorageName(), "things.example.com");
  EXPECT_EQ(type->singular, "thing");
  EXPECT_EQ(type->list_kind, "ThingList");
  EXPECT_EQ(type->short_names, Lines{"th"});
  EXPECT_TRUE(type->FindVersion("v1")->status_subresource);
  EXPECT_FALSE(table.Find("example.com", "v1alpha1", "things")) << "not served";

  json::Value changed = Definition("things", "Thing");
  changed.Mut("spec").Set("scope", "Cluster");
  ASSERT_TRUE(table.AddCustom(changed).has_value());
  EXPECT_FALSE(table.FindResource("example.com", "things")->namespaced);
  EXPECT_TRUE(type->namespaced) << "a snapshot stays as it was";
  EXPECT_EQ(table.All().size(), 10u);

  table.RemoveCustom("example.com", "things");
  EXPECT_FALSE(table.FindResource("example.com", "things"));
  table.RemoveCustom("", "pods");
  EXPECT_TRUE(table.FindResource("", "pods")) << "built-in rows stay";
}

TEST(TypeTable, CollidingNamesAreRefusedAndBothNamed) {
  TypeTable table;
  ASSERT_TRUE(table.AddCustom(Definition("things", "Thing")).has_value());
  const Status same_kind = table.AddCustom(Definition("others", "Thing"));
  ASSERT_FALSE(same_kind.has_value());
  EXPECT_EQ(same_kind.error().code, Code::kConflict);
  EXPECT_EQ(same_kind.error().message,
            "others.example.com: \"thing\" is already in use by things.example.com");
  json::Value short_name = Definition("others", "Other");
  const auto conflicts = table.FindConflicts(short_name);
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].role, "ShortNames");
  EXPECT_EQ(conflicts[0].ToString(), "\"th\" is already in use by things.example.com");
  EXPECT_FALSE(table.AddCustom(short_name).has_value());
  EXPECT_TRUE(table.FindConflicts(Definition("things", "Thing")).empty());
  json::Value pods = Definition("pods", "Pod");
  pods.Mut("spec").Set("group", "");
  EXPECT_FALSE(table.AddCustom(pods).has_value());
}

TEST(TypeTable, RowsAreSortedByGroupAndPlural) {
  TypeTable table;
  ASSERT_TRUE(table.AddCustom(Definition("things", "Thing")).has_value());
  std::vector<std::pair<std::string, std::string>> names;
  for (const TypePtr& type : table.All()) names.emplace_back(type->group, type->plural);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(TypeTable, CustomObjectsKeepTheirMetadataAndLoseWhatNobodyDeclared) {
  TypeTable table;
  ASSERT_TRUE(table.AddCustom(Definition("things", "Thing")).has_value());
  json::Value thing = Y(R"(
apiVersion: example.com/v1
kind: Thing
metadata: {name: a, labels: {x: z}, invented: 1}
spec: {a: b, c: d}
)");
  const TypePtr type = table.FindResource("example.com", "things");
  EXPECT_EQ(Prune(*type->FindVersion("v1")->schema, thing), (Lines{"metadata.invented", "spec.c"}));
}

// Within one message a protobuf number may be used once.
void CheckNumbers(const Schema& schema, const std::string& where, std::set<const Schema*>& seen) {
  if (!seen.insert(&schema).second) return;
  std::map<std::pair<int, int>, std::string> numbers;
  for (const Field& field : schema.fields) {
    if (field.number != 0) {
      const auto [at, fresh] =
          numbers.emplace(std::pair(field.inline_number, field.number), field.name);
      EXPECT_TRUE(fresh) << where << ": " << field.name << " and " << at->second;
    }
    CheckNumbers(*field.schema, where + "." + field.name, seen);
  }
  if (schema.items) CheckNumbers(*schema.items, where + "[]", seen);
}

TEST(BuiltinRows, ProtobufNumbersAreUniqueInTheirMessage) {
  std::set<const Schema*> seen;
  for (const TypePtr& type : TypeTable().All())
    for (const TypeVersion& version : type->versions)
      CheckNumbers(*version.schema, type->kind, seen);
  EXPECT_GT(seen.size(), 200u);
}

TEST(BuiltinRows, ListsWithAMergeKeyHaveElementsWithThatMember) {
  std::set<const Schema*> seen;
  const auto check = [&](const auto& self, const Schema& schema) -> void {
    if (!seen.insert(&schema).second) return;
    if (!schema.merge_key.empty()) {
      EXPECT_TRUE(schema.items->Find(schema.merge_key)) << schema.merge_key;
    }
    for (const std::string& key : schema.map_keys) EXPECT_TRUE(schema.items->Find(key)) << key;
    for (const Field& field : schema.fields) self(self, *field.schema);
    if (schema.items) self(self, *schema.items);
  };
  for (const TypePtr& type : TypeTable().All())
    for (const TypeVersion& version : type->versions) check(check, *version.schema);
}

TEST(BuiltinRows, InlineMembersRememberTheirMessage) {
  const TypePtr pod = TypeTable().FindKind("", "Pod");
  const Field* volumes = pod->StorageVersion().schema->Find("spec")->schema->Find("volumes");
  const Field* secret = volumes->schema->items->Find("secret");
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->number, 6);
  EXPECT_EQ(secret->inline_number, 2);
  EXPECT_EQ(volumes->schema->merge_key, "name");
  EXPECT_TRUE(volumes->schema->replace_keys);
}

TEST(Rows, MergeAndAnswerAsUpstreamDoes) {
  const TypeTable table;
  const TypePtr accounts = table.FindKind("", "ServiceAccount");
  json::Value object = *json::Parse(R"({"imagePullSecrets": [{"name": "a"}, {"name": "b"}]})");
  ASSERT_TRUE(StrategicMerge(*accounts->StorageVersion().schema, object,
                             *json::Parse(R"({"imagePullSecrets": [{"name": "c"}]})")));
  EXPECT_EQ(json::Print(object), R"({"imagePullSecrets":[{"name":"c"}]})");

  const TypePtr nodes = table.FindKind("", "Node");
  const Schema& node = *nodes->StorageVersion().schema;
  object = *json::Parse(R"({"metadata": {"ownerReferences": [{"uid": "u"}]},
    "status": {"nodeInfo": {"swap": {"capacity": 1}}, "volumesAttached": [{}]}})");
  EXPECT_TRUE(Prune(node, object).empty());
  ApplyDefaults(node, object);
  EXPECT_EQ(object["status"]["nodeInfo"].size(), 11u);
  EXPECT_TRUE(object["status"]["nodeInfo"]["kubeProxyVersion"].IsString());
  EXPECT_EQ(json::Print(object["status"]["volumesAttached"]), R"([{"devicePath":"","name":""}])");
  EXPECT_TRUE(ValidateSchema(node, object).empty());
  const Field* finalizers = node.Find("metadata")->schema->Find("finalizers");
  EXPECT_TRUE(finalizers->schema->is_set && finalizers->schema->merge_primitives);
}

}  // namespace
}  // namespace leat::api
