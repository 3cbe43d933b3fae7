#include "apiserver/content.h"

#include <gtest/gtest.h>

namespace leat::apiserver {
namespace {

TEST(ContentTest, KubectlGetPrefersTables) {
  const auto forms = AcceptedForms(
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s."
      "io,application/json");
  ASSERT_EQ(forms.size(), 3u);
  EXPECT_EQ(forms[0], (Accepted{Form::kTable, "v1"}));
  EXPECT_EQ(forms[1], (Accepted{Form::kTable, "v1beta1"}));
  EXPECT_EQ(forms[2], (Accepted{Form::kObject, "v1"}));
}

TEST(ContentTest, UnknownFormsAreSkipped) {
  const auto forms =
      AcceptedForms("application/vnd.kubernetes.protobuf, application/json;as=Graph;v=v1;g=x, */*");
  ASSERT_EQ(forms.size(), 1u);
  EXPECT_EQ(forms[0].form, Form::kObject);
  EXPECT_TRUE(AcceptedForms("application/vnd.kubernetes.protobuf").empty());
}

TEST(ContentTest, QualityOrdersForms) {
  const auto forms = AcceptedForms(
      "application/json;q=0.5, application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9, "
      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io;q=0");
  ASSERT_EQ(forms.size(), 2u);
  EXPECT_EQ(forms[0].form, Form::kTable);
}

TEST(ContentTest, YamlAndJsonBodiesReadTheSame) {
  auto json = DecodeBody("application/json; charset=utf-8", R"({"a":{"b":1}})");
  auto yaml = DecodeBody("application/yaml", "a:\n  b: 1\n");
  ASSERT_TRUE(json);
  ASSERT_TRUE(yaml);
  EXPECT_EQ(json->value, yaml->value);
}

TEST(ContentTest, DuplicatesAreReported) {
  auto decoded = DecodeBody("", R"({"spec":{"a":1,"a":2}})");
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->duplicates.size(), 1u);
  EXPECT_EQ(decoded->duplicates[0], "spec.a");
}

TEST(ContentTest, ProtobufIsRefusedWithAWayOut) {
  auto decoded = DecodeBody("application/vnd.kubernetes.protobuf", "k8s");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kUnimplemented);
  EXPECT_NE(decoded.error().message.find("kubectl 1.31"), std::string::npos);
}

TEST(ContentTest, MalformedBodiesAreInvalid) {
  EXPECT_EQ(DecodeBody("application/json", "{").error().code, Code::kInvalid);
  EXPECT_EQ(DecodeBody("application/yaml", "a: [").error().code, Code::kInvalid);
  EXPECT_EQ(DecodeBody("application/yaml", "a: 1\n---\nb: 2\n").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace leat::apiserver
