// The operator's state machine, against a SageMaker of the test's own.
#include "sagemaker/training_job.h"

#include <gtest/gtest.h>

#include <map>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "io/testing/source_tree.h"
#include "json/yaml.h"
#include "sagemaker/request.h"
#include "store/store.h"

namespace leat::sagemaker {
namespace {

using reconcile::Outcome;

constexpr std::chrono::milliseconds kPoll{5000};
const api::ObjectName kJob{"default", "xgb"};

// Holds jobs by region and name, and counts what it is asked.
class FakeSageMaker : public SageMakerApi {
 public:
  std::string EndpointOf(const Place& place) const override {
    return place.endpoint.empty() ? "http://default" : place.endpoint;
  }
  Result<json::Value> Call(const Place& place, std::string_view operation, const json::Value& input,
                           const std::stop_token&) override {
    ++calls[std::string(operation)];
    if (auto failing = failures.find(std::string(operation)); failing != failures.end())
      return failing->second;
    const std::string name = input["TrainingJobName"].Str();
    const auto found = jobs.find(place.region + "/" + name);
    if (operation == "CreateTrainingJob") {
      if (found != jobs.end()) return Error{Code::kAlreadyExists, "the name is taken"};
      json::Value job = input;
      job.Set("TrainingJobStatus", "InProgress").Set("SecondaryStatus", "Starting");
      jobs[place.region + "/" + name] = job;
      return json::Object();
    }
    if (found == jobs.end()) return Error{Code::kNotFound, "Requested resource not found."};
    if (operation == "StopTrainingJob") {
      found->second.Set("TrainingJobStatus", "Stopping");
      return json::Object();
    }
    return found->second;
  }

  std::map<std::string, json::Value> jobs;  // by "region/name"
  std::map<std::string, int> calls;
  std::map<std::string, Error> failures;  // by operation
};

class TrainingJobTest : public ::testing::Test {
 protected:
  TrainingJobTest() {
    auto store = store::Store::Open({.path = dir_.path() + "/objects.db"}, clock_);
    store_ = std::move(*store);
    apiserver_ =
        *apiserver::ApiServer::Start({.access = {.bearer_token = "token"}}, *store_, clock_);
    auto text = io::ReadFile(io::FindInTree("crds/trainingjobs.yaml"));
    if (!text) ADD_FAILURE() << text.error().message;
    auto made = client().Create(api::gvr::kCustomResourceDefinitions,
                                json::ParseYaml(text ? *text : "")->front());
    if (!made) ADD_FAILURE() << made.error().message;
    jobs_ = std::make_unique<TrainingJobReconciler>(aws_, client(), clock_, kPoll);
  }

  api::ObjectClient& client() { return apiserver_->client(); }

  void Apply(const std::string& spec_name = "") {
    json::Value job = json::ParseYaml(R"(
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata: {name: xgb, namespace: default}
spec:
  roleArn: arn:aws:iam::123456789012:role/r
  region: us-east-1
  algorithmSpecification: {trainingImage: i, trainingInputMode: File}
  outputDataConfig: {s3OutputPath: s3://b/o/}
  resourceConfig: {instanceCount: 1, instanceType: ml.m4.xlarge, volumeSizeInGB: 1}
  stoppingCondition: {maxRuntimeInSeconds: 60}
)")
                          ->front();
    if (!spec_name.empty()) job.Mut("spec").Set("trainingJobName", spec_name);
    auto made = client().Create(api::gvr::kTrainingJobs, job);
    ASSERT_TRUE(made) << made.error().message;
  }
  json::Value Job() {
    auto job = client().Get(api::gvr::kTrainingJobs, kJob);
    return job ? *job : json::Value();
  }
  std::string State() { return Job()["status"]["trainingJobStatus"].Str(); }
  std::string Said() { return Job()["status"]["additional"].Str(); }
  void Edit(const std::string& patch) {
    auto edited =
        client().Patch(api::gvr::kTrainingJobs, kJob, api::PatchType::kMerge, *json::Parse(patch));
    ASSERT_TRUE(edited) << edited.error().message;
  }
  Outcome Look() {
    auto outcome = jobs_->Reconcile(kJob, {});
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : Outcome{};
  }
  // As often as the changes of the object and the outcomes wake it, and no more.
  void Settle() {
    std::string before;
    for (int i = 0; i < 20; ++i) {
      const Outcome outcome = Look();
      EXPECT_GE(outcome.again_after.value_or(kPoll), kPoll) << "it spins";
      const std::string version = Job()["metadata"]["resourceVersion"].Str();
      if (version == before) return;
      before = version;
    }
    ADD_FAILURE() << "it never settles: " << json::Print(Job());
  }
  // A job that runs at SageMaker under the name it was given.
  void Start(const std::string& name = "job-1") {
    Apply(name);
    Settle();
    ASSERT_EQ(State(), "InProgress") << json::Print(Job());
  }
  // Changes what SageMaker says of a job.
  void Describe(const std::string& key, const std::string& merge) {
    const json::Value changes = *json::Parse(merge);
    for (const json::Member& member : changes.Members())
      aws_.jobs.at(key).Set(member.key, member.value);
  }
  std::vector<std::string> Events() {
    std::vector<std::string> events;
    auto all = client().List(api::gvr::kEvents, {.ns = "default"});
    for (const json::Value& event : all->items)
      events.push_back(event["reason"].Str() + ": " + event["message"].Str());
    return events;
  }
  bool WasTold(const std::string& event) {
    const auto events = Events();
    return std::find(events.begin(), events.end(), event) != events.end();
  }

  io::TempDir dir_;
  FakeClock clock_;
  FakeSageMaker aws_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> apiserver_;
  std::unique_ptr<TrainingJobReconciler> jobs_;
};

TEST_F(TrainingJobTest, BecomesOneJobWithAGeneratedName) {
  Apply();
  Settle();
  const json::Value job = Job();
  const std::string name = job["spec"]["trainingJobName"].Str();
  EXPECT_EQ(name, GeneratedJobName("xgb", job["metadata"]["uid"].Str()));
  EXPECT_EQ(job["status"]["sageMakerTrainingJobName"].AsString(), name);
  EXPECT_EQ(job["status"]["sageMakerRegion"].AsString(), "us-east-1");
  EXPECT_EQ(State(), "InProgress");
  EXPECT_EQ(aws_.jobs.count("us-east-1/" + name), 1u);
  EXPECT_EQ(aws_.calls["CreateTrainingJob"], 1);
  EXPECT_EQ(Look().again_after, kPoll);
}

TEST_F(TrainingJobTest, ACutOffCreationIsTakenUpAndNotRepeated) {
  Apply("job-1");
  while (!Job()["status"].Has("sageMakerTrainingJobName")) Look();
  // The call got through, but its answer did not.
  aws_.jobs["us-east-1/job-1"] = *json::Parse("{}");
  const json::Value request = CreateTrainingJobRequest(Job()["spec"], "job-1");
  for (const json::Member& member : request.Members())
    aws_.jobs["us-east-1/job-1"].Set(member.key, member.value);
  Describe("us-east-1/job-1", R"({"TrainingJobStatus": "InProgress"})");
  Settle();
  EXPECT_EQ(State(), "InProgress");
  EXPECT_EQ(aws_.calls["CreateTrainingJob"], 0);
}

TEST_F(TrainingJobTest, AnEditedNameFailsItAndStartsNoSecondJob) {
  Start();
  Edit(R"({"spec": {"trainingJobName": "job-2"}})");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_TRUE(Said().starts_with("Updates to TrainingJob are not supported")) << Said();
  EXPECT_EQ(aws_.jobs.size(), 1u);
  EXPECT_EQ(Job()["status"]["sageMakerTrainingJobName"].AsString(), "job-1");
  Edit(R"({"spec": {"trainingJobName": "job-1"}})");
  Settle();
  EXPECT_EQ(State(), "InProgress");
}

TEST_F(TrainingJobTest, DeletingAnEditedOneStopsTheJobItMade) {
  Start();
  Edit(R"({"spec": {"trainingJobName": "job-2", "region": "eu-west-1"}})");
  Settle();
  ASSERT_TRUE(client().Delete(api::gvr::kTrainingJobs, kJob));
  Look();
  EXPECT_EQ(aws_.jobs["us-east-1/job-1"]["TrainingJobStatus"].AsString(), "Stopping");
  Look();
  EXPECT_EQ(State(), "Stopping");
  Describe("us-east-1/job-1", R"({"TrainingJobStatus": "Stopped"})");
  Look();
  EXPECT_TRUE(Job().IsNull());
}

TEST_F(TrainingJobTest, AnEditedRegionFailsIt) {
  Start();
  Edit(R"({"spec": {"region": "eu-west-1"}})");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_EQ(aws_.jobs.size(), 1u);
}

TEST_F(TrainingJobTest, AnEditedSpecFailsIt) {
  Start();
  Edit(R"({"spec": {"stoppingCondition": {"maxRuntimeInSeconds": 61}}})");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_EQ(Job()["status"]["sageMakerTrainingJobName"].AsString(), "job-1");
}

TEST_F(TrainingJobTest, ANameTakenAwayComesBack) {
  Start();
  Edit(R"({"spec": {"trainingJobName": null}})");
  Settle();
  EXPECT_EQ(Job()["spec"]["trainingJobName"].AsString(), "job-1");
  EXPECT_EQ(State(), "InProgress");
}

TEST_F(TrainingJobTest, AJobThatIsGoneIsNotMadeAgain) {
  Start();
  aws_.jobs.clear();
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_NE(Said().find("job-1 is gone from SageMaker in us-east-1"), std::string::npos) << Said();
  EXPECT_EQ(aws_.calls["CreateTrainingJob"], 1);
}

TEST_F(TrainingJobTest, AFinishedJobThatIsForgottenKeepsItsEnd) {
  Start();
  Describe("us-east-1/job-1", R"({"TrainingJobStatus": "Completed"})");
  Settle();
  aws_.jobs.clear();
  Settle();
  EXPECT_EQ(State(), "Completed");
}

TEST_F(TrainingJobTest, ANameThatSomeoneElseHoldsIsToldAndAskedForAgainOnlyAfterAWhile) {
  aws_.failures["CreateTrainingJob"] = {Code::kAlreadyExists, "arn:.../job-1 already exists"};
  Apply("job-1");
  Settle();
  EXPECT_EQ(State(), "ReconcilingTrainingJob");
  EXPECT_EQ(Said(), "arn:.../job-1 already exists");
  EXPECT_EQ(Look().again_after, kPoll);
}

TEST_F(TrainingJobTest, AForeignJobOfThatNameIsNeitherTakenOverNorStopped) {
  aws_.jobs["us-east-1/job-1"] = *json::Parse(R"({"TrainingJobStatus": "InProgress"})");
  Apply("job-1");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_NE(Said().find("that this spec does not describe"), std::string::npos) << Said();
  ASSERT_TRUE(client().Delete(api::gvr::kTrainingJobs, kJob));
  Look();
  EXPECT_TRUE(Job().IsNull());
  EXPECT_EQ(aws_.calls["StopTrainingJob"], 0);
}

TEST_F(TrainingJobTest, AWrongSpecFailsItForGood) {
  aws_.failures["CreateTrainingJob"] = {Code::kInvalid, "Value 'x' at 'roleArn'"};
  Apply("job-1");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_EQ(Said(), "Value 'x' at 'roleArn'");
  EXPECT_FALSE(Job()["status"].Has("sageMakerTrainingJobName"));
  EXPECT_FALSE(Look().again_after);
}

TEST_F(TrainingJobTest, AnEndpointThatIsAwayIsTriedAgainAndTold) {
  aws_.failures["DescribeTrainingJob"] = {Code::kUnavailable, "connection refused"};
  Apply("job-1");
  Settle();
  EXPECT_EQ(State(), "ReconcilingTrainingJob");
  EXPECT_EQ(Look().again_after, kPoll);
  EXPECT_TRUE(WasTold("ReconcilingTrainingJob: connection refused"));
  aws_.failures.clear();
  Settle();
  EXPECT_EQ(State(), "InProgress");
  EXPECT_EQ(Said(), "");
}

TEST_F(TrainingJobTest, DeletingOneThatNeverReachedSageMakerNeedsNoEndpoint) {
  aws_.failures["DescribeTrainingJob"] = {Code::kUnavailable, "connection refused"};
  Apply("job-1");
  Settle();
  ASSERT_TRUE(client().Delete(api::gvr::kTrainingJobs, kJob));
  Look();
  EXPECT_TRUE(Job().IsNull());
}

TEST_F(TrainingJobTest, DeletingARunningOneWhoseEndpointIsAwayWaitsAndNamesTheWayOut) {
  Start();
  aws_.failures["DescribeTrainingJob"] = {Code::kUnavailable, "connection refused"};
  ASSERT_TRUE(client().Delete(api::gvr::kTrainingJobs, kJob));
  EXPECT_EQ(Look().again_after, kPoll);
  ASSERT_FALSE(Job().IsNull());
  EXPECT_NE(Said().find("kubectl patch trainingjob xgb -n default --type=merge -p "
                        "'{\"metadata\":{\"finalizers\":null}}'"),
            std::string::npos)
      << Said();
  EXPECT_TRUE(WasTold("ReconcilingTrainingJob: " + Said()));
}

TEST_F(TrainingJobTest, WhatItWaitsForIsToldInTheStatusAndInAnEventWhenItChanges) {
  Start();
  Describe("us-east-1/job-1",
           R"({"SecondaryStatusTransitions": [{"Status": "Starting", "StatusMessage": "one"}]})");
  Look();
  EXPECT_EQ(Said(), "one");
  Describe("us-east-1/job-1",
           R"({"SecondaryStatusTransitions": [{"Status": "Starting", "StatusMessage": "two"}]})");
  Look();
  EXPECT_EQ(Said(), "two");
  EXPECT_TRUE(WasTold("Starting: one"));
  EXPECT_TRUE(WasTold("Starting: two"));
}

TEST_F(TrainingJobTest, StepsThatPassedBetweenTwoLooksAreEventsToo) {
  Start();
  Describe("us-east-1/job-1",
           R"({"TrainingJobStatus": "Completed", "SecondaryStatus": "Completed",
               "SecondaryStatusTransitions": [
                 {"Status": "Starting", "StatusMessage": "s"},
                 {"Status": "Downloading", "StatusMessage": "d"},
                 {"Status": "Completed", "StatusMessage": "c"}]})");
  Settle();
  EXPECT_EQ(State(), "Completed");
  EXPECT_EQ(Said(), "");
  EXPECT_TRUE(WasTold("Downloading: d"));
  EXPECT_TRUE(WasTold("Completed: c"));
}

TEST_F(TrainingJobTest, AFailureSaysWhy) {
  Start();
  Describe("us-east-1/job-1", R"({"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed",
                                  "FailureReason": "AlgorithmError: x"})");
  Settle();
  EXPECT_EQ(State(), "Failed");
  EXPECT_EQ(Said(), "AlgorithmError: x");
}

TEST_F(TrainingJobTest, NothingIsWrittenWhileNothingChanges) {
  Start();
  const std::string version = Job()["metadata"]["resourceVersion"].Str();
  clock_.Advance(kPoll);
  Look();
  EXPECT_EQ(Job()["metadata"]["resourceVersion"].AsString(), version);
}

}  // namespace
}  // namespace leat::sagemaker
