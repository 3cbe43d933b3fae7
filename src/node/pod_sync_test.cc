#include "node/pod_sync.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "json/yaml.h"
#include "node/testing/fake_runtime.h"
#include "node/testing/no_objects.h"

namespace leat::node {
namespace {

// A cluster with some pods and nothing else, that remembers the last patch of one.
class Pods : public NoObjects {
 public:
  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override {
    if (type == api::gvr::kPods)
      for (const json::Value& pod : pods)
        if (pod["metadata"]["name"].AsString() == name.name) return pod;
    return NoObjects::Get(type, name);
  }
  Result<api::ObjectList> List(const api::Gvr&, const api::ListOptions&) override {
    api::ObjectList list;
    list.items = pods;
    if (listed) listed();
    return list;
  }
  Result<json::Value> UpdateStatus(const api::Gvr&, const json::Value& object) override {
    for (json::Value& pod : pods)
      if (pod["metadata"]["name"] == object["metadata"]["name"]) return pod = object;
    return NoObjects::UpdateStatus(api::gvr::kPods, object);
  }
  Result<json::Value> Patch(const api::Gvr&, const api::ObjectName&, api::PatchType,
                            const json::Value& patch, std::string_view) override {
    return last_patch = patch;
  }
  Result<json::Value> Create(const api::Gvr&, const json::Value& object) override { return object; }

  std::vector<json::Value> pods;
  std::function<void()> listed;  // called once List has its answer
  json::Value last_patch;
};

class PodSyncTest : public testing::Test {
 protected:
  static json::Value Pod(const std::string& spec = "{nodeName: node-1, containers: [{name: c}]}") {
    return json::ParseYaml(
               "{kind: Pod, metadata: {name: p, namespace: d, uid: u, resourceVersion: "
               "\"7\"}, spec: " +
               spec + "}")
        ->front();
  }
  json::Value Reconciled() {
    const auto outcome = sync_.Reconcile({"d", "p"}, {});
    EXPECT_TRUE(outcome) << outcome.error().message;
    return cluster_.pods.front();
  }
  void Ended(int run) {
    runtime_.sandboxes["u"].push_back({.id = "u_c_" + std::to_string(run),
                                       .sandbox_id = "u",
                                       .name = "c",
                                       .attempt = run,
                                       .state = ContainerState::kExited});
  }
  static std::string Message(const json::Value& pod) {
    return pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"].Str();
  }

  io::TempDir dir_;
  const PodDirs dirs_{dir_.path(), dir_.path() + "/run"};
  Pods cluster_;
  FakeClock clock_;
  FakeRuntime runtime_;
  AddressBook addresses_;
  LogRotation logs_{clock_};
  DataMounter mounter_{"false", {"/nonexistent"}};
  PodSync sync_{"node-1", dirs_, cluster_, clock_, runtime_, addresses_, mounter_, logs_};
};

TEST_F(PodSyncTest, APodThatIsBoundWhileOrphansAreSoughtIsNone) {
  const auto bind = [&] {
    if (!cluster_.pods.empty()) return;
    cluster_.pods.push_back(Pod());
    runtime_.sandboxes["u"];
  };
  cluster_.listed = runtime_.listed = bind;
  ASSERT_TRUE(sync_.RemoveOrphans());
  EXPECT_TRUE(runtime_.sandboxes.contains("u"));
}

TEST_F(PodSyncTest, WhatIsLeftOfAPodThatWentIsRemoved) {
  cluster_.pods = {Pod()};
  ASSERT_TRUE(sync_.KeepOrphans());
  runtime_.sandboxes["u"];
  ASSERT_TRUE(io::MakeDirs(dirs_.Volume("u", "v")));
  cluster_.pods.clear();
  ASSERT_TRUE(sync_.RemoveOrphans());
  EXPECT_TRUE(runtime_.sandboxes.empty());
  EXPECT_FALSE(io::Exists(dirs_.Pod("u")));
  EXPECT_FALSE(io::Exists(dirs_.LostAndFound()));
}

TEST_F(PodSyncTest, WhatBelongsToAPodThatWasNeverThereIsKept) {
  runtime_.sandboxes["other"];
  ASSERT_TRUE(io::MakeDirs(dirs_.Volume("other", "v")));
  ASSERT_TRUE(io::WriteFile(dirs_.Volume("other", "v") + "/results", "dear"));
  ASSERT_TRUE(io::MakeDirs(dirs_.Logs("other")));
  ASSERT_TRUE(sync_.RemoveOrphans());
  EXPECT_TRUE(io::Exists(dirs_.Volume("other", "v") + "/results"));
  ASSERT_TRUE(sync_.KeepOrphans());
  EXPECT_TRUE(runtime_.sandboxes.empty());
  EXPECT_FALSE(io::Exists(dirs_.Pod("other")));
  EXPECT_EQ(*io::ReadFile(dirs_.LostAndFound() + "/other/volumes/v/results"), "dear");
  EXPECT_TRUE(io::Exists(dirs_.LostAndFound() + "/other/logs"));
}

TEST_F(PodSyncTest, OrphansThatCannotBeListedAreNotTakenForNone) {
  runtime_.sandboxes["other"];
  runtime_.unlistable = true;
  EXPECT_FALSE(sync_.KeepOrphans());
  EXPECT_FALSE(sync_.RemoveOrphans());
  runtime_.unlistable = false;
  EXPECT_TRUE(sync_.KeepOrphans());
  EXPECT_TRUE(runtime_.sandboxes.empty());
}

TEST_F(PodSyncTest, AnOrphanThatCannotBeEndedHoldsUpNoOtherAndIsTriedAgain) {
  for (const char* uid : {"a", "b"}) {
    runtime_.sandboxes[uid];
    ASSERT_TRUE(io::MakeDirs(dirs_.Volume(uid, "v")));
  }
  runtime_.unstoppable = {"a"};
  const Status kept = sync_.KeepOrphans();
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().message, "a: a does not end");
  EXPECT_TRUE(runtime_.sandboxes.contains("a"));
  EXPECT_FALSE(runtime_.sandboxes.contains("b"));
  EXPECT_TRUE(io::Exists(dirs_.LostAndFound() + "/b/volumes/v"));

  runtime_.unstoppable.clear();
  runtime_.sandboxes["u"];  // not one of them: it came and went meanwhile
  cluster_.pods = {Pod("{nodeName: node-1, restartPolicy: Never, containers: [{name: c}]}")};
  Reconciled();
  cluster_.pods.clear();
  ASSERT_TRUE(sync_.KeepOrphans());
  EXPECT_FALSE(runtime_.sandboxes.contains("a"));
  EXPECT_TRUE(io::Exists(dirs_.LostAndFound() + "/a/volumes/v"));
  EXPECT_TRUE(runtime_.sandboxes.contains("u"));
}

TEST_F(PodSyncTest, WhatIsFoundOfTheSamePodOnceMoreIsKeptBesideTheFirst) {
  for (const char* text : {"first", "second"}) {
    ASSERT_TRUE(io::MakeDirs(dirs_.Volume("other", "v")));
    ASSERT_TRUE(io::WriteFile(dirs_.Volume("other", "v") + "/results", text));
    ASSERT_TRUE(sync_.KeepOrphans());
  }
  EXPECT_EQ(*io::ReadFile(dirs_.LostAndFound() + "/other/volumes/v/results"), "first");
  EXPECT_EQ(*io::ReadFile(dirs_.LostAndFound() + "/other.2/volumes/v/results"), "second");
}

TEST_F(PodSyncTest, AMessageIsAlsoFoundWhereAnEarlierLeatPutIt) {
  cluster_.pods = {Pod("{nodeName: node-1, restartPolicy: Never, containers: [{name: c}]}")};
  Ended(0);
  const std::string file = dirs_.OldTerminationMessage("u", "c", 0);
  ASSERT_TRUE(io::MakeDirs(file.substr(0, file.rfind('/'))));
  ASSERT_TRUE(io::WriteFile(file, "report"));
  EXPECT_EQ(Message(Reconciled()), "report");
}

TEST_F(PodSyncTest, AMessageThatTheStatusTellsStaysWhenItsFileIsGone) {
  cluster_.pods = {Pod("{nodeName: node-1, restartPolicy: Never, containers: [{name: c}]}")};
  Ended(0);
  const std::string file = dirs_.TerminationMessage("u", "c", 0);
  ASSERT_TRUE(io::MakeDirs(file.substr(0, file.rfind('/'))));
  ASSERT_TRUE(io::WriteFile(file, "report"));
  EXPECT_EQ(Message(Reconciled()), "report");
  for (const std::string& gone : {file, dirs_.KeptMessage("u", "c", 0)})
    ASSERT_TRUE(io::Remove(gone));
  EXPECT_EQ(Message(Reconciled()), "report");
}

TEST_F(PodSyncTest, TheHostsOfAPodThatAnEarlierLeatStartedAreKeptUpToDate) {
  cluster_.pods = {Pod()};
  runtime_.sandboxes["u"].push_back(
      {.id = "u_c_0", .sandbox_id = "u", .name = "c", .state = ContainerState::kRunning});
  ASSERT_TRUE(io::MakeDirs(dirs_.Pod("u")));
  ASSERT_TRUE(io::WriteFile(dirs_.OldHosts("u"), std::string(1000, 'x')));
  Reconciled();
  const std::string hosts = *io::ReadFile(dirs_.OldHosts("u"));
  EXPECT_TRUE(hosts.starts_with("127.0.0.1\tlocalhost\n")) << hosts;
  EXPECT_TRUE(hosts.ends_with("\tp\n")) << hosts;
}

TEST_F(PodSyncTest, OfTheRunsBeforeTheLastOneNothingStays) {
  cluster_.pods = {Pod()};
  ASSERT_TRUE(io::MakeDirs(dirs_.Logs("u") + "/c"));
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(AdvanceLog(dirs_.Log("u", "c", run), clock_.Now()));
    ASSERT_TRUE(io::MakeDirs(dirs_.MessageDir("u", "c")));
    ASSERT_TRUE(io::WriteFile(dirs_.TerminationMessage("u", "c", run), "x"));
    Ended(run);
    ASSERT_EQ(sync_.KeepMessage("u", runtime_.sandboxes["u"].back()), "x");
  }
  clock_.Advance(std::chrono::hours(1));
  Reconciled();
  EXPECT_TRUE(OpenLogFiles(dirs_.Log("u", "c", 0)).empty());
  EXPECT_EQ(OpenLogFiles(dirs_.Log("u", "c", 1)).size(), 1u);
  EXPECT_FALSE(io::Exists(dirs_.KeptMessage("u", "c", 0)));
  EXPECT_TRUE(io::Exists(dirs_.KeptMessage("u", "c", 1)));
  for (int run = 0; run < 2; ++run)  // their room is the next run's
    EXPECT_FALSE(io::Exists(dirs_.TerminationMessage("u", "c", run)));
  ASSERT_EQ(runtime_.sandboxes["u"].size(), 2u);
  EXPECT_EQ(runtime_.sandboxes["u"][0].attempt, 1);
  EXPECT_EQ(runtime_.sandboxes["u"][1].attempt, 2);
}

TEST_F(PodSyncTest, EvictsThisPodAsItIsAndNoOther) {
  ASSERT_TRUE(sync_.Evict(Pod(), "too much"));
  EXPECT_EQ(cluster_.last_patch["metadata"]["uid"].AsString(), "u");
  EXPECT_EQ(cluster_.last_patch["metadata"]["resourceVersion"].AsString(), "7");
  EXPECT_EQ(cluster_.last_patch["status"]["reason"].AsString(), "Evicted");
}

TEST_F(PodSyncTest, AContainerWhoseVolumeIsMissingSaysSo) {
  cluster_.pods = {
      Pod("{nodeName: node-1, containers: [{name: c}], volumes: [{name: v, configMap: {name: "
          "none}}]}")};
  const json::Value pod = Reconciled();
  const json::Value& waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"];
  EXPECT_EQ(waiting["reason"].AsString(), "FailedMount");
  EXPECT_NE(waiting["message"].Str().find("volume \"v\""), std::string::npos);
  EXPECT_TRUE(runtime_.sandboxes["u"].empty());
}

TEST_F(PodSyncTest, NoInitContainerStartsWhileAnImageIsMissing) {
  cluster_.pods = {
      Pod("{nodeName: node-1, initContainers: [{name: i, image: a}], containers: [{name: c, image: "
          "x}]}")};
  runtime_.missing_images = {"x"};
  const json::Value status = Reconciled()["status"];
  const json::Value& waiting = status["containerStatuses"][0]["state"]["waiting"];
  EXPECT_EQ(waiting["reason"].AsString(), "ErrImagePull");
  EXPECT_EQ(waiting["message"].AsString(), "nobody maps x");
  EXPECT_EQ(status["initContainerStatuses"][0]["state"]["waiting"]["reason"].AsString(),
            "PodInitializing");
  EXPECT_TRUE(runtime_.sandboxes["u"].empty());

  runtime_.missing_images.clear();
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(Reconciled()["status"]["initContainerStatuses"][0]["state"].Has("running"));
  // Once it has begun, it goes on: an image that goes missing then is told in its turn.
  runtime_.missing_images = {"x"};
  EXPECT_EQ(Reconciled()["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].AsString(),
            "PodInitializing");
}

TEST_F(PodSyncTest, AMissingImageKeepsNoContainerBesideItWaiting) {
  cluster_.pods = {
      Pod("{nodeName: node-1, containers: [{name: c, image: a}, {name: d, image: x}]}")};
  runtime_.missing_images = {"x"};
  const json::Value statuses = Reconciled()["status"]["containerStatuses"];
  EXPECT_TRUE(statuses[0]["state"].Has("running"));
  EXPECT_EQ(statuses[1]["state"]["waiting"]["reason"].AsString(), "ErrImagePull");
}

}  // namespace
}  // namespace leat::node
