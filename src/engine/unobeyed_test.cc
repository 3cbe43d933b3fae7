#include "engine/unobeyed.h"

#include <gtest/gtest.h>

#include "json/value.h"

namespace leat::engine {
namespace {

std::vector<std::string> Unobeyed(const std::string& request) {
  const auto parsed = json::Parse(request);
  EXPECT_TRUE(parsed);
  return parsed ? UnobeyedMembers(*parsed) : std::vector<std::string>{"no JSON"};
}

TEST(Unobeyed, WhatIsObeyedOrAsksForNothingIsNotTold) {
  EXPECT_TRUE(Unobeyed(R"({
    "TrainingJobName": "a", "RoleArn": "r", "HyperParameters": {"VpcConfig": "1"},
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File",
                               "MetricDefinitions": [{"Name": "n", "Regex": "r"}]},
    "InputDataConfig": [{"ChannelName": "c", "ContentType": "t", "CompressionType": "None",
                         "DataSource": {"S3DataSource": {"S3Uri": "s3://b/k"}}}],
    "OutputDataConfig": {"S3OutputPath": "s3://b/o", "KmsKeyId": "", "CompressionType": "GZIP"},
    "ResourceConfig": {"InstanceType": "t", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 1}, "VpcConfig": null,
    "EnableInterContainerTrafficEncryption": false, "DebugRuleConfigurations": [],
    "ProfilerConfig": {"DisableProfiler": true}})")
                  .empty());
}

TEST(Unobeyed, WhatIsNotObeyedIsNamedOnce) {
  EXPECT_EQ(Unobeyed(R"({
    "OutputDataConfig": {"S3OutputPath": "s3://b/o", "KmsKeyId": "k", "CompressionType": "NONE"},
    "ResourceConfig": {"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60},
    "InputDataConfig": [{"ChannelName": "a", "ShuffleConfig": {"Seed": 0}},
                        {"ChannelName": "b", "ShuffleConfig": {"Seed": 1}}],
    "VpcConfig": {"Subnets": ["s"]}, "EnableInterContainerTrafficEncryption": true,
    "ProfilerConfig": {"S3OutputPath": "s3://b/p"}, "SomethingNew": 1})"),
            (std::vector<std::string>{
                "EnableInterContainerTrafficEncryption", "InputDataConfig.ShuffleConfig",
                "OutputDataConfig.CompressionType", "OutputDataConfig.KmsKeyId", "ProfilerConfig",
                "ResourceConfig.KeepAlivePeriodInSeconds", "SomethingNew", "VpcConfig"}));
}

}  // namespace
}  // namespace leat::engine
