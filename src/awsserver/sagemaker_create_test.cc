#include "awsserver/sagemaker_shapes.h"
#include "awsserver/testing/service_fixture.h"

namespace leat::awsserver {
namespace {

using CreateTrainingJobTest = SageMakerTest;

TEST_F(CreateTrainingJobTest, MakesARunThatHoldsTheRequest) {
  json::Value request = Request("XGBoost-1");
  request.Set("VpcConfig", nullptr);
  const auto answer = sagemaker_.Call("CreateTrainingJob", request);
  EXPECT_EQ(answer["TrainingJobArn"].AsString(),
            "arn:aws:sagemaker:us-east-1:000000000000:training-job/XGBoost-1");
  const auto runs = cluster_->client().List(api::gvr::kTrainingRuns, {});
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->items.size(), 1u);
  const json::Value& spec = runs->items[0]["spec"];
  EXPECT_EQ(api::NameOf(runs->items[0]).name.substr(0, 10), "xgboost-1-");
  EXPECT_EQ(spec["trainingJobName"].AsString(), "XGBoost-1");
  EXPECT_EQ(spec["trainingJobArn"], answer["TrainingJobArn"]);
  EXPECT_EQ(spec["region"].AsString(), "us-east-1");
  EXPECT_EQ(spec["job"], Request("XGBoost-1"));  // the null is gone
}

TEST_F(CreateTrainingJobTest, ANameIsTakenOnce) {
  const std::string arn = Create("job");
  const std::string taken =
      "ResourceInUse: Training job names must be unique within an AWS account and region, and a "
      "training job with this name already exists (" +
      arn + ")";
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", Request("job")), taken);
}

TEST_F(CreateTrainingJobTest, RegionsHaveNamesOfTheirOwn) {
  Create("job");
  sagemaker_.region = "eu-west-1";
  EXPECT_EQ(Create("job"), "arn:aws:sagemaker:eu-west-1:000000000000:training-job/job");
  EXPECT_EQ(Describe("job")["TrainingJobArn"].AsString(),
            "arn:aws:sagemaker:eu-west-1:000000000000:training-job/job");
  EXPECT_TRUE(sagemaker_.Refusal("CreateTrainingJob", Request("job")).starts_with("ResourceInUse"));
}

TEST_F(CreateTrainingJobTest, BucketsMustBeThere) {
  json::Value request = Request("job");
  request.Mut("OutputDataConfig").Set("S3OutputPath", "s3://absent/out");
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", request),
            "ValidationException: The S3 bucket absent of OutputDataConfig.S3OutputPath "
            "(s3://absent/out) does not exist: create it, or correct the address");
  request = Request("job");
  request.Mut("InputDataConfig")
      .MutItems()[0]
      .Mut("DataSource")
      .Mut("S3DataSource")
      .Set("S3Uri", "s3://absent/train");
  EXPECT_TRUE(sagemaker_.Refusal("CreateTrainingJob", request)
                  .starts_with("ValidationException: The S3 bucket absent of channel train "));
}

TEST_F(CreateTrainingJobTest, AllBrokenConstraintsAreToldAtOnce) {
  json::Value request = Request("my_job");
  request.Erase("RoleArn");
  request.Mut("ResourceConfig").Set("InstanceCount", 0);
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", request),
            "ValidationException: 3 validation errors detected: Value 'my_job' at "
            "'trainingJobName' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}; Value null at 'roleArn' failed "
            "to satisfy constraint: Member must not be null; Value '0' at "
            "'resourceConfig.instanceCount' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1");
}

// Sets request[path...] to `value`, and expects a refusal that contains `text`.
struct WrongMember {
  std::vector<std::string> path;
  json::Value value;
  std::string text;
};

class WrongRequestTest : public SageMakerTest, public ::testing::WithParamInterface<int> {};

const WrongMember kWrong[] = {
    {{"RoleArn"}, "arn:aws:iam::1:role/too-short-account", "at 'roleArn'"},
    {{"RoleArn"}, "x", "Member must have length greater than or equal to 20"},
    {{"AlgorithmSpecification", "TrainingInputMode"},
     "Copy",
     "at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: Member must "
     "satisfy enum value set: [Pipe, File, FastFile]"},
    {{"AlgorithmSpecification", "TrainingImage"}, "", "You must specify TrainingImage"},
    {{"AlgorithmSpecification", "AlgorithmName"}, "a", "both AlgorithmName and TrainingImage"},
    {{"AlgorithmSpecification", "AlgorithmName"},
     "a-",
     "at 'algorithmSpecification.algorithmName'"},
    {{"OutputDataConfig", "S3OutputPath"},
     "/out",
     "Value '/out' at 'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member must "
     "satisfy regular expression pattern: (https|s3)://([^/]+)/?(.*)"},
    {{"ResourceConfig", "InstanceType"},
     "ml.m5.huge",
     "Value 'ml.m5.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: Member "
     "must satisfy enum value set: [ml.m4.xlarge, "},
    {{"ResourceConfig", "InstanceCount"}, "1", "SerializationException: STRING_VALUE"},
    {{"ResourceConfig", "InstanceGroups"}, json::Array({1}), "InstanceGroups is not supported"},
    {{"ServerlessJobConfig"}, json::Object(), "ServerlessJobConfig is not supported"},
    {{"StoppingCondition", "MaxRuntimeInSeconds"}, 0, "greater than or equal to 1"},
    {{"StoppingCondition", "MaxWaitTimeInSeconds"}, 700, "EnableManagedSpotTraining is true"},
    {{"EnableManagedSpotTraining"}, true, "It must be present and be greater than or equal to"},
    {{"HyperParameters", "k"},
     std::string(2501, 'x'),
     "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: "
     "[Member must have length less than or equal to 2500, "},
    {{"Environment"}, json::Object({{"1A", "x"}}), "Map keys must satisfy constraint"},
    {{"InputDataConfig"}, json::Array(), "Value '[]' at 'inputDataConfig'"},
    {{"VpcConfig"},
     json::Object({{"Subnets", json::Array({"a b"})}}),
     "Value null at 'vpcConfig.securityGroupIds'"},
    {{"Tags"},
     json::Array({json::Object({{"Key", "a!"}, {"Value", ""}})}),
     "at 'tags.1.member.key'"},
    {{"Tags"},
     json::Array({json::Object({{"Key", "a"}, {"Value", ""}}),
                  json::Object({{"Key", "a"}, {"Value", "b"}})}),
     "Tag keys must be unique: a is given more than once"},
    {{"HyperParameters"}, json::Array(), "SerializationException: Start of list found"},
};

TEST_P(WrongRequestTest, IsRefusedInAwssWords) {
  const WrongMember& wrong = kWrong[GetParam()];
  json::Value request = Request("job");
  json::Value* at = &request;
  for (const std::string& key : wrong.path) at = &at->Mut(key);
  *at = wrong.value;
  const std::string refusal = sagemaker_.Refusal("CreateTrainingJob", request);
  EXPECT_NE(refusal.find(wrong.text), std::string::npos) << refusal;
}

INSTANTIATE_TEST_SUITE_P(Member, WrongRequestTest, ::testing::Range(0, int{std::size(kWrong)}));

TEST_F(CreateTrainingJobTest, ChannelsAreDistinctAndHaveOneSource) {
  json::Value twice = Request("job");
  twice.Mut("InputDataConfig").Push(json::Value(twice["InputDataConfig"][0]));
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", twice),
            "ValidationException: Channel names must be unique within InputDataConfig: train is "
            "given more than once");
  json::Value none = Request("job");
  none.Mut("InputDataConfig").MutItems()[0].Set("DataSource", json::Object());
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", none),
            "ValidationException: Channel train must have one data source: either S3DataSource or "
            "FileSystemDataSource");
}

TEST_F(CreateTrainingJobTest, FastFileTakesWholePrefixesOnly) {
  json::Value request = Request("job");
  request.Mut("AlgorithmSpecification").Set("TrainingInputMode", "FastFile");
  json::Value& channel = request.Mut("InputDataConfig").MutItems()[0];
  channel.Mut("DataSource").Mut("S3DataSource").Set("S3DataDistributionType", "ShardedByS3Key");
  EXPECT_EQ(sagemaker_.Refusal("CreateTrainingJob", request),
            "ValidationException: Channel train: S3DataDistributionType ShardedByS3Key is not "
            "supported yet with FastFile; use File");
  channel.Set("InputMode", "File");
  EXPECT_TRUE(sagemaker_.Try("CreateTrainingJob", request));
}

TEST_F(CreateTrainingJobTest, WithoutTheEngineItCanBeTriedAgain) {
  ASSERT_TRUE(cluster_->client().Delete(api::gvr::kCustomResourceDefinitions,
                                        {"", "trainingruns.leat.dev"}));
  const auto answer = sagemaker_.Try("CreateTrainingJob", Request("job"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type, "ServiceUnavailable");
  EXPECT_EQ(answer.error().http_status, 503);
}

TEST_F(CreateTrainingJobTest, OtherOperationsAreUnknown) {
  EXPECT_EQ(sagemaker_.Refusal("CreateEndpoint", json::Object()),
            "UnknownOperationException: Leat does not implement sagemaker:CreateEndpoint");
}

}  // namespace
}  // namespace leat::awsserver
