// Create, update and patch through the in-process client.
#include <thread>

#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using api::gvr::kConfigMaps;
using api::gvr::kPods;
using WriteTest = ApiTest;

TEST_F(WriteTest, CreateFillsInWhatTheServerOwns) {
  json::Value asked = Pod("web");
  asked.Set("status", json::Object({{"phase", "Running"}}));
  asked.Mut("metadata").Set("uid", "mine").Set("managedFields", json::Array({}));
  auto made = client().Create(kPods, asked);
  ASSERT_TRUE(made) << made.error().message;
  const json::Value& metadata = (*made)["metadata"];
  EXPECT_EQ(metadata["uid"].AsString().size(), 36u);
  EXPECT_EQ(metadata["creationTimestamp"].AsString(), FormatTime(clock_.Now()));
  EXPECT_FALSE(metadata["resourceVersion"].AsString().empty());
  EXPECT_FALSE(metadata.Has("managedFields"));
  EXPECT_FALSE(metadata.Has("selfLink"));
  EXPECT_EQ((*made)["status"]["phase"].AsString(), "Pending");
  EXPECT_EQ((*made)["status"]["qosClass"].AsString(), "BestEffort");
}

TEST_F(WriteTest, EqualLimitsMakeAGuaranteedPod) {
  json::Value pod = Pod("web");
  pod.Mut("spec")
      .Mut("containers")
      .MutItems()[0]
      .Set("resources",
           json::Object({{"limits", json::Object({{"cpu", "500m"}, {"memory", "64Mi"}})}}));
  auto made = client().Create(kPods, pod);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)["status"]["qosClass"].AsString(), "Guaranteed");
}

TEST_F(WriteTest, CreateTwiceIsAlreadyExists) {
  ASSERT_TRUE(client().Create(kConfigMaps, ConfigMap("a", "1")));
  auto again = client().Create(kConfigMaps, ConfigMap("a", "2"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  EXPECT_EQ(again.error().message, "configmaps \"a\" already exists");
}

TEST_F(WriteTest, GenerateNameMakesDifferentNames) {
  json::Value object = ConfigMap("", "1");
  object.Mut("metadata").Erase("name");
  object.Mut("metadata").Set("generateName", "run-");
  auto one = client().Create(kConfigMaps, object);
  auto two = client().Create(kConfigMaps, object);
  ASSERT_TRUE(one && two);
  const std::string name = api::NameOf(*one).name;
  EXPECT_TRUE(name.starts_with("run-"));
  EXPECT_EQ(name.size(), 9u);
  EXPECT_NE(name, api::NameOf(*two).name);
}

TEST_F(WriteTest, ObjectWithoutAnyNameIsInvalid) {
  json::Value object = ConfigMap("", "1");
  object.Mut("metadata").Erase("name");
  auto made = client().Create(kConfigMaps, object);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message,
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is "
            "required");
}

TEST_F(WriteTest, MissingNamespaceIsNotFound) {
  json::Value object = ConfigMap("a", "1");
  object.Mut("metadata").Set("namespace", "nowhere");
  auto made = client().Create(kConfigMaps, object);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kNotFound);
  EXPECT_EQ(made.error().message, "namespaces \"nowhere\" not found");
}

TEST_F(WriteTest, SecretStringDataBecomesData) {
  auto made = client().Create(
      api::gvr::kSecrets,
      json::Object({{"metadata", json::Object({{"name", "s"}, {"namespace", "default"}})},
                    {"stringData", json::Object({{"password", "hunter2"}})}}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)["data"]["password"].AsString(), "aHVudGVyMg==");
  EXPECT_FALSE(made->Has("stringData"));
}

TEST_F(WriteTest, SecretStringDataThatIsNoTextIsRefusedAndNotStoredAsEmpty) {
  const json::Value metadata = json::Object({{"name", "s"}, {"namespace", "default"}});
  const auto secret = [&](const char* members) {
    json::Value made = *json::Parse(members);
    made.Set("metadata", metadata);
    return made;
  };
  for (const char* wrong :
       {R"({"stringData":{"port":5432}})", R"({"stringData":{"a":"x","b":{"c":"d"}}})",
        R"({"stringData":"text"})", R"({"stringData":{"a":"x"},"data":"eA=="})",
        R"({"stringData":{"a":"x"},"data":["eA=="]})"}) {
    auto made = client().Create(api::gvr::kSecrets, secret(wrong));
    ASSERT_FALSE(made) << wrong << json::Print(*made);
    EXPECT_EQ(made.error().code, Code::kInvalid) << wrong;
  }
  ASSERT_TRUE(client().Create(api::gvr::kSecrets, secret(R"({"stringData":{"port":"5432"}})")));
  auto patched = client().Patch(api::gvr::kSecrets, {"default", "s"}, api::PatchType::kMerge,
                                *json::Parse(R"({"stringData":{"port":5433}})"));
  ASSERT_FALSE(patched);
  EXPECT_NE(patched.error().message.find("stringData.port"), std::string::npos)
      << patched.error().message;
  auto kept = client().Get(api::gvr::kSecrets, {"default", "s"});
  EXPECT_EQ((*kept)["data"]["port"].AsString(), "NTQzMg==");
}

TEST_F(WriteTest, StaleUpdateIsAConflict) {
  auto first = client().Create(kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(first);
  json::Value mine = *first;
  mine.Mut("data").Set("key", "2");
  ASSERT_TRUE(client().Update(kConfigMaps, mine));
  json::Value stale = *first;
  stale.Mut("data").Set("key", "3");
  auto refused = client().Update(kConfigMaps, stale);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("the object has been modified"), std::string::npos);
}

TEST_F(WriteTest, UpdateWithoutRevisionReplacesWhatIsThere) {
  ASSERT_TRUE(client().Create(kConfigMaps, ConfigMap("a", "1")));
  auto written = client().Update(kConfigMaps, ConfigMap("a", "2"));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ((*written)["data"]["key"].AsString(), "2");
}

TEST_F(WriteTest, UpdateOfACustomObjectMustNameARevision) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  EXPECT_EQ(client().Update(kWidgets, Widget("w", 2)).error().code, Code::kNotFound);
  ASSERT_TRUE(client().Create(kWidgets, Widget("w", 1)));
  for (const char* revision : {"", "0"}) {
    json::Value next = Widget("w", 2);
    next.Mut("metadata").Set("resourceVersion", revision);
    for (const auto& refused :
         {client().Update(kWidgets, next), client().UpdateStatus(kWidgets, next)}) {
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().message,
                "Widget.example.com \"w\" is invalid: metadata.resourceVersion: Invalid value: "
                "0x0: must be specified for an update");
    }
  }
  EXPECT_TRUE(client().Patch(kWidgets, {"default", "w"}, api::PatchType::kMerge,
                             *json::Parse(R"({"spec":{"size":2}})")));
}

TEST_F(WriteTest, WritingTheSameAgainIsNoWrite) {
  auto first = client().Create(kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(first);
  auto same = client().Update(kConfigMaps, *first);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ((*same)["metadata"]["resourceVersion"], (*first)["metadata"]["resourceVersion"]);
}

TEST_F(WriteTest, UpdateOfAnotherObjectOfThatNameIsAConflict) {
  auto first = client().Create(kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "a"}));
  ASSERT_TRUE(client().Create(kConfigMaps, ConfigMap("a", "2")));
  json::Value old = *first;
  old.Mut("metadata").Erase("resourceVersion");
  auto refused = client().Update(kConfigMaps, old);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
}

TEST_F(WriteTest, GenerationCountsSpecChangesOnly) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  auto made = client().Create(kWidgets, Widget("w", 1));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)["metadata"]["generation"].AsInt(), 1);
  json::Value status = *made;
  status.Set("status", json::Object({{"phase", "Ready"}}));
  auto reported = client().UpdateStatus(kWidgets, status);
  ASSERT_TRUE(reported) << reported.error().message;
  EXPECT_EQ((*reported)["metadata"]["generation"].AsInt(), 1);
  auto labeled = client().Patch(kWidgets, {"default", "w"}, api::PatchType::kMerge,
                                *json::Parse(R"({"metadata":{"labels":{"a":"b"}}})"));
  EXPECT_EQ((*labeled)["metadata"]["generation"].AsInt(), 1);
  auto grown = client().Patch(kWidgets, {"default", "w"}, api::PatchType::kMerge,
                              *json::Parse(R"({"spec":{"size":2}})"));
  EXPECT_EQ((*grown)["metadata"]["generation"].AsInt(), 2);
  EXPECT_EQ((*grown)["status"]["phase"].AsString(), "Ready");
}

TEST_F(WriteTest, StatusAndSpecAreWrittenApart) {
  ASSERT_TRUE(client().Create(api::gvr::kCustomResourceDefinitions, WidgetDefinition()));
  json::Value asked = Widget("w", 1);
  asked.Set("status", json::Object({{"phase", "Ready"}}));
  auto made = client().Create(kWidgets, asked);
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->Has("status"));
  json::Value both = *made;
  both.Mut("spec").Set("size", 7);
  both.Set("status", json::Object({{"phase", "Ready"}}));
  both.Mut("metadata").Mut("labels").Set("a", "b");
  auto status = client().UpdateStatus(kWidgets, both);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ((*status)["spec"]["size"].AsInt(), 1);
  EXPECT_EQ((*status)["status"]["phase"].AsString(), "Ready");
  EXPECT_FALSE((*status)["metadata"].Has("labels"));
  json::Value spec = *status;
  spec.Mut("spec").Set("size", 7);
  spec.Erase("status");
  auto written = client().Update(kWidgets, spec);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ((*written)["spec"]["size"].AsInt(), 7);
  EXPECT_EQ((*written)["status"]["phase"].AsString(), "Ready");
}

TEST_F(WriteTest, PatchesOfAllThreeKindsApply) {
  json::Value pod = Pod("web");
  pod.Mut("metadata").Mut("labels").Set("app", "web");
  ASSERT_TRUE(client().Create(kPods, pod));
  auto strategic = client().Patch(
      kPods, {"default", "web"}, api::PatchType::kStrategicMerge,
      *json::Parse(R"({"spec":{"containers":[{"name":"main","image":"busybox:2"}]}})"));
  ASSERT_TRUE(strategic) << strategic.error().message;
  EXPECT_EQ((*strategic)["spec"]["containers"].size(), 1u);
  EXPECT_EQ((*strategic)["spec"]["containers"][0]["image"].AsString(), "busybox:2");
  auto json_patch = client().Patch(
      kPods, {"default", "web"}, api::PatchType::kJson,
      *json::Parse(R"([{"op":"replace","path":"/metadata/labels/app","value":"x"}])"));
  ASSERT_TRUE(json_patch) << json_patch.error().message;
  EXPECT_EQ((*json_patch)["metadata"]["labels"]["app"].AsString(), "x");
  auto merge = client().Patch(kPods, {"default", "web"}, api::PatchType::kMerge,
                              *json::Parse(R"({"metadata":{"labels":{"app":null}}})"));
  ASSERT_TRUE(merge);
  EXPECT_FALSE((*merge)["metadata"]["labels"].Has("app"));
}

TEST_F(WriteTest, PatchWithARevisionIsAPrecondition) {
  auto made = client().Create(kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(made);
  ASSERT_TRUE(client().Update(kConfigMaps, ConfigMap("a", "2")));
  json::Value patch = json::Object({{"data", json::Object({{"key", "3"}})}});
  patch.Mut("metadata").Set("resourceVersion", (*made)["metadata"]["resourceVersion"]);
  auto refused = client().Patch(kConfigMaps, {"default", "a"}, api::PatchType::kMerge, patch);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
}

TEST_F(WriteTest, PatchMayNotRename) {
  ASSERT_TRUE(client().Create(kConfigMaps, ConfigMap("a", "1")));
  auto refused = client().Patch(kConfigMaps, {"default", "a"}, api::PatchType::kMerge,
                                *json::Parse(R"({"metadata":{"name":"b"}})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

TEST_F(WriteTest, BindingHappensOnce) {
  ASSERT_TRUE(client().Create(kPods, Pod("web")));
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  auto pod = client().Get(kPods, {"default", "web"});
  EXPECT_EQ((*pod)["spec"]["nodeName"].AsString(), "node-a");
  EXPECT_EQ((*pod)["status"]["conditions"][0]["type"].AsString(), "PodScheduled");
  auto again = client().BindPod({"default", "web"}, "node-b");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_NE(again.error().message.find("already assigned to node \"node-a\""), std::string::npos);
}

TEST_F(WriteTest, NoDefaultHidesAMemberOfAWrongType) {
  for (const char* wrong : {R"({"priority":"1"})", R"({"serviceAccountName":1})",
                            R"({"serviceAccount":true})", R"({"preemptionPolicy":0})"}) {
    json::Value pod = Pod("web");
    const json::Value members = *json::Parse(wrong);
    for (const json::Member& member : members.Members()) {
      pod.Mut("spec").Set(member.key, member.value);
    }
    EXPECT_FALSE(client().Create(kPods, pod)) << wrong;
  }
}

TEST_F(WriteTest, BindingMeansThePodOfItsUid) {
  const auto made = client().Create(kPods, Pod("web"));
  ASSERT_TRUE(made);
  auto other = client().BindPod({"default", "web"}, "node-a", "of-an-earlier-pod");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_TRUE((*client().Get(kPods, {"default", "web"}))["spec"]["nodeName"].AsString().empty());
  EXPECT_TRUE(client().BindPod({"default", "web"}, "node-a", (*made)["metadata"]["uid"].Str()));
}

TEST_F(WriteTest, APodIsNotBoundBeforeItsGatesAreGone) {
  json::Value pod = Pod("web");
  pod.Mut("spec").Set("schedulingGates", *json::Parse(R"([{"name":"example.com/quota"}])"));
  const auto made = client().Create(kPods, pod);
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)["status"]["conditions"][0]["reason"].AsString(), "SchedulingGated");
  auto bound = client().BindPod({"default", "web"}, "node-a");
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code, Code::kConflict);
  ASSERT_TRUE(client().Patch(kPods, {"default", "web"}, api::PatchType::kMerge,
                             *json::Parse(R"({"spec":{"schedulingGates":null}})")));
  EXPECT_TRUE(client().BindPod({"default", "web"}, "node-a"));
}

TEST_F(WriteTest, ManyWritersOfOneObjectAllGetThrough) {
  ASSERT_TRUE(client().Create(kConfigMaps, ConfigMap("a", "1")));
  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      const json::Value patch =
          json::Object({{"data", json::Object({{"writer-" + std::to_string(i), "done"}})}});
      auto written = client().Patch(kConfigMaps, {"default", "a"}, api::PatchType::kMerge, patch);
      EXPECT_TRUE(written) << written.error().message;
    });
  }
  writers.clear();
  auto after = client().Get(kConfigMaps, {"default", "a"});
  EXPECT_EQ((*after)["data"].size(), 9u);
}

}  // namespace
}  // namespace leat::apiserver
