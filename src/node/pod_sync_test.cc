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

  io::TempDir dir_;
  Pods cluster_;
  RealClock clock_;
  FakeRuntime runtime_;
  AddressBook addresses_;
  DataMounter mounter_{"false", {"/nonexistent"}};
  PodSync sync_{"node-1", PodDirs(dir_.path()), cluster_, clock_, runtime_, addresses_, mounter_};
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

TEST_F(PodSyncTest, WhatIsLeftOfAPodThatIsGoneIsRemoved) {
  runtime_.sandboxes["gone"];
  ASSERT_TRUE(io::MakeDirs(PodDirs(dir_.path()).Pod("gone")));
  ASSERT_TRUE(sync_.RemoveOrphans());
  EXPECT_TRUE(runtime_.sandboxes.empty());
  EXPECT_FALSE(io::Exists(PodDirs(dir_.path()).Pod("gone")));
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

}  // namespace
}  // namespace leat::node
