#include "awsserver/testing/service_fixture.h"

#include "awsserver/awsserver.h"
#include "io/testing/source_tree.h"
#include "json/yaml.h"

namespace leat::awsserver {
namespace {

// The definition that Leat ships.
json::Value TrainingRunDefinition() {
  const auto text = io::ReadFile(io::FindInTree("crds/trainingruns.yaml"));
  EXPECT_TRUE(text) << text.error().message;
  return text ? json::ParseYaml(*text)->front() : json::Value();
}

}  // namespace

json::Value Parsed(std::string_view text) {
  auto parsed = json::Parse(text);
  EXPECT_TRUE(parsed) << parsed.error().message << ": " << text;
  return parsed ? *parsed : json::Value();
}

Answer<json::Value> ServiceCaller::Try(std::string_view operation, const json::Value& input) {
  const Principal root{.access_key_id = "AKIAROOT", .is_root = true, .policy = {}};
  return service_.Handle(operation, input,
                         {.principal = root, .region = region, .request_id = "r", .stop = {}});
}

json::Value ServiceCaller::Call(std::string_view operation, const json::Value& input) {
  auto answer = Try(operation, input);
  EXPECT_TRUE(answer) << operation << ": " << answer.error().type << ": " << answer.error().message;
  return answer ? *answer : json::Value();
}

std::string ServiceCaller::Refusal(std::string_view operation, const json::Value& input) {
  auto answer = Try(operation, input);
  EXPECT_FALSE(answer) << operation << " answered " << json::Print(*answer);
  return answer ? "" : answer.error().type + ": " + answer.error().message;
}

SageMakerTest::SageMakerTest() : service_(MakeService()), sagemaker_(*service_) {}

std::unique_ptr<JsonService> SageMakerTest::MakeService() {
  StartCluster();
  return MakeSageMakerService(cluster_->client(),
                              [](const std::string& bucket) { return bucket != "absent"; });
}

void SageMakerTest::StartCluster() {
  auto store = store::Store::Open({.path = dir_.path() + "/objects.db"}, clock_);
  ASSERT_TRUE(store) << store.error().message;
  store_ = std::move(*store);
  auto cluster = apiserver::ApiServer::Start({.access = {}}, *store_, clock_);
  ASSERT_TRUE(cluster) << cluster.error().message;
  cluster_ = std::move(*cluster);
  auto space = cluster_->client().Create(
      api::gvr::kNamespaces,
      json::Object({{"metadata", json::Object({{"name", kEngineNamespace}})}}));
  ASSERT_TRUE(space) << space.error().message;
  auto type =
      cluster_->client().Create(api::gvr::kCustomResourceDefinitions, TrainingRunDefinition());
  ASSERT_TRUE(type) << type.error().message;
}

json::Value SageMakerTest::Request(const std::string& name) {
  json::Value request = Parsed(R"({
    "RoleArn": "arn:aws:iam::000000000000:role/training",
    "AlgorithmSpecification": {"TrainingImage": "leat.dev/xgboost", "TrainingInputMode": "File"},
    "HyperParameters": {"num_round": "10"},
    "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource":
      {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}}}],
    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 600}})");
  return request.Set("TrainingJobName", name);
}

json::Value SageMakerTest::Run(const std::string& object_name) {
  auto run = cluster_->client().Get(api::gvr::kTrainingRuns, {kEngineNamespace, object_name});
  EXPECT_TRUE(run) << run.error().message;
  return run ? *run : json::Value();
}

void SageMakerTest::SetStatus(const std::string& object_name, json::Value status) {
  auto run = Run(object_name);
  auto updated = cluster_->client().UpdateStatus(api::gvr::kTrainingRuns,
                                                 run.Set("status", std::move(status)));
  EXPECT_TRUE(updated) << updated.error().message;
}

}  // namespace leat::awsserver
