#include "api/schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/testing/objects.h"
#include "api/types.h"

namespace leat::api {
namespace {

SchemaPtr Compile(std::string_view yaml, const CompileOptions& options = {}) {
  Result<SchemaPtr> schema = CompileOpenApiSchema(Y(yaml), options);
  EXPECT_TRUE(schema.has_value()) << (schema ? "" : schema.error().message);
  return schema ? *schema : std::make_shared<const Schema>();
}

std::string CompileError(std::string_view yaml) {
  const Result<SchemaPtr> schema = CompileOpenApiSchema(Y(yaml));
  return schema ? "" : schema.error().message;
}

json::Value Defaulted(const Schema& schema, std::string_view yaml) {
  json::Value value = Y(yaml);
  ApplyDefaults(schema, value);
  return value;
}

// A name or a value at a time, each took several seconds.
TEST(Schema, ManyRequiredMembersAndEnumValuesTakeNoQuadraticTime) {
  json::Value required = json::Array({"unlisted"});
  json::Value values = json::Array({});
  json::Value items = json::Array({});
  json::ObjectMembers members;
  for (int i = 0; i < 40'000; ++i) {
    const std::string name = fmt::format("p{:05}", i);
    members.push_back({name, json::Object({{"type", "string"}})});
    required.Push(name);
    values.Push(name);
    items.Push("p39999");
  }
  const auto many = CompileOpenApiSchema(json::Object(
      {{"type", "object"}, {"properties", json::Value(members)}, {"required", required}}));
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_EQ((*many)->fields.size(), 40'001u);
  EXPECT_TRUE((*many)->Find("p00007")->required);
  EXPECT_TRUE((*many)->Find("unlisted")->required);
  const json::Value list = json::Object(
      {{"type", "array"}, {"items", json::Object({{"type", "string"}, {"enum", values}})}});
  const auto listed = CompileOpenApiSchema(
      json::Object({{"type", "object"}, {"properties", json::Object({{"l", list}})}}));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_TRUE(ValidateSchema(**listed, json::Object({{"l", items}})).empty());
  items.Push("other");
  EXPECT_EQ(ValidateSchema(**listed, json::Object({{"l", items}})).size(), 1u);
}

TEST(Schema, DefaultsFillWhatIsAbsentAtEveryDepth) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  a: {type: integer, default: 3}
  b:
    type: object
    default: {}
    properties:
      c: {type: string, default: x}
  list:
    type: array
    items: {type: object, properties: {d: {type: boolean, default: true}}}
  map:
    type: object
    additionalProperties: {type: object, properties: {e: {type: string, default: z}}}
)");
  EXPECT_EQ(Defaulted(*schema, "{}"), Y("{a: 3, b: {c: x}}"));
  EXPECT_EQ(Defaulted(*schema, "{a: 0, b: {c: ''}, list: [{}, {d: false}], map: {k: {}}}"),
            Y("{a: 0, b: {c: ''}, list: [{d: true}, {d: false}], map: {k: {e: z}}}"));
}

TEST(Schema, QuantitiesOfBuiltInKindsGetTheirCanonicalText) {
  const TypePtr pods = TypeTable().Find("", "v1", "pods");
  json::Value pod = Y(R"(
spec:
  containers:
  - name: a
    resources:
      limits: {cpu: 2, memory: 1024Mi, nvidia.com/gpu: 1, ephemeral-storage: 1.5e3}
      requests: {cpu: 0.1, memory: 1.5Gi, nvidia.com/gpu: 1000m, hugepages-2Mi: many}
    env: [{name: E, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1000u}}}]
  overhead: {cpu: 100u}
  volumes: [{name: v, emptyDir: {sizeLimit: 1048576Ki}}])");
  for (int times = 0; times < 2; ++times) {
    ApplyDefaults(*pods->StorageVersion().schema, pod);
    const json::Value& spec = pod["spec"];
    EXPECT_EQ(
        spec["containers"][0]["resources"],
        Y("{limits: {cpu: '2', memory: 1Gi, nvidia.com/gpu: '1', ephemeral-storage: '1500'}, "
          "requests: {cpu: 100m, memory: 1536Mi, nvidia.com/gpu: '1', hugepages-2Mi: many}}"));
    EXPECT_EQ(spec["containers"][0]["env"][0]["valueFrom"]["resourceFieldRef"]["divisor"], "1m");
    EXPECT_EQ(spec["overhead"], Y("{cpu: 1m}"));
    EXPECT_EQ(spec["volumes"][0]["emptyDir"]["sizeLimit"], "1Gi");
  }
}

TEST(Schema, NullInAMapOfABuiltInKindIsAnEmptyString) {
  const TypePtr maps = TypeTable().FindKind("", "ConfigMap");
  const json::Value map = Defaulted(*maps->StorageVersion().schema,
                                    "{data: {a: null, b: x}, metadata: {labels: {c: null}}}");
  EXPECT_EQ(json::Print(map["data"]), R"({"a":"","b":"x"})");
  EXPECT_EQ(json::Print(map["metadata"]["labels"]), R"({"c":""})");
}

TEST(Schema, NullsAreDefaultedOrDroppedUnlessNullable) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  a: {type: integer, default: 3}
  b: {type: integer}
  c: {type: integer, nullable: true, default: 4}
)");
  EXPECT_EQ(Defaulted(*schema, "{a: null, b: null, c: null}"), Y("{a: 3, c: null}"));
}

TEST(Schema, BuiltInMembersTakeAnEmptyStringForAbsent) {
  const TypePtr pod = TypeTable().FindKind("", "Pod");
  json::Value object =
      Y("{spec: {restartPolicy: '', containers: []}, metadata: "
        "{creationTimestamp: null}}");
  ApplyDefaults(*pod->StorageVersion().schema, object);
  EXPECT_EQ(object["spec"]["restartPolicy"].AsString(), "Always");
  EXPECT_FALSE(object["metadata"].Has("creationTimestamp"));
}

TEST(Schema, PruningTellsEveryPathThatItRemoves) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  spec:
    type: object
    properties:
      known: {type: string}
      list: {type: array, items: {type: object, properties: {x: {type: string}}}}
      free: {type: object, x-kubernetes-preserve-unknown-fields: true,
             properties: {inner: {type: object, properties: {}}}}
      whole: {type: object, x-kubernetes-embedded-resource: true}
      labels: {type: object, additionalProperties: {type: string}}
)");
  json::Value value = Y(R"(
spec:
  known: a
  foo: 1
  list: [{x: a, y: b}]
  free: {anything: [1], inner: {gone: 1}}
  whole: {apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {}}
  labels: {a: b}
extra: 1
)");
  EXPECT_EQ(Prune(*schema, value), (Lines{"extra", "spec.foo", "spec.free.inner.gone",
                                          "spec.list[0].y", "spec.whole.spec"}));
  EXPECT_EQ(value, Y(R"(
spec:
  known: a
  list: [{x: a}]
  free: {anything: [1], inner: {}}
  whole: {apiVersion: v1, kind: Pod, metadata: {name: x}}
  labels: {a: b}
)"));
}

TEST(Schema, PruningTellsAHundredPathsOfAtMostAKibibyte) {
  const SchemaPtr schema = Compile("{type: object, properties: {a: {type: string}}}");
  json::Value value = json::Object({{"a", "kept"}, {std::string(100'000, 'b'), 1}});
  for (int i = 0; i < 20'000; ++i) value.Set("c" + std::to_string(100'000 + i), i);
  const std::vector<std::string> removed = Prune(*schema, value);
  EXPECT_EQ(removed.size(), 100u);
  EXPECT_EQ(removed[0], std::string(1024, 'b'));
  EXPECT_EQ(value, Y("{a: kept}"));
}

TEST(Schema, Base64LosesItsLineBreaks) {
  const TypePtr secret = TypeTable().FindKind("", "Secret");
  const Schema& schema = *secret->StorageVersion().schema;
  json::Value value = json::Object({{"data", json::Object({{"a", "aHVu\r\ndGVy\nMg==\n"}})}});
  ApplyDefaults(schema, value);
  EXPECT_EQ(value["data"]["a"].AsString(), "aHVudGVyMg==");
  EXPECT_TRUE(ValidateSchema(*schema.Find("data")->schema, value["data"]).empty());
  const SchemaPtr custom = Compile("{type: object, properties: {b: {type: string, format: byte}}}");
  EXPECT_TRUE(ValidateSchema(*custom, json::Object({{"b", "aHVu\ndGVyMg=="}})).empty());
  EXPECT_FALSE(ValidateSchema(*custom, json::Object({{"b", "aHVu dGVyMg=="}})).empty());
}

TEST(Schema, PruningKeepsAllWhereUnknownFieldsArePreserved) {
  const SchemaPtr schema = Compile("{properties: {spec: {properties: {a: {type: string}}}}}",
                                   {.preserve_unknown_fields = true});
  json::Value value = Y("{spec: {a: x, b: {c: 1}}, d: 2}");
  EXPECT_TRUE(Prune(*schema, value).empty());
  EXPECT_EQ(value, Y("{spec: {a: x, b: {c: 1}}, d: 2}"));
}

TEST(SchemaCompile, RefusesWhatIsNotStructural) {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "type: Required value: must not be empty at the root"},
      {"{type: string}", "type: Invalid value: \"string\": must be object at the root"},
      {"{type: object, properties: {spec: {}}}",
       "properties[spec].type: Required value: must not be empty for specified object fields"},
      {"{type: object, properties: {a: {type: array}}}",
       "properties[a].items: Required value: must be specified"},
      {"{type: object, properties: {a: {type: array, items: {}}}}",
       "properties[a].items.type: Required value: must not be empty for specified array items"},
      {"{type: object, properties: {a: {type: text}}}",
       "properties[a].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", "
       "\"integer\", \"number\", \"object\", \"string\""},
      {"{type: object, properties: {a: {type: string, default: 1}}}",
       "properties[a].default: Invalid value: \"integer\": properties[a].default in body must be "
       "of type string: \"integer\""},
      {"{type: object, properties: {a: {type: string, x-kubernetes-list-type: set}}}",
       "properties[a].type: Invalid value: must be array if x-kubernetes-list-type is set"},
      {"{type: object, properties: {a: {type: object, additionalProperties: {type: string}, "
       "properties: {b: {type: string}}}}}",
       "properties[a].additionalProperties: Forbidden: additionalProperties and properties are "
       "mutual exclusive"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(CompileError(text), message) << text;
  EXPECT_NE(CompileError("{type: object, properties: {a: {type: string, pattern: '('}}}"), "");
}

TEST(SchemaCompile, TypesMayBeMissingInsideJunctors) {
  const SchemaPtr schema = Compile(R"(
type: object
properties: {a: {type: string}, b: {type: string}}
oneOf: [{required: [a]}, {required: [b]}]
)");
  EXPECT_TRUE(ValidateSchema(*schema, Y("{a: x}")).empty());
  EXPECT_EQ(ValidateSchema(*schema, Y("{a: x, b: z}"), "spec")[0].message,
            "Invalid value: {\"a\":\"x\",\"b\":\"z\"}: \"spec\" must validate one and only one "
            "schema (oneOf). Found 2 valid alternatives");
  EXPECT_EQ(ValidateSchema(*schema, Y("{}")).size(), 1u);
}

TEST(SchemaValidate, SpeaksUpstreamsWords) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  spec:
    type: object
    required: [need]
    properties:
      need: {type: string}
      region: {type: string, pattern: '^..$'}
      count: {type: integer, minimum: 1, maximum: 5}
      i32: {type: integer, format: int32}
      ratio: {type: number, exclusiveMinimum: true, minimum: 0, multipleOf: 0.5}
      kind: {type: string, enum: [A, B]}
      name: {type: string, minLength: 2, maxLength: 3}
      list: {type: array, minItems: 1, maxItems: 2, items: {type: string}}
      set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      map:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [name]
        items: {type: object, properties: {name: {type: string}}}
      port: {x-kubernetes-int-or-string: true}
      when: {type: string, format: date-time}
      labels: {type: object, additionalProperties: {type: string}, maxProperties: 1}
      any: {type: integer, anyOf: [{minimum: 10}, {maximum: 2}]}
      not: {type: string, not: {enum: [bad]}}
      maybe: {type: string, nullable: true}
)");
  struct Case {
    const char* spec;
    Lines errors;
  };
  const Case cases[] = {
      {"{need: x}", {}},
      {"{need: ''}", {}},
      {"{}", {"spec.need: Required value"}},
      {"{need: 1}",
       {"spec.need: Invalid value: \"integer\": spec.need in body must be of type string: "
        "\"integer\""}},
      {"{need: x, region: abc}",
       {"spec.region: Invalid value: \"abc\": spec.region in body should match '^..$'"}},
      {"{need: x, count: 0}",
       {"spec.count: Invalid value: 0: spec.count in body should be greater than or equal to 1"}},
      {"{need: x, count: 6}",
       {"spec.count: Invalid value: 6: spec.count in body should be less than or equal to 5"}},
      {"{need: x, count: 2.0}", {}},
      {"{need: x, count: 2.5}",
       {"spec.count: Invalid value: \"number\": spec.count in body must be of type integer: "
        "\"number\""}},
      {"{need: x, i32: 3000000000}",
       {"spec.i32: Invalid value: 3000000000: spec.i32 in body must be of type int32: "
        "3000000000"}},
      {"{need: x, ratio: 0}",
       {"spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0"}},
      {"{need: x, ratio: 0.7}",
       {"spec.ratio: Invalid value: 0.7: spec.ratio in body should be a multiple of 0.5"}},
      {"{need: x, kind: C}",
       {"spec.kind: Unsupported value: \"C\": supported values: \"A\", \"B\""}},
      {"{need: x, name: a}",
       {"spec.name: Invalid value: \"a\": spec.name in body should be at least 2 chars long"}},
      {"{need: x, name: abcd}", {"spec.name: Too long: may not be longer than 3"}},
      {"{need: x, name: äöü}", {}},
      {"{need: x, list: []}",
       {"spec.list: Invalid value: []: spec.list in body should have at least 1 items"}},
      {"{need: x, list: [a, b, c]}", {"spec.list: Too many: 3: must have at most 2 items"}},
      {"{need: x, set: [a, b, a]}", {"spec.set[2]: Duplicate value: \"a\""}},
      {"{need: x, map: [{name: a}, {name: a}]}",
       {"spec.map[1]: Duplicate value: {\"name\":\"a\"}"}},
      {"{need: x, port: http}", {}},
      {"{need: x, port: 80}", {}},
      {"{need: x, port: true}",
       {"spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: "
        "\"boolean\""}},
      {"{need: x, when: 'today'}",
       {"spec.when: Invalid value: \"today\": spec.when in body must be of type date-time: "
        "\"today\""}},
      {"{need: x, labels: {a: b, c: d}}",
       {"spec.labels: Invalid value: {\"a\":\"b\",\"c\":\"d\"}: spec.labels in body should have at "
        "most 1 properties"}},
      {"{need: x, labels: {a: 1}}",
       {"spec.labels.a: Invalid value: \"integer\": spec.labels.a in body must be of type string: "
        "\"integer\""}},
      {"{need: x, any: 5}",
       {"spec.any: Invalid value: 5: \"spec.any\" must validate at least one schema (anyOf)"}},
      {"{need: x, any: 1}", {}},
      {"{need: x, not: bad}",
       {"spec.not: Invalid value: \"bad\": \"spec.not\" must not validate the schema (not)"}},
      {"{need: x, maybe: null}", {}},
  };
  for (const Case& c : cases) {
    const json::Value object = json::Object({{"spec", Y(c.spec)}});
    EXPECT_EQ(Texts(ValidateSchema(*schema, object)), c.errors) << c.spec;
  }
}

TEST(SchemaValidate, AWildPatternTakesLinearTime) {
  const SchemaPtr schema =
      Compile("{type: object, properties: {a: {type: string, pattern: '^(a+)+$'}}}");
  json::Value value = json::Object({{"a", std::string(100'000, 'a') + "b"}});
  EXPECT_EQ(ValidateSchema(*schema, value).size(), 1u);
}

TEST(SchemaValidate, StopsAfterAHundredErrors) {
  const SchemaPtr schema =
      Compile("{type: object, properties: {a: {type: array, items: {type: string}}}}");
  json::Value list = json::Array({});
  for (int i = 0; i < 5000; ++i) list.Push(i);
  EXPECT_EQ(ValidateSchema(*schema, json::Object({{"a", list}})).size(), 100u);
}

// Of the object after a change of `before`, by a schema that is stricter than both.
Lines WrongAnew(const char* before, const char* after) {
  static const SchemaPtr schema = Compile(R"(
type: object
required: [spec]
properties:
  metadata: {type: object, properties: {labels: {type: object, additionalProperties: {type: string}}}}
  status: {type: object, properties: {n: {type: integer, maximum: 9}}}
  spec:
    type: object
    required: [must]
    properties:
      watts: {type: integer, maximum: 100}
      must: {type: string}
      color: {type: string, enum: [red]}
      box: {type: object, required: [k], properties: {k: {type: string, maxLength: 1}, o: {type: string}}}
      map: {type: object, additionalProperties: {type: string, pattern: '^a'}}
      list: {type: array, items: {type: string, maxLength: 1}}
      parts:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [id]
        items:
          type: object
          required: [id]
          properties: {id: {type: integer}, n: {type: integer, maximum: 9}, s: {type: string}}
)");
  return Texts(ValidateSchemaUpdate(*schema, Y(after), Y(before)));
}

TEST(Schema, AChangeIsNotToBlameForWhatWasWrongBefore) {
  struct Case {
    const char* before;
    const char* after;
    size_t wrong;
  };
  const Case cases[] = {
      // An unchanged value beside a changed one.
      {"{spec: {must: x, watts: 500}}", "{spec: {must: z, watts: 500}}", 0},
      {"{spec: {must: x, watts: 500}}", "{spec: {must: x, watts: 501}}", 1},
      {"{spec: {must: x, watts: 50}}", "{spec: {must: x, watts: 500}}", 1},
      {"{spec: {must: x, watts: 500}}", "{spec: {must: x, watts: 50}}", 0},
      {"{spec: {must: x, color: blue}}", "{spec: {must: z, color: blue}}", 0},
      {"{spec: {must: x, map: {k: b}}}", "{spec: {must: x, map: {k: b, l: a}}}", 0},
      {"{spec: {must: x, map: {k: b}}}", "{spec: {must: x, map: {l: b}}}", 1},
      // What a changed object lacks is its own fault.
      {"{spec: {must: x, box: {}}}", "{spec: {must: z, box: {}}}", 0},
      {"{spec: {must: x, box: {}}}", "{spec: {must: x, box: {o: a}}}", 1},
      {"{spec: {watts: 1}}", "{spec: {watts: 2}}", 1},
      // Items are known by their keys, and not at all without.
      {"{spec: {must: x, parts: [{id: 1, n: 50}, {id: 2}]}}",
       "{spec: {must: x, parts: [{id: 2, s: a}, {id: 1, n: 50, s: b}]}}", 0},
      {"{spec: {must: x, parts: [{id: 1, n: 50}]}}", "{spec: {must: x, parts: [{id: 1, n: 51}]}}",
       1},
      {"{spec: {must: x, parts: [{id: 1, n: 50}]}}", "{spec: {must: x, parts: [{id: 2, n: 50}]}}",
       1},
      {"{spec: {must: x, list: [long]}}", "{spec: {must: z, list: [long]}}", 0},
      {"{spec: {must: x, list: [long]}}", "{spec: {must: x, list: [long, b]}}", 1},
      // Metadata and status stand for themselves.
      {"{spec: {watts: 1}}", "{spec: {watts: 1}, metadata: {labels: {a: b}}}", 0},
      {"{}", "{metadata: {labels: {a: b}}, status: {n: 3}}", 0},
      {"{}", "{status: {n: 10}}", 1},
      {"{status: {n: 10}}", "{status: {n: 10}, metadata: {labels: {a: b}}}", 0},
      {"{}", "{metadata: {labels: {a: 1}}}", 1},
      {"{}", "{spec: {}}", 1},
  };
  for (const Case& one : cases)
    EXPECT_EQ(WrongAnew(one.before, one.after).size(), one.wrong)
        << one.before << " -> " << one.after;
}

TEST(Schema, KnowsWhetherADefaultIsMissing) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  plain: {type: object, properties: {x: {type: string}}}
  a: {type: object, properties: {b: {type: integer, default: 9}, c: {type: string}}}
  list: {type: array, items: {type: object, properties: {d: {type: boolean, default: true}}}}
  map: {type: object, additionalProperties: {type: object, properties: {e: {type: integer, default: 1}}}}
)");
  for (const char* whole :
       {"{}", "{plain: {}}", "{a: {b: 1}}", "{list: [{d: false}]}", "{list: []}", "{map: {}}",
        "{map: {k: {e: 2}}}", "{a: 7}", "{list: x}", "[]"})
    EXPECT_FALSE(LacksDefaults(*schema, Y(whole))) << whole;
  for (const char* lacking : {"{a: {}}", "{a: {b: null}}", "{a: {c: x}}", "{list: [{d: true}, {}]}",
                              "{map: {k: {e: 1}, l: {}}}"})
    EXPECT_TRUE(LacksDefaults(*schema, Y(lacking))) << lacking;
  EXPECT_FALSE(LacksDefaults(*Compile("{type: object, properties: {a: {type: string}}}"), Y("{}")));
}

TEST(Schema, LooksForNoDefaultsInWhatGivesNone) {
  const SchemaPtr schema = Compile(R"(
type: object
properties:
  any:
    x-kubernetes-preserve-unknown-fields: true
    properties: {a: {type: integer, default: 9}}
  either:
    x-kubernetes-int-or-string: true
    properties: {a: {type: integer, default: 9}}
  text: {type: string, properties: {a: {type: integer, default: 9}}}
  list:
    type: array
    items:
      x-kubernetes-preserve-unknown-fields: true
      properties: {a: {type: object, properties: {b: {type: integer, default: 9}}}}
)");
  for (const char* stored :
       {"{any: {z: {y: 1}}}", "{any: {a: 1}}", "{any: [{}]}", "{either: {z: 1}}", "{text: {z: 1}}",
        "{text: [1]}", "{list: [{z: 1}, {a: {}}]}"}) {
    EXPECT_FALSE(LacksDefaults(*schema, Y(stored))) << stored;
    EXPECT_EQ(Defaulted(*schema, stored), Y(stored));
  }
}

}  // namespace
}  // namespace leat::api
