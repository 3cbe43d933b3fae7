#include "sagemaker/request.h"

#include <gtest/gtest.h>

#include "json/yaml.h"

namespace leat::sagemaker {
namespace {

json::Value Yaml(std::string_view text) { return json::ParseYaml(text)->front(); }

TEST(CreateTrainingJobRequest, SpeaksSageMakersWords) {
  const json::Value request = CreateTrainingJobRequest(Yaml(R"(
roleArn: arn:aws:iam::123456789012:role/r
region: us-east-1
sageMakerEndpoint: http://127.0.0.1:9000
algorithmSpecification: {trainingImage: i, trainingInputMode: File}
inputDataConfig:
- channelName: train
  dataSource: {s3DataSource: {s3DataType: S3Prefix, s3Uri: s3://b/p}}
outputDataConfig: {s3OutputPath: s3://b/o/, kmsKeyId: k}
hyperParameters: [{name: max_depth, value: "5"}, {name: eta, value: "0.2"}]
tags: [{key: a, value: b}]
)"),
                                                       "job-1");
  EXPECT_EQ(json::Print(request), json::Print(Yaml(R"(
TrainingJobName: job-1
RoleArn: arn:aws:iam::123456789012:role/r
AlgorithmSpecification: {TrainingImage: i, TrainingInputMode: File}
InputDataConfig:
- ChannelName: train
  DataSource: {S3DataSource: {S3DataType: S3Prefix, S3Uri: s3://b/p}}
OutputDataConfig: {S3OutputPath: s3://b/o/, KmsKeyId: k}
HyperParameters: {max_depth: "5", eta: "0.2"}
Tags: [{Key: a, Value: b}]
)")));
}

TEST(GeneratedJobName, KeepsTheWholeUid) {
  const std::string uid = "f52d88dd-4234-11ea-a127-0a350733ba06";
  EXPECT_EQ(GeneratedJobName("xgboost-mnist", uid),
            "xgboost-mnist-f52d88dd423411eaa1270a350733ba06");
  const std::string cut = GeneratedJobName(std::string(80, 'x'), uid);
  EXPECT_EQ(cut.size(), 63u);
  EXPECT_TRUE(cut.ends_with("-f52d88dd423411eaa1270a350733ba06"));
  EXPECT_EQ(GeneratedJobName("a.b", "u"), "a-b-u");
}

TEST(Describes, AllowsWhatSageMakerAddsAndNothingElse) {
  const json::Value request = Yaml("{A: 1, L: [{X: a}], Tags: [{Key: k, Value: v}]}");
  EXPECT_TRUE(Describes(Yaml("{A: 1, L: [{X: a, Y: default}], B: 2}"), request));
  EXPECT_FALSE(Describes(Yaml("{A: 2, L: [{X: a}]}"), request));
  EXPECT_FALSE(Describes(Yaml("{A: 1, L: []}"), request));
}

TEST(StatusOf, ClearsTheSecondaryStatusWhileStopping) {
  const json::Value stopping =
      StatusOf(Yaml("{TrainingJobName: n, TrainingJobStatus: Stopping, SecondaryStatus: Training}"),
               "r", "");
  EXPECT_FALSE(stopping.Has("secondaryStatus"));
  const json::Value completed = StatusOf(Yaml(R"(
TrainingJobName: n
TrainingJobStatus: Completed
SecondaryStatus: Completed
ModelArtifacts: {S3ModelArtifacts: s3://b/o/n/output/model.tar.gz}
)"),
                                         "us-east-1", "http://127.0.0.1:9000");
  EXPECT_EQ(completed["modelPath"].AsString(), "s3://b/o/n/output/model.tar.gz");
  EXPECT_EQ(completed["secondaryStatus"].AsString(), "Completed");
}

TEST(LogUrl, IsTheConsoleOnlyForAwsItself) {
  const std::string stream =
      "#logStream:group=/aws/sagemaker/TrainingJobs;prefix=job-1;streamFilter=typeLogStreamPrefix";
  const std::string console =
      "https://us-west-2.console.aws.amazon.com/cloudwatch/home?region=us-west-2" + stream;
  for (const char* endpoint : {"", "https://api.sagemaker.us-west-2.amazonaws.com",
                               "https://api.sagemaker.us-west-2.amazonaws.com/",
                               "https://vpce-1.api.sagemaker.us-west-2.vpce.amazonaws.com"})
    EXPECT_EQ(LogUrl("job-1", "us-west-2", endpoint), console) << endpoint;
  EXPECT_EQ(LogUrl("job-1", "us-west-2", "http://127.0.0.1:9000"),
            "http://127.0.0.1:9000/" + stream);
  EXPECT_EQ(LogUrl("job-1", "us-west-2", "https://leat.example.com/"),
            "https://leat.example.com/" + stream);
  EXPECT_EQ(LogUrl("job-1", "us-west-2", "http://amazonaws.com.example.com"),
            "http://amazonaws.com.example.com/" + stream);
}

}  // namespace
}  // namespace leat::sagemaker
