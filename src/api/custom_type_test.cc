#include "api/custom_type.h"

#include <gtest/gtest.h>

#include "api/testing/objects.h"
#include "api/validation.h"

namespace leat::api {
namespace {

const TypePtr& CrdType() {
  static const TypePtr type =
      TypeTable().FindKind("apiextensions.k8s.io", "CustomResourceDefinition");
  return type;
}

// As the API server takes one in: pruned, defaulted, converted to what is stored.
json::Value Stored(json::Value crd) {
  const TypeVersion* version =
      CrdType()->FindVersion(crd["apiVersion"].AsString().ends_with("v1") ? "v1" : "v1beta1");
  EXPECT_EQ(Prune(*version->schema, crd), Lines{});
  ApplyDefaults(*version->schema, crd);
  Result<json::Value> stored = Convert(*CrdType(), std::move(crd), "v1");
  EXPECT_TRUE(stored.has_value());
  DefaultObject(*CrdType(), CrdType()->StorageVersion(), *stored);
  return *stored;
}

// As the SageMaker operators' installer writes them.
constexpr std::string_view kInstaller = R"(
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: trainingjobs.sagemaker.aws.amazon.com}
spec:
  group: sagemaker.aws.amazon.com
  names: {kind: TrainingJob, listKind: TrainingJobList, plural: trainingjobs, singular: trainingjob}
  scope: Namespaced
  subresources: {status: {}}
  additionalPrinterColumns:
  - {JSONPath: .status.trainingJobStatus, name: Status, type: string}
  - {JSONPath: .metadata.creationTimestamp, name: Creation-Time, type: string, format: date}
  validation:
    openAPIV3Schema:
      description: TrainingJob is the Schema for the trainingjobs API
      properties:
        apiVersion: {type: string}
        kind: {type: string}
        metadata: {type: object}
        spec:
          properties:
            region: {type: string, minLength: 1}
            tags: {items: {properties: {key: {type: string}}, required: [key], type: object}, type: array}
          required: [region]
          type: object
        status: {properties: {trainingJobStatus: {type: string}}, type: object}
      type: object
  version: v1
  versions:
  - {name: v1, served: true, storage: true}
)";

TEST(Definitions, TheInstallersOldFormBecomesARow) {
  const json::Value stored = Stored(Y(kInstaller));
  EXPECT_EQ(Texts(ValidateObject(*CrdType(), CrdType()->StorageVersion(), stored, nullptr)),
            Lines{});
  const Result<Type> type = TypeOfDefinition(stored);
  ASSERT_TRUE(type.has_value()) << type.error().message;
  ASSERT_EQ(type->versions.size(), 1u);
  const TypeVersion& version = type->versions[0];
  EXPECT_TRUE(version.status_subresource);
  ASSERT_EQ(version.columns.size(), 2u);
  EXPECT_EQ(version.columns[0].json_path, ".status.trainingJobStatus");
  EXPECT_TRUE(version.columns[0].path);
  EXPECT_EQ(Texts(ValidateSchema(*version.schema, Y("{spec: {tags: [{}]}}"))),
            (Lines{"spec.region: Required value", "spec.tags[0].key: Required value"}));
}

TEST(Definitions, OldFormPreservesUnknownFieldsUnlessItSaysNo) {
  json::Value crd = Y(kInstaller);
  json::Value object = Y("{spec: {region: x, extra: 1}}");
  EXPECT_EQ(Prune(*TypeOfDefinition(Stored(crd))->versions[0].schema, object), Lines{});
  crd.Mut("spec").Set("preserveUnknownFields", false);
  EXPECT_EQ(Prune(*TypeOfDefinition(Stored(crd))->versions[0].schema, object), Lines{"spec.extra"});
}

TEST(Definitions, ConversionThereAndBackLosesNothing) {
  const char* cases[] = {// One version, everything at the top.
                         R"(
apiVersion: apiextensions.k8s.io/v1beta1
spec:
  group: g.io
  version: v1
  validation: {openAPIV3Schema: {type: object}}
  subresources: {status: {}}
  additionalPrinterColumns: [{name: A, type: string, JSONPath: .a}]
  versions: [{name: v1, served: true, storage: true}]
  conversion: {strategy: None}
  preserveUnknownFields: true
)",
                         // Several versions that differ.
                         R"(
apiVersion: apiextensions.k8s.io/v1beta1
spec:
  group: g.io
  version: v2
  versions:
  - {name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, description: two}},
     additionalPrinterColumns: [{name: A, type: string, JSONPath: .a}]}
  - {name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}, subresources: {status: {}}}
  preserveUnknownFields: false
)",
                         // A webhook.
                         R"(
apiVersion: apiextensions.k8s.io/v1beta1
spec:
  group: g.io
  version: v1
  validation: {openAPIV3Schema: {type: object}}
  versions: [{name: v1, served: true, storage: true}, {name: v0, served: true, storage: false}]
  conversion:
    strategy: Webhook
    webhookClientConfig: {service: {namespace: a, name: b}}
    conversionReviewVersions: [v1beta1]
  preserveUnknownFields: false
)"};
  for (const char* text : cases) {
    const json::Value old_form = Y(text);
    const Result<json::Value> stored = Convert(*CrdType(), old_form, "v1");
    ASSERT_TRUE(stored.has_value());
    EXPECT_FALSE((*stored)["spec"].Has("validation"));
    EXPECT_FALSE((*stored)["spec"].Has("version"));
    const Result<json::Value> back = Convert(*CrdType(), *stored, "v1beta1");
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, old_form);
    EXPECT_EQ(*Convert(*CrdType(), *back, "v1"), *stored);
  }
}

TEST(Definitions, TheNewFormShowsItsColumnsInTheOldSpelling) {
  const json::Value crd = Y(R"(
apiVersion: apiextensions.k8s.io/v1
spec:
  group: g.io
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}},
     additionalPrinterColumns: [{name: A, type: string, jsonPath: .a}]}
)");
  const json::Value old_form = *Convert(*CrdType(), crd, "v1beta1");
  EXPECT_EQ(old_form["spec"]["additionalPrinterColumns"],
            Y("[{name: A, type: string, JSONPath: .a}]"));
  EXPECT_EQ(old_form["spec"]["version"].AsString(), "v1");
  EXPECT_EQ(old_form["spec"]["preserveUnknownFields"], json::Value(false));
  EXPECT_EQ(*Convert(*CrdType(), old_form, "v1"), crd);
}

TEST(Definitions, OtherTypesOnlyChangeTheirVersion) {
  Type type{.group = "g.io", .kind = "Thing"};
  type.versions = {{.name = "v1"}, {.name = "v2"}};
  EXPECT_EQ(*Convert(type, Y("{apiVersion: g.io/v1, spec: {a: 1}}"), "v2"),
            Y("{apiVersion: g.io/v2, spec: {a: 1}}"));
  EXPECT_FALSE(Convert(type, Y("{apiVersion: g.io/v1}"), "v3").has_value());
  EXPECT_FALSE(Convert(type, Y("{apiVersion: other/v1}"), "v2").has_value());
}

TEST(Definitions, ASchemaThatDoesNotCompileNamesItsVersion) {
  json::Value crd = Stored(Y(kInstaller));
  json::Value& version = crd.Mut("spec").Mut("versions").MutItems()[0];
  version.Set("schema", Y("{openAPIV3Schema: {type: object, properties: {a: {type: nothing}}}}"));
  const Result<Type> type = TypeOfDefinition(crd);
  ASSERT_FALSE(type.has_value());
  EXPECT_TRUE(type.error().message.starts_with("version v1: properties[a].type"))
      << type.error().message;
}

}  // namespace
}  // namespace leat::api
