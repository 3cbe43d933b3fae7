// Describe, stop, list and tags.
#include "awsserver/testing/service_fixture.h"

namespace leat::awsserver {
namespace {

using DescribeTrainingJobTest = SageMakerTest;
using StopTrainingJobTest = SageMakerTest;
using ListTrainingJobsTest = SageMakerTest;
using TagsTest = SageMakerTest;

json::Value Named(const std::string& name) { return json::Object({{"TrainingJobName", name}}); }

TEST_F(DescribeTrainingJobTest, AFreshJobIsStarting) {
  json::Value request = Request("job");
  request.Set("Tags", Parsed(R"([{"Key": "a", "Value": "b"}])"));
  sagemaker_.Call("CreateTrainingJob", request);
  const json::Value job = Describe("job");
  EXPECT_EQ(job["TrainingJobStatus"].AsString(), "InProgress");
  EXPECT_EQ(job["SecondaryStatus"].AsString(), "Starting");
  EXPECT_EQ(job["SecondaryStatusTransitions"][0]["Status"].AsString(), "Starting");
  EXPECT_EQ(job["CreationTime"].AsInt(), 1'600'000'000);
  EXPECT_EQ(job["LastModifiedTime"].AsInt(), 1'600'000'000);
  EXPECT_FALSE(job.Has("Tags"));
  EXPECT_FALSE(job.Has("TrainingEndTime"));
  // The request comes back, with what AWS fills in.
  EXPECT_EQ(job["HyperParameters"], request["HyperParameters"]);
  EXPECT_EQ(job["ResourceConfig"], request["ResourceConfig"]);
  EXPECT_EQ(job["InputDataConfig"][0]["CompressionType"].AsString(), "None");
  const json::Value& s3 = job["InputDataConfig"][0]["DataSource"]["S3DataSource"];
  EXPECT_EQ(s3["S3DataDistributionType"].AsString(), "FullyReplicated");
  EXPECT_TRUE(job["EnableNetworkIsolation"].IsBool());
}

TEST_F(DescribeTrainingJobTest, SaysWhatTheEngineSaid) {
  Create("job");
  SetStatus("job", Parsed(R"({
    "trainingJobStatus": "Failed", "secondaryStatus": "Failed", "failureReason": "AlgorithmError",
    "creationTime": "2020-09-13T12:26:40.250Z", "trainingStartTime": "2020-09-13T12:27:00Z",
    "trainingEndTime": "2020-09-13T12:28:40Z", "lastModifiedTime": "2020-09-13T12:28:41Z",
    "modelArtifacts": {"s3ModelArtifacts": "s3://b/out/job/output/model.tar.gz"},
    "finalMetricDataList": [{"metricName": "m", "value": 0.5, "timestamp": "2020-09-13T12:28:00Z"}],
    "secondaryStatusTransitions": [
      {"status": "Starting", "startTime": "2020-09-13T12:26:40Z", "endTime": "2020-09-13T12:27:00Z",
       "statusMessage": "s"},
      {"status": "Failed", "startTime": "2020-09-13T12:28:40Z"}]})"));
  const json::Value job = Describe("job");
  EXPECT_EQ(job["TrainingJobStatus"].AsString(), "Failed");
  EXPECT_EQ(job["FailureReason"].AsString(), "AlgorithmError");
  EXPECT_EQ(job["CreationTime"].AsDouble(), 1'600'000'000.25);
  EXPECT_EQ(job["TrainingTimeInSeconds"].AsInt(), 100);
  EXPECT_EQ(job["BillableTimeInSeconds"].AsInt(), 100);
  EXPECT_EQ(job["ModelArtifacts"]["S3ModelArtifacts"].AsString(),
            "s3://b/out/job/output/model.tar.gz");
  EXPECT_EQ(job["FinalMetricDataList"],
            Parsed(R"([{"MetricName": "m", "Value": 0.5, "Timestamp": 1600000080}])"));
  EXPECT_EQ(job["SecondaryStatusTransitions"],
            Parsed(R"([{"Status": "Starting", "StartTime": 1600000000, "EndTime": 1600000020,
                        "StatusMessage": "s"},
                       {"Status": "Failed", "StartTime": 1600000120}])"));
}

TEST_F(DescribeTrainingJobTest, JobsAreKnownInTheirRegionByTheirExactName) {
  Create("job");
  const std::string unknown = "ValidationException: Requested resource not found.";
  EXPECT_EQ(sagemaker_.Refusal("DescribeTrainingJob", Named("other")), unknown);
  EXPECT_EQ(sagemaker_.Refusal("DescribeTrainingJob", Named("Job")), unknown);
  EXPECT_EQ(sagemaker_.Refusal("StopTrainingJob", Named("other")), unknown);
  sagemaker_.region = "eu-west-1";
  EXPECT_EQ(sagemaker_.Refusal("DescribeTrainingJob", Named("job")), unknown);
}

TEST_F(StopTrainingJobTest, IsSeenAtOnceAndMayBeRepeated) {
  Create("job");
  EXPECT_EQ(sagemaker_.Call("StopTrainingJob", Named("job")), json::Object());
  EXPECT_TRUE(Run("job")["spec"]["stop"].AsBool());
  EXPECT_EQ(Describe("job")["TrainingJobStatus"].AsString(), "Stopping");
  EXPECT_EQ(Describe("job")["SecondaryStatus"].AsString(), "Stopping");
  EXPECT_EQ(sagemaker_.Call("StopTrainingJob", Named("job")), json::Object());
}

TEST_F(StopTrainingJobTest, AFinishedJobCannotBeStopped) {
  Create("job");
  SetStatus("job", Parsed(R"({"trainingJobStatus": "Completed", "secondaryStatus": "Completed"})"));
  EXPECT_EQ(sagemaker_.Refusal("StopTrainingJob", Named("job")),
            "ValidationException: The request was rejected because the training job is in status "
            "Completed.");
  EXPECT_FALSE(Run("job")["spec"]["stop"].AsBool());
}

std::string NamesOf(const json::Value& list) {
  std::string names;
  for (const json::Value& job : list["TrainingJobSummaries"].Items())
    names += job["TrainingJobName"].Str() + " ";
  return names;
}

TEST_F(ListTrainingJobsTest, SortsAndFilters) {
  for (const char* name : {"c-one", "a-two", "b-one"}) {
    Create(name);
    clock_.Advance(std::chrono::seconds(10));
  }
  SetStatus("a-two", Parsed(R"({"trainingJobStatus": "Completed", "secondaryStatus": "Completed",
                                "lastModifiedTime": "2020-09-13T12:30:00Z",
                                "trainingEndTime": "2020-09-13T12:30:00Z"})"));
  const auto list = [&](std::string_view input) {
    return NamesOf(sagemaker_.Call("ListTrainingJobs", Parsed(input)));
  };
  EXPECT_EQ(list("{}"), "c-one a-two b-one ");
  EXPECT_EQ(list(R"({"SortBy": "Name"})"), "a-two b-one c-one ");
  EXPECT_EQ(list(R"({"SortOrder": "Descending"})"), "b-one a-two c-one ");
  EXPECT_EQ(list(R"({"SortBy": "Status"})"), "a-two b-one c-one ");
  EXPECT_EQ(list(R"({"NameContains": "one"})"), "c-one b-one ");
  EXPECT_EQ(list(R"({"StatusEquals": "Completed"})"), "a-two ");
  EXPECT_EQ(list(R"({"CreationTimeAfter": 1600000000, "CreationTimeBefore": 1600000020})"),
            "a-two ");
  EXPECT_EQ(list(R"({"LastModifiedTimeAfter": 1600000150})"), "a-two ");
  EXPECT_EQ(list(R"({"WarmPoolStatusEquals": "InUse"})"), "");
  sagemaker_.region = "eu-west-1";
  EXPECT_EQ(list("{}"), "");
}

TEST_F(ListTrainingJobsTest, SummariesHaveTheTimes) {
  Create("job");
  SetStatus("job", Parsed(R"({"trainingJobStatus": "Completed", "secondaryStatus": "Completed",
                              "trainingEndTime": "2020-09-13T12:30:00Z"})"));
  EXPECT_EQ(sagemaker_.Call("ListTrainingJobs", json::Object())["TrainingJobSummaries"],
            Parsed(R"([{"TrainingJobName": "job", "TrainingJobStatus": "Completed",
                        "TrainingJobArn":
                          "arn:aws:sagemaker:us-east-1:000000000000:training-job/job",
                        "SecondaryStatus": "Completed", "CreationTime": 1600000000,
                        "LastModifiedTime": 1600000000, "TrainingEndTime": 1600000200}])"));
}

TEST_F(ListTrainingJobsTest, PagesGiveEveryJobOnceWhileJobsComeAndGo) {
  for (int i = 0; i < 25; ++i) Create("job-" + std::to_string(10 + i));  // all at the same time
  std::string all;
  json::Value input = Parsed(R"({"SortOrder": "Descending"})");
  int pages = 0;
  while (true) {
    const json::Value page = sagemaker_.Call("ListTrainingJobs", input);
    all += NamesOf(page);
    if (++pages == 1) {
      EXPECT_EQ(page["TrainingJobSummaries"].size(), 10u);
      Create("job-99");  // before the first page: not seen
    }
    if (!page.Has("NextToken")) break;
    input.Set("NextToken", page["NextToken"]);
  }
  std::string expected;
  for (int i = 34; i >= 10; --i) expected += "job-" + std::to_string(i) + " ";
  EXPECT_EQ(all, expected);
  EXPECT_EQ(pages, 3);
}

TEST_F(ListTrainingJobsTest, RefusesForeignTokensAndWrongLimits) {
  Create("a");
  Create("b");
  json::Value input = json::Object({{"MaxResults", 1}});
  const json::Value first = sagemaker_.Call("ListTrainingJobs", input);
  input.Set("NextToken", first["NextToken"]).Set("SortBy", "Name");
  EXPECT_EQ(sagemaker_.Refusal("ListTrainingJobs", input).substr(0, 45),
            "ValidationException: The NextToken is invalid");
  EXPECT_EQ(sagemaker_.Refusal("ListTrainingJobs", Parsed(R"({"NextToken": "%%%"})")).substr(0, 45),
            "ValidationException: The NextToken is invalid");
  EXPECT_EQ(sagemaker_.Refusal("ListTrainingJobs", Parsed(R"({"MaxResults": 101})")),
            "ValidationException: 1 validation error detected: Value '101' at 'maxResults' failed "
            "to satisfy constraint: Member must have value less than or equal to 100");
}

TEST_F(TagsTest, AreAddedReplacedAndDeleted) {
  const std::string arn = Create("job");
  const auto tags = [&](std::string_view operation, std::string_view key, std::string_view value) {
    return sagemaker_.Call(operation, json::Object({{"ResourceArn", arn}, {key, Parsed(value)}}));
  };
  tags("AddTags", "Tags", R"([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])");
  EXPECT_EQ(tags("AddTags", "Tags", R"([{"Key": "a", "Value": "3"}])")["Tags"],
            Parsed(R"([{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}])"));
  tags("DeleteTags", "TagKeys", R"(["a", "none"])");
  EXPECT_EQ(sagemaker_.Call("ListTags", json::Object({{"ResourceArn", arn}}))["Tags"],
            Parsed(R"([{"Key": "b", "Value": "2"}])"));
}

TEST_F(TagsTest, OfWhatDoesNotExistAreRefused) {
  const auto refusal = [&](const char* arn) {
    return sagemaker_.Refusal("ListTags", json::Object({{"ResourceArn", arn}}));
  };
  EXPECT_EQ(refusal("arn:aws:sagemaker:us-east-1:000000000000:training-job/none"),
            "ValidationException: Requested resource not found.");
  EXPECT_NE(refusal("arn:aws:sagemaker:us-east-1:000000000000:endpoint/e").find("does not exist"),
            std::string::npos);
  EXPECT_NE(refusal("job").find("at 'resourceArn'"), std::string::npos);
}

}  // namespace
}  // namespace leat::awsserver
