// What a CustomResourceDefinition may say, and which formats its strings may
// have.
#include <gtest/gtest.h>

#include "api/formats.h"
#include "api/testing/objects.h"
#include "api/validation.h"

namespace leat::api {
namespace {

// A definition with `version` over its only version and `spec` over its spec.
json::Value Definition(std::string_view version, std::string_view spec = "{}") {
  json::Value crd = Y(R"(
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
)");
  const json::Value changes = Y(version);
  for (const json::Member& member : changes.Members())
    crd.Mut("spec").Mut("versions").MutItems()[0].Set(member.key, member.value);
  const json::Value more = Y(spec);
  for (const json::Member& member : more.Members()) crd.Mut("spec").Set(member.key, member.value);
  return crd;
}

Lines Wrong(json::Value crd, const json::Value* old = nullptr) {
  static const TypeTable table;
  const TypePtr type = table.FindKind("apiextensions.k8s.io", "CustomResourceDefinition");
  ApplyDefaults(*type->StorageVersion().schema, crd);
  DefaultObject(*type, type->StorageVersion(), crd);
  return Texts(ValidateObject(*type, type->StorageVersion(), crd, old));
}

Lines WrongSchema(std::string_view properties) {
  return Wrong(Definition(
      "{schema: {openAPIV3Schema: {type: object, properties: " + std::string(properties) + "}}}"));
}

TEST(SchemaRules, TakeStructuralSchemas) {
  for (const char* properties :
       {"{a: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, "
        "{type: string}]}}",
        "{a: {x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: "
        "integer}, {type: string}]}]}}",
        "{a: {type: string, anyOf: [{maxLength: 1}, {pattern: x}], not: {enum: "
        "[y]}}}",
        "{a: {type: object, properties: {b: {type: string}}, oneOf: "
        "[{required: [b]}]}}",
        "{metadata: {type: object, properties: {name: {type: string, "
        "maxLength: 3}}}}",
        "{a: {type: object, x-kubernetes-embedded-resource: true, "
        "x-kubernetes-preserve-unknown-fields: true}}",
        "{a: {type: array, x-kubernetes-list-type: map, "
        "x-kubernetes-list-map-keys: [k], items: "
        "{type: object, required: [k], properties: {k: {type: string}}}}}",
        "{a: {type: array, x-kubernetes-list-type: map, "
        "x-kubernetes-list-map-keys: [k], items: "
        "{type: object, properties: {k: {type: string, default: x}}}}}"})
    EXPECT_EQ(WrongSchema(properties), Lines{}) << properties;
}

TEST(SchemaRules, RefuseWhatIsNotStructural) {
  for (const char* properties :
       {"{a: {type: array, uniqueItems: true, items: {type: string}}}",
        "{a: {type: object, anyOf: [{properties: {b: {type: string}}}], "
        "properties: {b: {type: string}}}}",
        "{a: {type: string, allOf: [{description: x}]}}", "{a: {type: string, not: {default: x}}}",
        "{a: {type: string, oneOf: [{nullable: true}]}}",
        "{a: {type: array, x-kubernetes-list-type: map, "
        "x-kubernetes-list-map-keys: [k], items: "
        "{type: object, properties: {k: {type: string}}}}}",
        "{a: {type: array, x-kubernetes-list-type: map, "
        "x-kubernetes-list-map-keys: [k], items: "
        "{type: object, required: [k], properties: {l: {type: string}}}}}",
        "{a: {type: array, x-kubernetes-list-type: set, items: {type: string, "
        "nullable: true}}}",
        "{a: {type: object, x-kubernetes-preserve-unknown-fields: false}}",
        "{a: {type: object, x-kubernetes-map-type: odd}}",
        "{a: {type: object, x-kubernetes-embedded-resource: true}}",
        "{a: {type: object, $ref: '#/x'}}", "{a: {type: object, additionalProperties: false}}",
        "{a: {x-kubernetes-int-or-string: true, type: string}}",
        "{metadata: {type: object, properties: {labels: {type: object}}}}"})
    EXPECT_EQ(WrongSchema(properties).size(), 1u) << properties;
  EXPECT_EQ(Wrong(Definition("{schema: {openAPIV3Schema: {type: object, additionalProperties: "
                             "{type: string}}}}"))
                .size(),
            1u);
}

TEST(DefinitionRules, HoldForWhatSurroundsTheSchema) {
  for (const char* version : {"{additionalPrinterColumns: [{name: A, type: string, jsonPath: a}]}",
                              "{additionalPrinterColumns: [{name: A, type: string, jsonPath: .a, "
                              "format: x}]}",
                              "{deprecationWarning: old}",
                              "{subresources: {scale: {specReplicasPath: .n, statusReplicasPath: "
                              ".status.n}}}",
                              "{subresources: {scale: {specReplicasPath: .spec.n, "
                              "statusReplicasPath: status.n}}}",
                              "{selectableFields: [{jsonPath: spec.a}]}",
                              "{selectableFields: [{jsonPath: .metadata.x}]}"})
    EXPECT_EQ(Wrong(Definition(version)).size(), 1u) << version;
  for (const char* version : {"{deprecated: true, deprecationWarning: old}",
                              "{subresources: {scale: {specReplicasPath: "
                              ".spec.n, statusReplicasPath: .status.n, "
                              "labelSelectorPath: .status.s}}}",
                              "{selectableFields: [{jsonPath: .spec.a}]}"})
    EXPECT_EQ(Wrong(Definition(version)), Lines{}) << version;
  EXPECT_EQ(Wrong(Definition("{}", "{conversion: {strategy: Webhook}}")).size(), 1u);
  const json::Value old = Definition("{}");
  EXPECT_EQ(Wrong(Definition("{}", "{preserveUnknownFields: true}"), &old).size(), 1u);
}

TEST(DefinitionRules, KeepKubernetesGroupsForThoseWhoSaySo) {
  const auto wrong = [](const char* group, const char* annotation) {
    json::Value crd = Definition("{}");
    crd.Mut("spec").Set("group", group);
    crd.Mut("metadata").Set("name", "things." + std::string(group));
    if (*annotation)
      crd.Mut("metadata").Mut("annotations").Set("api-approved.kubernetes.io", annotation);
    return Wrong(crd).size();
  };
  EXPECT_EQ(wrong("example.com", ""), 0u);
  EXPECT_EQ(wrong("notk8s.io", ""), 0u);
  EXPECT_EQ(wrong("x.k8s.io", ""), 1u);
  EXPECT_EQ(wrong("kubernetes.io", ""), 1u);
  EXPECT_EQ(wrong("x.k8s.io", "yes"), 1u);
  EXPECT_EQ(wrong("x.k8s.io", "https://github.com/kubernetes/x"), 0u);
  EXPECT_EQ(wrong("x.k8s.io", "unapproved, an experiment"), 0u);
}

TEST(DefinitionRules, OfBeforeLockNobodyOut) {
  const json::Value old = Definition(
      "{deprecationWarning: old, schema: {openAPIV3Schema: {type: object, "
      "properties: "
      "{a: {type: array, uniqueItems: true, items: {type: string}}}}}}");
  json::Value next = old;
  next.Mut("metadata").Set("labels", Y("{a: b}"));
  EXPECT_EQ(Wrong(next, &old), Lines{});
}

TEST(DefinitionRules, WhatIsNotKeptIsNamed) {
  EXPECT_TRUE(RulesNotKept(Definition("{}")).empty());
  EXPECT_EQ(
      RulesNotKept(Definition("{selectableFields: [{jsonPath: .spec.a}], subresources: {scale: "
                              "{}}, "
                              "schema: {openAPIV3Schema: {type: object, properties: {a: {type: "
                              "array, items: {type: string, x-kubernetes-validations: [{rule: "
                              "'true'}]}}}}}}"))
          .size(),
      3u);
}

TEST(Formats, AreThoseThatUpstreamKnows) {
  struct Case {
    const char* format;
    std::vector<const char*> right, wrong;
  };
  const Case cases[] = {
      {"email", {"a@b.c", "a.b+c@d", "Ann <a@b.c>"}, {"", "a", "@b", "a@", "a b@c", "a@b@c"}},
      {"uri", {"http://a/b?c", "urn:x", "/a/b"}, {"", "a", "a b", "://x", "http://a b"}},
      {"hostname", {"a", "a.b-c.d", "A1"}, {"", "-a", "a-", "a..b", "a_b", "a b"}},
      {"mac",
       {"00:00:5e:00:53:01", "02-00-5e-10-00-00-00-01", "0000.5e00.5301"},
       {"", "00:00:5e:00:53", "00:00:5e:00:53:0g", "00-00:5e:00:53:01"}},
      {"duration", {"1s", "1h30m", "-1.5h", "0", "22 ns", "3 days"}, {"", "1", "s", "1x", "1h x"}},
      {"uuid",
       {"2c4d8a2e-7a9f-4d0e-9f4b-0a1b2c3d4e5f", "2C4D8A2E7A9F4D0E9F4B0A1B2C3D4E5F"},
       {"", "2c4d"}},
      {"uuid4", {"2c4d8a2e-7a9f-4d0e-9f4b-0a1b2c3d4e5f"}, {"2c4d8a2e-7a9f-3d0e-9f4b-0a1b2c3d4e5f"}},
      {"hexcolor", {"#FFFFFF", "abc"}, {"#ff", "#gggggg"}},
      {"rgbcolor", {"rgb(255,255,2)"}, {"rgb(256,0,0)"}},
      {"isbn10", {"0321751043"}, {"032175104"}},
      {"nobody-knows-it", {"", "anything"}, {}},
  };
  for (const Case& one : cases) {
    for (const char* text : one.right)
      EXPECT_TRUE(HasTextFormat(one.format, text)) << one.format << ": " << text;
    for (const char* text : one.wrong)
      EXPECT_FALSE(HasTextFormat(one.format, text)) << one.format << ": " << text;
  }
}

TEST(PodRules, HostAliasesAreAddressesAndNames) {
  const auto wrong = [](const char* alias) {
    static const TypeTable table;
    const TypePtr type = table.FindKind("", "Pod");
    json::Value pod =
        Y("{metadata: {name: p, namespace: ns}, spec: "
          "{containers: [{name: a, image: i}]}}");
    pod.Mut("spec").Set("hostAliases", json::Array({*json::Parse(alias)}));
    ApplyDefaults(*type->StorageVersion().schema, pod);
    DefaultObject(*type, type->StorageVersion(), pod);
    return ValidateObject(*type, type->StorageVersion(), pod, nullptr).size();
  };
  EXPECT_EQ(wrong(R"({"ip": "10.0.0.1", "hostnames": ["a", "b.c"]})"), 0u);
  EXPECT_EQ(wrong(R"({"ip": "2001:db8::1"})"), 0u);
  EXPECT_EQ(wrong(R"({"ip": "10.0.0.1\n10.0.0.2 x"})"), 1u);
  EXPECT_EQ(wrong(R"({"ip": "10.0.0.1", "hostnames": ["a\n1.2.3.4 b"]})"), 1u);
  EXPECT_EQ(wrong(R"({"ip": "host"})"), 1u);
}

}  // namespace
}  // namespace leat::api
