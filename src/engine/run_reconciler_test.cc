#include "engine/run_reconciler.h"

#include <fmt/format.h>

#include "awsserver/training_run.h"
#include "base/strings.h"
#include "engine/objects.h"
#include "engine/testing/engine_fixture.h"

namespace leat::engine {
namespace {

using namespace std::chrono_literals;

constexpr char kRunName[] = "xgb";
constexpr char kPod[] = "xgb-algo-1";

// States of the three containers, in a pod's status.
std::string Staging() {
  return R"({"phase": "Pending", "startTime": "2020-09-13T12:26:40Z", "initContainerStatuses": [
      {"name": "stage", "state": {"running": {"startedAt": "2020-09-13T12:26:41Z"}}}]})";
}

std::string After(const std::string& algorithm, const std::string& upload) {
  return R"({"phase": "Running", "startTime": "2020-09-13T12:26:40Z", "initContainerStatuses": [
      {"name": "stage", "state": {"terminated": {"exitCode": 0,
       "startedAt": "2020-09-13T12:26:41Z", "finishedAt": "2020-09-13T12:26:50Z"}}}],
      "containerStatuses": [{"name": "algorithm", "state": )" +
         algorithm + R"(}, {"name": "upload", "state": )" + upload + "}]}";
}

std::string Running() { return R"({"running": {"startedAt": "2020-09-13T12:26:51Z"}})"; }

std::string Ended(int code, const std::string& reason = "Error") {
  return fmt::format(R"({{"terminated": {{"exitCode": {}, "reason": "{}",
      "startedAt": "2020-09-13T12:26:51Z", "finishedAt": "2020-09-13T12:27:51Z"}}}})",
                     code, reason);
}

std::string Reported(const json::Value& report) {
  return R"({"terminated": {"exitCode": 0, "startedAt": "2020-09-13T12:26:51Z", "message": )" +
         json::Print(json::Value(json::Print(report))) + "}}";
}

std::vector<std::string> Steps(const json::Value& run) {
  std::vector<std::string> steps;
  for (const json::Value& step : run["status"]["secondaryStatusTransitions"].Items())
    steps.push_back(step["status"].Str());
  return steps;
}

class RunReconcilerTest : public EngineTest {
 protected:
  RunReconcilerTest() { AddNode(); }

  json::Value Until(const std::string& secondary) {
    return ReconcileUntil(runs_, kRunName, [&](const json::Value& run) {
      return run["status"]["secondaryStatus"].AsString() == secondary;
    });
  }
  void Start() {
    CreateRun(kRunName, XgboostRequest());
    ReconcileUntil(runs_, kRunName,
                   [&](const json::Value& run) { return run["status"]["hosts"].size() == 1; });
  }
  void StartTwo() {
    json::Value request = XgboostRequest();
    request.Mut("ResourceConfig").Set("InstanceCount", 2);
    CreateRun(kRunName, request);
    ReconcileUntil(runs_, kRunName,
                   [](const json::Value& run) { return run["status"]["hosts"].size() == 2; });
  }
  void StartWithGpu() {
    json::Value request = XgboostRequest();
    request.Mut("ResourceConfig").Set("InstanceType", "ml.p3.2xlarge");
    CreateRun(kRunName, request);
    ReconcileUntil(runs_, kRunName,
                   [](const json::Value& run) { return run["status"]["hosts"].size() == 1; });
  }
  // What the node tells of its GPUs.
  void OfferGpus(int number) {
    auto node = client().Get(api::gvr::kNodes, {"", "n"});
    ASSERT_TRUE(node) << node.error().message;
    node->Mut("status").Mut("allocatable").Set("nvidia.com/gpu", std::to_string(number));
    auto updated = client().UpdateStatus(api::gvr::kNodes, *node);
    ASSERT_TRUE(updated) << updated.error().message;
  }
  void RequestStop() {
    auto stopped =
        client().Patch(api::gvr::kTrainingRuns, {awsserver::kEngineNamespace, kRunName},
                       api::PatchType::kMerge, *json::Parse(R"({"spec":{"stop":true}})"));
    ASSERT_TRUE(stopped) << stopped.error().message;
  }
  // One more look at a run that has ended: it cleans up.
  void Settle() {
    auto outcome = runs_.Reconcile({awsserver::kEngineNamespace, kRunName}, {});
    ASSERT_TRUE(outcome) << outcome.error().message;
  }
  size_t SecretsLeft() {
    auto secrets = client().List(api::gvr::kSecrets, {.ns = awsserver::kEngineNamespace});
    return secrets ? secrets->items.size() : 99;
  }

  RunReconciler runs_{{.aws_endpoint = "http://127.0.0.1:1"}, client(), logs(), clock_};
};

TEST_F(RunReconcilerTest, ARunBecomesAPodItsKeyAndItsSecret) {
  Start();
  const json::Value pod = PodOf(kPod);
  EXPECT_EQ(pod["spec"]["hostname"].AsString(), "algo-1");
  EXPECT_EQ(pod["spec"]["subdomain"].AsString(), kRunName);
  EXPECT_EQ(pod["metadata"]["ownerReferences"][0]["kind"].AsString(), "TrainingRun");
  EXPECT_EQ(SecretsLeft(), 2u);
  // The node is smaller than an ml.m4.xlarge; the run says so.
  EXPECT_EQ(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"].AsString(), "1990m");
  const json::Value run = Run(kRunName);
  EXPECT_NE(run["status"]["secondaryStatusTransitions"][0]["statusMessage"].AsString().find(
                "ml.m4.xlarge has 4 CPUs"),
            std::string_view::npos)
      << json::Print(run["status"]);
}

TEST_F(RunReconcilerTest, ReconcilingAgainChangesNothing) {
  Start();
  const std::string before = Run(kRunName)["metadata"]["resourceVersion"].Str();
  const std::string pod = PodOf(kPod)["metadata"]["resourceVersion"].Str();
  Settle();
  Settle();
  EXPECT_EQ(Run(kRunName)["metadata"]["resourceVersion"].AsString(), before);
  EXPECT_EQ(PodOf(kPod)["metadata"]["resourceVersion"].AsString(), pod);
}

TEST_F(RunReconcilerTest, AGoodRunPassesEveryStepAndCleansUp) {
  Start();
  SetPodStatus(kPod, Staging());
  Until("Downloading");
  pod_logs_.Write(
      kPod, {"2020-09-13T12:26:52.000000001Z first", "2020-09-13T12:26:52.000000001Z second"});
  SetPodStatus(kPod, After(Running(), Running()));
  Until("Training");
  SetPodStatus(kPod, After(Ended(0, "Completed"), Running()));
  Until("Uploading");
  EXPECT_EQ(PodOf(kPod)["metadata"]["annotations"][kExitCodeAnnotation].AsString(), "0");
  SetPodStatus(kPod,
               After(Ended(0, "Completed"), Reported(json::Object({{"model", "s3://models/m"}}))));
  const json::Value run = Until("Completed");
  const json::Value& status = run["status"];
  EXPECT_EQ(status["trainingJobStatus"].AsString(), "Completed");
  EXPECT_EQ(status["modelArtifacts"]["s3ModelArtifacts"].AsString(), "s3://models/m");
  EXPECT_EQ(status["trainingStartTime"].AsString(), "2020-09-13T12:26:41Z");
  EXPECT_EQ(Steps(run), (std::vector<std::string>{"Starting", "Downloading", "Training",
                                                  "Uploading", "Completed"}));
  EXPECT_EQ(status["secondaryStatusTransitions"][2]["startTime"].AsString(),
            "2020-09-13T12:26:51Z");
  EXPECT_EQ(status["secondaryStatusTransitions"][2]["endTime"].AsString(), "2020-09-13T12:27:51Z");
  EXPECT_EQ(status["hosts"][0]["logStream"].AsString(), "xgb/algo-1-1600000011");

  auto events = logs().Query(
      {.group = awsserver::TrainingLogs("us-east-1"), .streams = {"xgb/algo-1-1600000011"}});
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_EQ(events->size(), 2u);  // equal time stamps are two lines all the same
  EXPECT_EQ((*events)[1].message, "second");

  Settle();
  EXPECT_EQ(SecretsLeft(), 0u);
  EXPECT_TRUE(PodOf(kPod).IsNull());
}

TEST_F(RunReconcilerTest, StepsThatNobodySawAreToldAllTheSame) {
  Start();
  SetPodStatus(kPod, After(Ended(0, "Completed"), Reported(json::Object())));
  EXPECT_EQ(Steps(Until("Completed")).size(), 5u);
}

TEST_F(RunReconcilerTest, TheFailureFileIsTheFailureReason) {
  Start();
  SetPodStatus(kPod, After(Ended(3), Reported(json::Object({{"failure", "bad label"}}))));
  EXPECT_EQ(Until("Failed")["status"]["failureReason"].AsString(),
            "AlgorithmError: bad label, exit code: 3");
}

TEST_F(RunReconcilerTest, WithoutAFailureFileTheLastLinesTell) {
  Start();
  pod_logs_.Write(kPod, {"2020-09-13T12:26:52Z Traceback", "2020-09-13T12:26:53Z KeyError: 'x'"});
  SetPodStatus(kPod, After(Ended(1), Reported(json::Object())));
  EXPECT_EQ(Until("Failed")["status"]["failureReason"].AsString(),
            "AlgorithmError: Traceback\nKeyError: 'x', exit code: 1");
}

TEST_F(RunReconcilerTest, AStopIsToldToTheUploadAndEndsStopped) {
  Start();
  SetPodStatus(kPod, After(Running(), Running()));
  Until("Training");
  RequestStop();
  EXPECT_EQ(Until("Stopping")["status"]["trainingJobStatus"].AsString(), "Stopping");
  EXPECT_EQ(PodOf(kPod)["metadata"]["annotations"][kStopAnnotation].AsString(), "StopTrainingJob");
  SetPodStatus(kPod, After(Ended(143), Reported(json::Object({{"model", "s3://models/m"}}))));
  const json::Value run = Until("Stopped");
  EXPECT_EQ(run["status"]["trainingJobStatus"].AsString(), "Stopped");
  EXPECT_EQ(run["status"]["modelArtifacts"]["s3ModelArtifacts"].AsString(), "s3://models/m");
  EXPECT_FALSE(run["status"].Has("failureReason"));
}

TEST_F(RunReconcilerTest, AStopBeforeTrainingJustRemovesThePod) {
  Start();
  RequestStop();
  Until("Stopped");
  EXPECT_TRUE(PodOf(kPod).IsNull());
}

TEST_F(RunReconcilerTest, AStopDoesNotWaitForAHostThatHasNotBegun) {
  StartTwo();
  SetPodStatus(kPod, After(Running(), Running()));
  ReconcileUntil(runs_, kRunName,
                 [](const json::Value& run) { return run["status"]["hosts"][0].Has("logStream"); });
  RequestStop();
  Until("Stopping");
  EXPECT_TRUE(PodOf("xgb-algo-2").IsNull());
  EXPECT_FALSE(PodOf(kPod).IsNull());
  SetPodStatus(kPod, After(Ended(143), Reported(json::Object())));
  EXPECT_EQ(Until("Stopped")["status"]["trainingJobStatus"].AsString(), "Stopped");
}

TEST_F(RunReconcilerTest, TheMaximumRuntimeDoesNotWaitForAHostThatHasNotBegun) {
  StartTwo();
  SetPodStatus(kPod, After(Running(), Running()));
  ReconcileUntil(runs_, kRunName,
                 [](const json::Value& run) { return run["status"]["hosts"][0].Has("logStream"); });
  clock_.Advance(std::chrono::hours(2));
  Until("Stopping");
  SetPodStatus(kPod, After(Ended(143), Reported(json::Object())));
  EXPECT_EQ(Until("MaxRuntimeExceeded")["status"]["trainingJobStatus"].AsString(), "Stopped");
}

TEST_F(RunReconcilerTest, APodThatWasStoppedFromOutsideIsNoFaultOfTheAlgorithm) {
  Start();
  pod_logs_.Write(kPod, {"2020-09-13T12:26:52Z a line"});
  SetPodStatus(
      kPod, After(Ended(143),
                  Reported(json::Object({{"stopped", true}, {"error", "InternalServerError"}}))));
  EXPECT_EQ(Until("Failed")["status"]["failureReason"].AsString(),
            "InternalServerError: host algo-1 was stopped from outside while its algorithm was "
            "running. Create the job again");
}

TEST_F(RunReconcilerTest, SoIsOneWhoseUploadWasKilledToo) {
  Start();
  SetPodStatus(kPod, After(Ended(137), Ended(137)));
  EXPECT_TRUE(Until("Failed")["status"]["failureReason"].AsString().starts_with(
      "InternalServerError: host algo-1 was stopped"));
}

TEST_F(RunReconcilerTest, GpusThatNoNodeHasAreToldAndFailTheRunSoon) {
  StartWithGpu();
  const json::Value waiting = Run(kRunName);
  const std::string unmet =
      "ml.p3.2xlarge needs 1 GPU (nvidia.com/gpu), and the most that a node offers is 0";
  EXPECT_EQ(waiting["status"]["secondaryStatusTransitions"][0]["statusMessage"].AsString(),
            "waiting for a node: " + unmet);
  clock_.Advance(EngineOptions{}.capacity_wait + std::chrono::seconds(2));
  EXPECT_EQ(Until("Failed")["status"]["failureReason"].AsString(),
            "CapacityError: Unable to provision requested ML compute capacity. Please retry using "
            "a different ML instance type: " +
                unmet);
}

TEST_F(RunReconcilerTest, WhereNodesAreAddedOnDemandItMayWaitLonger) {
  RunReconciler patient({.aws_endpoint = "http://127.0.0.1:1", .capacity_wait = 10min}, client(),
                        logs(), clock_);
  json::Value request = XgboostRequest();
  request.Mut("ResourceConfig").Set("InstanceType", "ml.p3.2xlarge");
  CreateRun(kRunName, request);
  ReconcileUntil(patient, kRunName,
                 [](const json::Value& run) { return run["status"]["hosts"].size() == 1; });
  clock_.Advance(9min);
  const auto next = patient.Reconcile({awsserver::kEngineNamespace, kRunName}, {});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  ASSERT_TRUE(next->again_after);
  EXPECT_LE(*next->again_after, 61s);
  clock_.Advance(*next->again_after);
  ReconcileUntil(patient, kRunName, [](const json::Value& run) {
    return run["status"]["failureReason"].AsString().starts_with("CapacityError: ");
  });
}

TEST_F(RunReconcilerTest, AJobThatWaitedBehindABusyGpuWaitsForAnotherNodeToo) {
  OfferGpus(1);
  StartWithGpu();
  clock_.Advance(1h);
  Settle();
  OfferGpus(0);
  Settle();
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  clock_.Advance(EngineOptions{}.capacity_wait - 1s);
  Settle();
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  OfferGpus(1);  // a wait that was in vain is not held against the next
  Settle();
  OfferGpus(0);
  clock_.Advance(2s);
  Settle();
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  clock_.Advance(EngineOptions{}.capacity_wait + 1s);
  EXPECT_TRUE(Until("Failed")["status"]["failureReason"].AsString().starts_with("CapacityError: "));
}

TEST_F(RunReconcilerTest, AfterARestartDevicePluginsHaveTheWholeWaitAgain) {
  StartWithGpu();
  clock_.Advance(1h);
  RunReconciler restarted({.aws_endpoint = "http://127.0.0.1:1"}, client(), logs(), clock_);
  const auto next = restarted.Reconcile({awsserver::kEngineNamespace, kRunName}, {});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  EXPECT_EQ(next->again_after, EngineOptions{}.capacity_wait + 1s);
}

TEST_F(RunReconcilerTest, AStopBeforeThePodMakesNone) {
  CreateRun(kRunName, XgboostRequest());
  RequestStop();
  Until("Stopped");
  EXPECT_EQ(SecretsLeft(), 0u);
}

TEST_F(RunReconcilerTest, TheMaximumRuntimeStopsTheJob) {
  Start();
  SetPodStatus(kPod, After(Running(), Running()));
  Until("Training");
  clock_.Advance(std::chrono::hours(1) + std::chrono::minutes(1));
  Until("Stopping");
  EXPECT_EQ(PodOf(kPod)["metadata"]["annotations"][kStopAnnotation].AsString(),
            "MaxRuntimeExceeded");
  SetPodStatus(kPod, After(Ended(143), Reported(json::Object())));
  EXPECT_EQ(Until("MaxRuntimeExceeded")["status"]["trainingJobStatus"].AsString(), "Stopped");
}

TEST_F(RunReconcilerTest, APodThatVanishedFailsTheRun) {
  Start();
  ASSERT_TRUE(client().Delete(api::gvr::kPods, {awsserver::kEngineNamespace, kPod}));
  EXPECT_TRUE(Until("Failed")["status"]["failureReason"].AsString().starts_with(
      "InternalServerError: the pod of host algo-1 is gone"));
}

TEST_F(RunReconcilerTest, AnImageThatCannotBeHadFailsSoon) {
  Start();
  SetPodStatus(kPod, R"({"phase": "Pending", "startTime": "2020-09-13T12:26:40Z",
      "containerStatuses": [{"name": "algorithm", "state": {"waiting": {"reason": "ErrImagePull",
                             "message": "nobody maps example.com/xgboost:latest"}}}]})");
  const json::Value waiting = ReconcileUntil(runs_, kRunName, [](const json::Value& run) {
    return run["status"]["secondaryStatusTransitions"][0]["statusMessage"].AsString().find(
               "nobody maps") != std::string_view::npos;
  });
  EXPECT_EQ(waiting["status"]["trainingJobStatus"].AsString(), "InProgress");
  clock_.Advance(kStuckPatience + std::chrono::seconds(2));
  EXPECT_NE(Until("Failed")["status"]["failureReason"].AsString().find("nobody maps"),
            std::string_view::npos);
}

TEST_F(RunReconcilerTest, AnImageThatIsMissingOnceTheInputIsThereIsToldToo) {
  Start();
  SetPodStatus(kPod, After(R"({"waiting": {"reason": "ErrImagePull", "message": "nobody maps x"}})",
                           Running()));
  const json::Value run = ReconcileUntil(runs_, kRunName, [](const json::Value& now) {
    const auto& steps = now["status"]["secondaryStatusTransitions"].Items();
    return steps.back()["statusMessage"].AsString() == "algo-1 waits: ErrImagePull: nobody maps x";
  });
  EXPECT_EQ(run["status"]["secondaryStatus"].AsString(), "Downloading");
}

TEST_F(RunReconcilerTest, ARequestThatCannotBeRunFailsWithItsReason) {
  json::Value request = XgboostRequest();
  request.Mut("AlgorithmSpecification").Set("TrainingInputMode", "Pipe");
  CreateRun(kRunName, request);
  EXPECT_EQ(
      Until("Failed")["status"]["failureReason"].AsString(),
      "ClientError: channel train: input mode Pipe is not supported yet; use File or FastFile");
}

// A run whose metrics are its own definitions.
json::Value WithMetrics() {
  json::Value request = XgboostRequest();
  const auto metric = [](const char* name, const char* regex) {
    return json::Object({{"Name", name}, {"Regex", regex}});
  };
  request.Mut("AlgorithmSpecification")
      .Set("MetricDefinitions",
           json::Array({metric("loss", R"(loss=(\S+))"), metric("never", R"(never=(\S+))"),
                        metric("wrong", "(?=x)")}));
  return request;
}

TEST_F(RunReconcilerTest, MetricsAreThereWhileItRunsAndAtTheEnd) {
  CreateRun(kRunName, WithMetrics());
  ReconcileUntil(runs_, kRunName,
                 [&](const json::Value& run) { return run["status"]["hosts"].size() == 1; });
  pod_logs_.HoldOpen(kPod);
  pod_logs_.Write(kPod, {"2020-09-13T12:26:52Z loss=0.5"});
  SetPodStatus(kPod, After(Running(), Running()));
  const auto until_loss = [&](double value) {
    return ReconcileUntil(runs_, kRunName, [&](const json::Value& run) {
      clock_.Advance(kReadMetricsEvery);
      return run["status"]["finalMetricDataList"][0]["value"].AsDouble() == value;
    });
  };
  const json::Value list = until_loss(0.5)["status"]["finalMetricDataList"];
  EXPECT_EQ(json::Print(list),
            R"([{"metricName":"loss","timestamp":"2020-09-13T12:26:52.000000Z","value":0.5}])");
  pod_logs_.Write(kPod, {"2020-09-13T12:26:53Z loss=0.4"});
  EXPECT_EQ(until_loss(0.4)["status"]["secondaryStatus"].AsString(), "Training");
  pod_logs_.Write(kPod, {"2020-09-13T12:26:54Z loss=0.3", "2020-09-13T12:26:55Z done"});
  pod_logs_.End(kPod);
  SetPodStatus(kPod, After(Ended(0), Reported(json::Object())));
  EXPECT_EQ(Until("Completed")["status"]["finalMetricDataList"][0]["value"].AsDouble(), 0.3);
}

TEST_F(RunReconcilerTest, ADefinitionThatCannotBeUsedIsToldInAnEvent) {
  CreateRun(kRunName, WithMetrics());
  ReconcileUntil(runs_, kRunName, [&](const json::Value&) {
    auto events = client().List(api::gvr::kEvents, {.ns = awsserver::kEngineNamespace});
    for (const json::Value& event : events->items)
      if (event["reason"].AsString() == "MetricIgnored")
        return event["message"].AsString().starts_with("metric wrong cannot be read from the log");
    return false;
  });
}

TEST_F(RunReconcilerTest, WhatIsNotObeyedIsToldInAnEventAndByTheStatus) {
  json::Value request = WithMetrics();
  request.Set("VpcConfig", json::Object({{"Subnets", json::Array({"subnet-1"})}}));
  CreateRun(kRunName, request);
  const std::string told = "kept with the job, but without effect here: VpcConfig";
  ReconcileUntil(runs_, kRunName, [&](const json::Value& run) {
    auto events = client().List(api::gvr::kEvents, {.ns = awsserver::kEngineNamespace});
    for (const json::Value& event : events->items) {
      if (event["reason"].AsString() != "NotObeyed") continue;
      EXPECT_EQ(event["message"].AsString(), told);
      EXPECT_EQ(event["type"].AsString(), "Warning");
      return json::Print(run["status"]).find(told) != std::string::npos;
    }
    return false;
  });
}

TEST_F(RunReconcilerTest, FinishedRunsAreKeptForTheirTimeAndGoWithTheirLogs) {
  Start();
  pod_logs_.Write(kPod, {"2020-09-13T12:26:52Z a line"});
  SetPodStatus(kPod, After(Ended(0), Reported(json::Object())));
  Until("Completed");
  Settle();
  clock_.Advance(std::chrono::hours(24 * 30 - 1));
  Settle();
  EXPECT_FALSE(Run(kRunName).IsNull());
  clock_.Advance(std::chrono::hours(2));
  Settle();
  EXPECT_TRUE(Run(kRunName).IsNull());
  EXPECT_TRUE(logs().Streams(awsserver::TrainingLogs("us-east-1"), "xgb/")->empty());
}

TEST_F(RunReconcilerTest, APodOfAnEarlierRunOfThatNameIsNotTakenOver) {
  Start();
  const std::string old_uid = PodOf(kPod)["metadata"]["uid"].Str();
  json::Value held = PodOf(kPod);
  held.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  ASSERT_TRUE(client().Update(api::gvr::kPods, held));
  ASSERT_TRUE(client().Delete(api::gvr::kTrainingRuns, {awsserver::kEngineNamespace, kRunName}));
  CreateRun(kRunName, XgboostRequest());
  const api::ObjectName key{awsserver::kEngineNamespace, kRunName};
  for (int i = 0; i < 3; ++i) (void)runs_.Reconcile(key, {});
  EXPECT_EQ(Run(kRunName)["status"]["trainingJobStatus"].AsString(), "InProgress");
  EXPECT_EQ(Run(kRunName)["status"]["hosts"].size(), 0u);
  held = PodOf(kPod);
  held.Mut("metadata").Erase("finalizers");
  ASSERT_TRUE(client().Update(api::gvr::kPods, held));
  // The collector of garbage removes what is left of the first run.
  ReconcileUntil(runs_, kRunName,
                 [](const json::Value& run) { return run["status"]["hosts"].size() == 1; });
  EXPECT_NE(PodOf(kPod)["metadata"]["uid"].AsString(), old_uid);
}

TEST_F(RunReconcilerTest, OneFailedHostFailsTheRunAndTheOthersGo) {
  StartTwo();
  SetPodStatus(kPod, After(Running(), Running()));
  SetPodStatus("xgb-algo-2", After(Ended(9), Reported(json::Object({{"failure", "boom"}}))));
  EXPECT_EQ(Until("Failed")["status"]["failureReason"].AsString(),
            "AlgorithmError: algo-2: boom, exit code: 9");
  Settle();
  EXPECT_TRUE(PodOf(kPod).IsNull());
}

}  // namespace
}  // namespace leat::engine
