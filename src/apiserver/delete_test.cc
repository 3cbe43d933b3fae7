// Deletion: grace, finalizers, owners, namespaces, expiry.
#include "api/meta.h"
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using api::gvr::kConfigMaps;
using api::gvr::kCustomResourceDefinitions;
using api::gvr::kNamespaces;
using api::gvr::kPods;

class DeleteTest : public ApiTest {
 protected:
  json::Value Make(const api::Gvr& type, const json::Value& object) {
    auto made = client().Create(type, object);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(json::Value());
  }
  json::Value MakeOwned(const std::string& name, const json::Value& owner) {
    json::Value object = ConfigMap(name, "1");
    object.Mut("metadata").Mut("ownerReferences").Push(api::ControllerReference(owner));
    return Make(kConfigMaps, object);
  }
  bool Exists(const api::Gvr& type, const api::ObjectName& name) {
    return client().Get(type, name).has_value();
  }
};

TEST_F(DeleteTest, PlainObjectIsGoneAtOnce) {
  Make(kConfigMaps, ConfigMap("a", "1"));
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "a"}));
  EXPECT_FALSE(Exists(kConfigMaps, {"default", "a"}));
  EXPECT_EQ(client().Delete(kConfigMaps, {"default", "a"}).error().code, Code::kNotFound);
}

TEST_F(DeleteTest, PreconditionsProtectAnotherObject) {
  Make(kConfigMaps, ConfigMap("a", "1"));
  auto refused = client().Delete(kConfigMaps, {"default", "a"}, {.uid = "someone-else"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_TRUE(Exists(kConfigMaps, {"default", "a"}));
}

TEST_F(DeleteTest, UnboundPodIsGoneAtOnce) {
  Make(kPods, Pod("web"));
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}));
  EXPECT_FALSE(Exists(kPods, {"default", "web"}));
}

TEST_F(DeleteTest, BoundPodWaitsForItsNode) {
  json::Value pod = Pod("web");
  pod.Mut("spec").Set("terminationGracePeriodSeconds", 45);
  Make(kPods, pod);
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}));
  auto marked = client().Get(kPods, {"default", "web"});
  ASSERT_TRUE(marked);
  EXPECT_EQ((*marked)["metadata"]["deletionGracePeriodSeconds"].AsInt(), 45);
  EXPECT_EQ((*marked)["metadata"]["deletionTimestamp"].AsString(),
            FormatTime(clock_.Now() + std::chrono::seconds(45)));
  // Sooner is allowed, later is not.
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}, {.grace_period_seconds = 10}));
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}, {.grace_period_seconds = 60}));
  marked = client().Get(kPods, {"default", "web"});
  EXPECT_EQ((*marked)["metadata"]["deletionGracePeriodSeconds"].AsInt(), 10);
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}, {.grace_period_seconds = 0}));
  EXPECT_FALSE(Exists(kPods, {"default", "web"}));
}

TEST_F(DeleteTest, FinishedPodNeedsNoGrace) {
  Make(kPods, Pod("web"));
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  ASSERT_TRUE(client().Patch(kPods, {"default", "web"}, api::PatchType::kMerge,
                             *json::Parse(R"({"status":{"phase":"Succeeded"}})"), "status"));
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}));
  EXPECT_FALSE(Exists(kPods, {"default", "web"}));
}

TEST_F(DeleteTest, FinalizersHoldAnObject) {
  json::Value object = ConfigMap("a", "1");
  object.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  Make(kConfigMaps, object);
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "a"}));
  auto held = client().Get(kConfigMaps, {"default", "a"});
  ASSERT_TRUE(held);
  EXPECT_TRUE(api::IsBeingDeleted(*held));
  json::Value released = *held;
  api::RemoveFinalizer(released, "example.com/hold");
  ASSERT_TRUE(client().Update(kConfigMaps, released));
  EXPECT_FALSE(Exists(kConfigMaps, {"default", "a"}));
}

TEST_F(DeleteTest, FinalizersOutlastThePodsGrace) {
  json::Value pod = Pod("web");
  pod.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  Make(kPods, pod);
  ASSERT_TRUE(client().BindPod({"default", "web"}, "node-a"));
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}));
  const json::Value release = *json::Parse(R"({"metadata":{"finalizers":null}})");
  ASSERT_TRUE(client().Patch(kPods, {"default", "web"}, api::PatchType::kMerge, release));
  EXPECT_TRUE(Exists(kPods, {"default", "web"})) << "its containers may still run";
  ASSERT_TRUE(client().Delete(kPods, {"default", "web"}, {.grace_period_seconds = 0}));
  EXPECT_FALSE(Exists(kPods, {"default", "web"}));
}

TEST_F(DeleteTest, DependentsFollowTheirOwner) {
  const json::Value owner = Make(kConfigMaps, ConfigMap("owner", "1"));
  const json::Value child = MakeOwned("child", owner);
  MakeOwned("grandchild", child);
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "owner"}));
  AwaitGone(kConfigMaps, {"default", "child"});
  AwaitGone(kConfigMaps, {"default", "grandchild"});
}

TEST_F(DeleteTest, ObjectOfAnAbsentOwnerIsCollected) {
  const json::Value owner = Make(kConfigMaps, ConfigMap("owner", "1"));
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "owner"}));
  MakeOwned("late", owner);
  AwaitGone(kConfigMaps, {"default", "late"});
}

TEST_F(DeleteTest, DependentsOfADeletedTypeAreCollected) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  MakeOwned("child", Make(kWidgets, Widget("w", 1)));
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  AwaitGone(kConfigMaps, {"default", "child"});
}

TEST_F(DeleteTest, WhatIsGivenAnOwnerWhoseTypeIsGoneIsCollected) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  const json::Value owner = Make(kWidgets, Widget("w", 1));
  json::Value adopted = Make(kConfigMaps, ConfigMap("adopted", "1"));
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  AwaitGone(kCustomResourceDefinitions, {"", "widgets.example.com"});
  // By a controller that has not seen yet that its object is gone.
  MakeOwned("late", owner);
  adopted.Mut("metadata").Mut("ownerReferences").Push(api::ControllerReference(owner));
  ASSERT_TRUE(client().Update(kConfigMaps, adopted));
  AwaitGone(kConfigMaps, {"default", "late"});
  AwaitGone(kConfigMaps, {"default", "adopted"});
}

TEST_F(DeleteTest, ADependentThatMayNotBeDeletedHoldsUpNothing) {
  json::Value definition = WidgetDefinition();
  definition.Mut("spec").Set("scope", "Cluster");
  Make(kCustomResourceDefinitions, definition);
  json::Value widget = Widget("w", 1);
  widget.Mut("metadata").Erase("namespace");
  const json::Value owner = Make(kWidgets, widget);
  json::Value patch = json::Object();
  patch.Mut("metadata").Mut("ownerReferences").Push(api::ControllerReference(owner));
  ASSERT_TRUE(client().Patch(kNamespaces, {"", "default"}, api::PatchType::kStrategicMerge, patch));
  MakeOwned("child", owner);
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  AwaitGone(kCustomResourceDefinitions, {"", "widgets.example.com"});
  EXPECT_FALSE(Exists(kConfigMaps, {"default", "child"}));
  EXPECT_TRUE(Exists(kNamespaces, {"", "default"}));
}

TEST_F(DeleteTest, OwnersOfUnknownKindsCountAsThere) {
  json::Value foreign = json::Object({{"apiVersion", "apps/v1"},
                                      {"kind", "Deployment"},
                                      {"metadata", json::Object({{"name", "d"}, {"uid", "u"}})}});
  MakeOwned("kept", foreign);
  const json::Value owner = Make(kConfigMaps, ConfigMap("owner", "1"));
  MakeOwned("child", owner);
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "owner"}));
  AwaitGone(kConfigMaps, {"default", "child"});  // the collector has come past "kept" by then
  EXPECT_TRUE(Exists(kConfigMaps, {"default", "kept"}));
}

TEST_F(DeleteTest, OneOfTwoOwnersIsEnough) {
  const json::Value first = Make(kConfigMaps, ConfigMap("first", "1"));
  const json::Value second = Make(kConfigMaps, ConfigMap("second", "1"));
  json::Value object = ConfigMap("child", "1");
  json::Value reference = api::ControllerReference(first);
  object.Mut("metadata").Mut("ownerReferences").Push(reference);
  reference = api::ControllerReference(second);
  reference.Set("controller", false);
  object.Mut("metadata").Mut("ownerReferences").Push(reference);
  Make(kConfigMaps, object);
  ASSERT_TRUE(client().Delete(kConfigMaps, {"default", "first"}));
  const json::Value left = Await(kConfigMaps, {"default", "child"}, [](const json::Value& child) {
    return child["metadata"]["ownerReferences"].size() == 1;
  });
  EXPECT_EQ(left["metadata"]["ownerReferences"][0]["name"].AsString(), "second");
}

TEST_F(DeleteTest, CollectionGoesOnAfterARestart) {
  const json::Value owner = Make(kConfigMaps, ConfigMap("owner", "1"));
  MakeOwned("child", owner);
  // As if the server had died between the owner's end and the collection.
  auto entry = store().Get({"configmaps", "default", "owner"});
  ASSERT_TRUE(entry);
  ASSERT_TRUE(store().Delete((*entry)->key, (*entry)->revision));
  Restart();
  AwaitGone(kConfigMaps, {"default", "child"});
}

TEST_F(DeleteTest, AnOrphanDeletionCutOffByACrashStillKeepsTheDependents) {
  // The collector's first look after a restart is at the owner: "a" comes before its dependents.
  const json::Value owner = Make(kConfigMaps, ConfigMap("a", "1"));
  constexpr int kDependents = 100;
  for (int i = 0; i < kDependents; ++i) MakeOwned("child-" + std::to_string(i), owner);
  // As if the server had died right after it had marked the owner.
  ASSERT_TRUE(store().Update({"configmaps", "default", "a"}, [&](const store::Entry& entry) {
    json::Value marked = entry.value;
    marked.Mut("metadata").Set("deletionTimestamp", FormatTime(clock_.Now()));
    marked.Mut("metadata").Set("deletionGracePeriodSeconds", 0);
    api::AddFinalizer(marked, "orphan");
    return Result<std::optional<json::Value>>(std::move(marked));
  }));
  Restart();
  AwaitGone(kConfigMaps, {"default", "a"});
  for (int i = 0; i < kDependents; ++i) {
    auto child = client().Get(kConfigMaps, {"default", "child-" + std::to_string(i)});
    ASSERT_TRUE(child) << child.error().message;
    EXPECT_FALSE((*child)["metadata"].Has("ownerReferences"));
  }
}

TEST_F(DeleteTest, ATypeDeletionCutOffByACrashStillCollectsTheDependents) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    MakeOwned("child-" + name, Make(kWidgets, Widget("w-" + name, 1)));
  }
  ASSERT_TRUE(
      store().Update({"customresourcedefinitions.apiextensions.k8s.io", "", "widgets.example.com"},
                     [&](const store::Entry& entry) {
                       json::Value marked = entry.value;
                       marked.Mut("metadata").Set("deletionTimestamp", FormatTime(clock_.Now()));
                       marked.Mut("metadata").Set("deletionGracePeriodSeconds", 0);
                       api::AddFinalizer(marked, "customresourcecleanup.apiextensions.k8s.io");
                       return Result<std::optional<json::Value>>(std::move(marked));
                     }));
  Restart();
  AwaitGone(kCustomResourceDefinitions, {"", "widgets.example.com"});
  for (int i = 0; i < 100; ++i) {
    AwaitGone(kConfigMaps, {"default", "child-" + std::to_string(i)});
  }
}

TEST_F(DeleteTest, NamespaceTakesItsContentAlong) {
  MakeNamespace("team");
  json::Value inside = ConfigMap("a", "1");
  inside.Mut("metadata").Set("namespace", "team");
  Make(kConfigMaps, inside);
  auto active = client().Get(kNamespaces, {"", "team"});
  EXPECT_EQ((*active)["status"]["phase"].AsString(), "Active");
  ASSERT_TRUE(client().Delete(kNamespaces, {"", "team"}));
  AwaitGone(kNamespaces, {"", "team"});
  EXPECT_FALSE(Exists(kConfigMaps, {"team", "a"}));
}

TEST_F(DeleteTest, TerminatingNamespaceSaysWhatItWaitsForAndTakesNothingNew) {
  MakeNamespace("team");
  json::Value inside = ConfigMap("a", "1");
  inside.Mut("metadata").Set("namespace", "team");
  inside.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  Make(kConfigMaps, inside);
  ASSERT_TRUE(client().Delete(kNamespaces, {"", "team"}));
  const json::Value waiting = Await(kNamespaces, {"", "team"}, [](const json::Value& ns) {
    return !ns["status"]["conditions"].empty();
  });
  EXPECT_EQ(waiting["status"]["phase"].AsString(), "Terminating");
  EXPECT_NE(waiting["status"]["conditions"][0]["message"].AsString().find(
                "configmaps has 1 resource instances"),
            std::string::npos);
  json::Value more = ConfigMap("b", "1");
  more.Mut("metadata").Set("namespace", "team");
  auto refused = client().Create(kConfigMaps, more);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(refused.error().message,
            "configmaps \"b\" is forbidden: unable to create new content in namespace team because "
            "it is being terminated");
  ASSERT_TRUE(client().Patch(kConfigMaps, {"team", "a"}, api::PatchType::kMerge,
                             *json::Parse(R"({"metadata":{"finalizers":null}})")));
  AwaitGone(kNamespaces, {"", "team"});
}

TEST_F(DeleteTest, EveryNamespaceHasItsDefaultServiceAccount) {
  const auto& type = api::gvr::kServiceAccounts;
  EXPECT_TRUE(Exists(type, {"default", "default"}));
  EXPECT_TRUE(Exists(type, {"kube-system", "default"}));
  MakeNamespace("team");
  const auto there = [](const json::Value&) { return true; };
  auto watch = client().Watch(type, {.ns = "team"}, "");
  ASSERT_TRUE(watch);
  ASSERT_TRUE((*watch)->Next(kPatience, {}));
  const json::Value first = Await(type, {"team", "default"}, there);
  ASSERT_TRUE(client().Delete(type, {"team", "default"}));
  EXPECT_EQ((*watch)->Next(kPatience, {})->type, api::WatchEventType::kDeleted);
  EXPECT_EQ((*watch)->Next(kPatience, {})->type, api::WatchEventType::kAdded);
  const json::Value second = Await(type, {"team", "default"}, there);
  EXPECT_NE(first["metadata"]["uid"], second["metadata"]["uid"]);
  ASSERT_TRUE(client().Delete(kNamespaces, {"", "team"}));
  AwaitGone(kNamespaces, {"", "team"});
  EXPECT_FALSE(Exists(type, {"team", "default"}));
}

TEST_F(DeleteTest, StandardNamespacesStay) {
  auto refused = client().Delete(kNamespaces, {"", "default"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "namespaces \"default\" is forbidden: this namespace may not be deleted");
  EXPECT_TRUE(Exists(kNamespaces, {"", "kube-node-lease"}));
}

TEST_F(DeleteTest, EventsExpireAnHourAfterTheirLastWrite) {
  const auto event = [](const std::string& name) {
    return json::Object(
        {{"metadata", json::Object({{"name", name}, {"namespace", "default"}})},
         {"involvedObject",
          json::Object({{"kind", "Pod"}, {"namespace", "default"}, {"name", "web"}})},
         {"reason", "Started"},
         {"type", "Normal"}});
  };
  Make(api::gvr::kEvents, event("old"));
  Make(api::gvr::kEvents, event("touched"));
  clock_.AwaitSleepers(2);  // the store's ticker, and the expiry that we advance the clock for
  clock_.Advance(std::chrono::minutes(30));
  ASSERT_TRUE(client().Patch(api::gvr::kEvents, {"default", "touched"}, api::PatchType::kMerge,
                             *json::Parse(R"({"count":2})")));
  clock_.Advance(std::chrono::minutes(31));
  AwaitGone(api::gvr::kEvents, {"default", "old"});
  EXPECT_TRUE(Exists(api::gvr::kEvents, {"default", "touched"}));
}

}  // namespace
}  // namespace leat::apiserver
