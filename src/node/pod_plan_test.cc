#include "node/pod_plan.h"

#include <gtest/gtest.h>

#include "json/yaml.h"

namespace leat::node {
namespace {

using namespace std::chrono_literals;

const WallTime kNow(1'600'000'000s);

json::Value Yaml(std::string_view text) { return json::ParseYaml(text)->front(); }

ContainerStatus Running(std::string name, int attempt = 0) {
  return {.id = name,
          .name = name,
          .attempt = attempt,
          .state = ContainerState::kRunning,
          .started_at = kNow - 60s};
}
ContainerStatus Exited(std::string name, int code, int attempt = 0, std::chrono::seconds ago = 0s) {
  return {.id = name + "_" + std::to_string(attempt),
          .name = name,
          .attempt = attempt,
          .state = ContainerState::kExited,
          .started_at = kNow - ago - 5s,
          .finished_at = kNow - ago,
          .exit_code = code};
}

// The plan as text: "start a#0 b#1", "finished Failed", "look again in 10 s".
std::string Plan(const json::Value& pod, std::vector<ContainerStatus> containers) {
  const Runs runs = GroupRuns(std::move(containers));
  const PodPlan plan = PlanPod(pod, runs, kNow);
  std::string text;
  if (plan.finished) text += "finished " + *plan.finished + " ";
  for (const PodPlan::Start& start : plan.start)
    text += "start " + (*start.container)["name"].Str() + "#" + std::to_string(start.attempt) + " ";
  if (plan.look_again) text += "in " + std::to_string(*plan.look_again / 1s) + " s ";
  if (!text.empty()) text.pop_back();
  return text;
}

const char kTwoInits[] = R"(
spec:
  restartPolicy: Never
  initContainers: [{name: i}, {name: j}]
  containers: [{name: a}, {name: b}]
)";

TEST(PlanPod, RunsInitContainersOneAfterTheOther) {
  const json::Value pod = Yaml(kTwoInits);
  EXPECT_EQ(Plan(pod, {}), "start i#0");
  EXPECT_EQ(Plan(pod, {Running("i")}), "");
  EXPECT_EQ(Plan(pod, {Exited("i", 0)}), "start j#0");
  EXPECT_EQ(Plan(pod, {Exited("i", 0), Exited("j", 0)}), "start a#0 start b#0");
}

TEST(PlanPod, AFailedInitContainerFailsAPodThatNeverRestarts) {
  EXPECT_EQ(Plan(Yaml(kTwoInits), {Exited("i", 1)}), "finished Failed");
}

TEST(PlanPod, EndsWhenAllContainersHaveEnded) {
  const json::Value pod = Yaml(kTwoInits);
  const ContainerStatus i = Exited("i", 0), j = Exited("j", 0);
  EXPECT_EQ(Plan(pod, {i, j, Exited("a", 0), Running("b")}), "");
  EXPECT_EQ(Plan(pod, {i, j, Exited("a", 0), Exited("b", 0)}), "finished Succeeded");
  EXPECT_EQ(Plan(pod, {i, j, Exited("a", 2), Exited("b", 0)}), "finished Failed");
}

TEST(PlanPod, RestartsAtOnceAndThenBacksOff) {
  const json::Value pod = Yaml("spec: {restartPolicy: Always, containers: [{name: a}]}");
  EXPECT_EQ(Plan(pod, {Exited("a", 0)}), "start a#1");
  EXPECT_EQ(Plan(pod, {Exited("a", 1, 1)}), "in 10 s");
  EXPECT_EQ(Plan(pod, {Exited("a", 1, 1, 10s)}), "start a#2");
  EXPECT_EQ(Plan(pod, {Exited("a", 1, 3)}), "in 40 s");
  EXPECT_EQ(Plan(pod, {Exited("a", 1, 30)}), "in 300 s");
}

TEST(PlanPod, OneThatCannotStartBacksOffLikeOneThatFails) {
  const json::Value pod = Yaml("spec: {restartPolicy: Always, containers: [{name: a}]}");
  const auto unstarted = [](int attempt, std::chrono::seconds ago) {
    ContainerStatus status = Exited("a", 128, attempt, ago);
    status.started_at = {};
    status.error = "exec: no such file";
    return status;
  };
  EXPECT_EQ(Plan(pod, {unstarted(0, 0s)}), "start a#1");
  EXPECT_EQ(Plan(pod, {unstarted(1, 0s)}), "in 10 s");
  EXPECT_EQ(Plan(pod, {unstarted(1, 10s)}), "start a#2");
  EXPECT_EQ(Plan(pod, {unstarted(30, 0s)}), "in 300 s");
}

TEST(PlanPod, ALongRunForgetsTheFailuresBefore) {
  const json::Value pod = Yaml("spec: {restartPolicy: Always, containers: [{name: a}]}");
  ContainerStatus run = Exited("a", 1, 7);
  run.started_at = kNow - 11min;
  EXPECT_EQ(Plan(pod, {run}), "start a#8");
}

TEST(PlanPod, OnFailureLeavesASuccessAlone) {
  const json::Value pod =
      Yaml("spec: {restartPolicy: OnFailure, containers: [{name: a}, {name: b}]}");
  EXPECT_EQ(Plan(pod, {Exited("a", 0), Exited("b", 1)}), "start b#1");
  EXPECT_EQ(Plan(pod, {Exited("a", 0), Exited("b", 0)}), "finished Succeeded");
}

TEST(PlanPod, SidecarsStartInOrderAndAreKeptUp) {
  const json::Value pod = Yaml(R"(
spec:
  restartPolicy: Never
  initContainers: [{name: s, restartPolicy: Always}, {name: i}]
  containers: [{name: a}]
)");
  EXPECT_EQ(Plan(pod, {}), "start s#0");
  EXPECT_EQ(Plan(pod, {Running("s")}), "start i#0");
  EXPECT_EQ(Plan(pod, {Running("s"), Exited("i", 0)}), "start a#0");
  EXPECT_EQ(Plan(pod, {Exited("s", 1), Exited("i", 0), Running("a")}), "start s#1");
  EXPECT_EQ(Plan(pod, {Running("s"), Exited("i", 0), Exited("a", 0)}), "finished Succeeded");
}

json::Value Status(const json::Value& pod, std::vector<ContainerStatus> containers,
                   std::optional<std::string> finished = {}, WaitingReasons waiting = {},
                   std::map<std::string, std::string> messages = {}) {
  const Runs runs = GroupRuns(std::move(containers));
  return PodStatus({.pod = pod,
                    .runs = runs,
                    .waiting = waiting,
                    .messages = messages,
                    .pod_ip = "127.64.0.1",
                    .host_ip = "127.0.0.1",
                    .finished = finished},
                   kNow);
}

TEST(PodStatus, TellsHowAContainerEnded) {
  const json::Value pod = Yaml("spec: {restartPolicy: Never, containers: [{name: a, image: x}]}");
  ContainerStatus killed = Exited("a", 137);
  killed.oom_killed = true;
  const json::Value status = Status(pod, {killed}, "Failed", {}, {{"a_0", "last words"}});
  EXPECT_EQ(status["phase"].AsString(), "Failed");
  const json::Value& ended = status["containerStatuses"][0]["state"]["terminated"];
  EXPECT_EQ(ended["exitCode"].AsInt(), 137);
  EXPECT_EQ(ended["reason"].AsString(), "OOMKilled");
  EXPECT_EQ(ended["message"].AsString(), "last words");
}

TEST(PodStatus, AnEndThatNobodySawIsNotCalledAnError) {
  ContainerStatus lost = Exited("a", 137);
  lost.lost = true;
  const json::Value status =
      Status(Yaml("spec: {restartPolicy: Never, containers: [{name: a}]}"), {lost}, "Failed");
  const json::Value& ended = status["containerStatuses"][0]["state"]["terminated"];
  EXPECT_EQ(ended["reason"].AsString(), "ContainerStatusUnknown");
  EXPECT_EQ(ended["exitCode"].AsInt(), 137);
}

TEST(PodStatus, ACrashingContainerShowsItsBackOffAndItsLastEnd) {
  const json::Value pod = Yaml(
      "{metadata: {name: p, namespace: d, uid: u}, spec: {restartPolicy: Always, containers: "
      "[{name: a}]}}");
  const json::Value status = Status(pod, {Exited("a", 1, 2)});
  const json::Value& entry = status["containerStatuses"][0];
  EXPECT_EQ(entry["state"]["waiting"]["reason"].AsString(), "CrashLoopBackOff");
  EXPECT_EQ(entry["lastState"]["terminated"]["exitCode"].AsInt(), 1);
  EXPECT_EQ(entry["restartCount"].AsInt(), 2);
  EXPECT_EQ(status["phase"].AsString(), "Running");
}

TEST(PodStatus, WaitingContainersSayWhatFor) {
  const json::Value pod = Yaml(kTwoInits);
  const json::Value status = Status(pod, {Running("i")});
  EXPECT_EQ(status["phase"].AsString(), "Pending");
  EXPECT_EQ(status["containerStatuses"][0]["state"]["waiting"]["reason"].AsString(),
            "PodInitializing");
  const json::Value pulling = Status(Yaml("spec: {containers: [{name: a}]}"), {}, {},
                                     {{"a", {"ErrImagePull", "no image"}}});
  EXPECT_EQ(pulling["containerStatuses"][0]["state"]["waiting"]["message"].AsString(), "no image");
}

TEST(PodStatus, IsTheSameForTheSameInputs) {
  json::Value pod = Yaml(kTwoInits);
  const json::Value first = Status(pod, {Running("i")});
  pod.Set("status", first);
  EXPECT_EQ(Status(pod, {Running("i")}), first);
}

}  // namespace
}  // namespace leat::node
