// CustomResourceDefinitions: what they serve, under which names, and how they end.
#include "apiserver/crd_controller.h"

#include <atomic>
#include <semaphore>
#include <thread>
#include <utility>

#include "api/meta.h"
#include "apiserver/kind_rules.h"
#include "apiserver/testing/api_fixture.h"

namespace leat::apiserver {
namespace {

using api::gvr::kCustomResourceDefinitions;

class CrdTest : public ApiTest {
 protected:
  json::Value Make(const api::Gvr& type, const json::Value& object) {
    auto made = client().Create(type, object);
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(json::Value());
  }
};

// Gadgets, with the short name of the widgets.
json::Value GadgetDefinition() {
  json::Value gadgets = WidgetDefinition();
  gadgets.Mut("metadata").Set("name", "gadgets.example.com");
  gadgets.Mut("spec")
      .Mut("names")
      .Set("plural", "gadgets")
      .Set("singular", "gadget")
      .Set("kind", "Gadget")
      .Set("listKind", "GadgetList");
  return gadgets;
}

TEST_F(CrdTest, CustomTypeIsServedAtOnceAndTakesItsObjectsAlong) {
  const json::Value crd = Make(kCustomResourceDefinitions, WidgetDefinition());
  const auto& conditions = crd["status"]["conditions"];
  EXPECT_EQ(api::FindCondition(conditions, "Established")["status"].AsString(), "True");
  EXPECT_EQ(api::FindCondition(conditions, "NamesAccepted")["status"].AsString(), "True");
  EXPECT_EQ(crd["status"]["storedVersions"][0].AsString(), "v1");
  Make(kWidgets, Widget("w", 1));
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  AwaitGone(kCustomResourceDefinitions, {"", "widgets.example.com"});
  auto gone = client().Get(kWidgets, {"default", "w"});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kNotFound);
  // A new definition starts empty.
  Make(kCustomResourceDefinitions, WidgetDefinition());
  EXPECT_TRUE(client().List(kWidgets)->items.empty());
}

TEST_F(CrdTest, CustomTypesAreServedAgainAfterARestart) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  Make(kWidgets, Widget("w", 3));
  Restart();
  auto widget = client().Get(kWidgets, {"default", "w"});
  ASSERT_TRUE(widget) << widget.error().message;
  EXPECT_EQ((*widget)["spec"]["size"].AsInt(), 3);
}

TEST_F(CrdTest, DefinitionsWithTakenNamesAreNotEstablished) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value other = WidgetDefinition();
  other.Mut("metadata").Set("name", "gadgets.example.com");
  other.Mut("spec").Mut("names").Set("plural", "gadgets").Set("singular", "gadget");
  const json::Value crd = Make(kCustomResourceDefinitions, other);
  const json::Value& accepted = api::FindCondition(crd["status"]["conditions"], "NamesAccepted");
  EXPECT_EQ(accepted["status"].AsString(), "False");
  EXPECT_NE(accepted["message"].AsString().find("\"Widget\" is already in use"), std::string::npos);
  EXPECT_EQ(json::Print(crd["status"]["acceptedNames"]),
            R"({"categories":["all"],"kind":"","plural":"gadgets","singular":"gadget"})");
}

TEST_F(CrdTest, TheNamesOfATypeAreNotForClientsToAccept) {
  json::Value crd = Make(kCustomResourceDefinitions, WidgetDefinition());
  const json::Value found = crd["status"];
  crd.Mut("status").Mut("acceptedNames").Set("plural", "pods").Set("kind", "Pod");
  json::Value conditions =
      json::Array({json::Object({{"type", "Established"}, {"status", "False"}}),
                   json::Object({{"type", "Mine"}, {"status", "True"}})});
  crd.Mut("status").Set("conditions", conditions);
  const auto written = client().UpdateStatus(kCustomResourceDefinitions, crd);
  ASSERT_TRUE(written) << written.error().message;
  const json::Value& status = (*written)["status"];
  EXPECT_EQ(status["acceptedNames"], found["acceptedNames"]);
  EXPECT_EQ(api::FindCondition(status["conditions"], "Established")["status"].AsString(), "True");
  EXPECT_EQ(api::FindCondition(status["conditions"], "Mine")["status"].AsString(), "True");
  Make(kWidgets, Widget("w", 1));
}

TEST_F(CrdTest, ATakenShortNameIsSaidAndTheTypeNotServed) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  const json::Value crd = Make(kCustomResourceDefinitions, GadgetDefinition());
  const json::Value& conditions = crd["status"]["conditions"];
  const json::Value& accepted = api::FindCondition(conditions, "NamesAccepted");
  EXPECT_EQ(accepted["status"].AsString(), "False");
  EXPECT_EQ(accepted["reason"].AsString(), "ShortNamesConflict");
  EXPECT_EQ(accepted["message"].AsString(), "\"wd\" is already in use by widgets.example.com");
  EXPECT_EQ(api::FindCondition(conditions, "Established")["status"].AsString(), "False");
  EXPECT_FALSE(client().List({"example.com", "v1", "gadgets"}));
}

TEST_F(CrdTest, AFreedNameGoesToWhoeverWaitsForIt) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value gadgets = Make(kCustomResourceDefinitions, GadgetDefinition());
  EXPECT_EQ(gadgets["status"]["acceptedNames"]["kind"].AsString(), "Gadget");
  EXPECT_FALSE(gadgets["status"]["acceptedNames"].Has("shortNames"));
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, {"", "widgets.example.com"}));
  const auto established = [](const json::Value& crd) {
    return api::FindCondition(crd["status"]["conditions"], "Established")["status"].AsString() ==
           "True";
  };
  gadgets = Await(kCustomResourceDefinitions, {"", "gadgets.example.com"}, established);
  EXPECT_EQ(gadgets["status"]["acceptedNames"], gadgets["spec"]["names"]);
  EXPECT_TRUE(client().List({"example.com", "v1", "gadgets"}));
  // One that gives a name away by a change serves another in the same way.
  const json::Value widgets = Make(kCustomResourceDefinitions, WidgetDefinition());
  EXPECT_FALSE(established(widgets));
  ASSERT_TRUE(client().Patch(kCustomResourceDefinitions, {"", "gadgets.example.com"},
                             api::PatchType::kMerge,
                             *json::Parse(R"({"spec":{"names":{"shortNames":["gd"]}}})")));
  Await(kCustomResourceDefinitions, {"", "widgets.example.com"}, established);
  EXPECT_TRUE(client().List(kWidgets));
}

TEST_F(CrdTest, AnEstablishedTypeKeepsItsNamesWhenItAsksForTakenOnes) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value gadgets = GadgetDefinition();
  gadgets.Mut("spec").Mut("names").Erase("shortNames");
  Make(kCustomResourceDefinitions, gadgets);
  const api::Gvr type{"example.com", "v1", "gadgets"};
  json::Value gadget = Widget("g", 1);
  gadget.Set("kind", "Gadget");
  Make(type, gadget);
  auto crd = client().Patch(kCustomResourceDefinitions, {"", "gadgets.example.com"},
                            api::PatchType::kMerge,
                            *json::Parse(R"({"spec":{"names":{"shortNames":["wd"]}}})"));
  ASSERT_TRUE(crd) << crd.error().message;
  const json::Value& conditions = (*crd)["status"]["conditions"];
  EXPECT_EQ(api::FindCondition(conditions, "NamesAccepted")["status"].AsString(), "False");
  EXPECT_EQ(api::FindCondition(conditions, "Established")["status"].AsString(), "True");
  EXPECT_FALSE((*crd)["status"]["acceptedNames"].Has("shortNames"));
  Restart();
  EXPECT_TRUE(client().Get(type, {"default", "g"}));
}

TEST_F(CrdTest, ATerminatingDefinitionKeepsItsFinalizerWhateverClientsWrite) {
  Make(kCustomResourceDefinitions, WidgetDefinition());
  json::Value widget = Widget("w", 1);
  widget.Mut("metadata").Set("finalizers", json::Array({"example.com/hold"}));
  Make(kWidgets, widget);
  const api::ObjectName name{"", "widgets.example.com"};
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, name));
  const json::Value release = *json::Parse(R"({"metadata":{"finalizers":null}})");
  auto crd = client().Patch(kCustomResourceDefinitions, name, api::PatchType::kMerge, release);
  ASSERT_TRUE(crd) << crd.error().message;
  EXPECT_TRUE(api::HasFinalizer(*crd, kCrdFinalizer));
  EXPECT_TRUE(client().Update(kCustomResourceDefinitions, WidgetDefinition()));
  EXPECT_TRUE(client().Get(kWidgets, {"default", "w"}));
  ASSERT_TRUE(client().Patch(kWidgets, {"default", "w"}, api::PatchType::kMerge, release));
  AwaitGone(kCustomResourceDefinitions, name);
}

// Without a server around it: what a deletion finds that goes on after a crash.
class CrdControllerTest : public ::testing::Test {
 protected:
  CrdControllerTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        verbs_(*store_, types_, clock_),
        garbage_(verbs_),
        crds_(verbs_, types_, garbage_) {
    verbs_.AddObserver(&crds_);
  }
  store::EntryPtr Put(const std::string& type, const json::Value& object) {
    const api::ObjectName name = api::NameOf(object);
    auto put = store_->Put({type, name.ns, name.name}, 0, object);
    EXPECT_TRUE(put) << put.error().message;
    return put.value_or(nullptr);
  }
  store::EntryPtr PutEndingDefinition() {
    json::Value definition = WidgetDefinition();
    api::SetCondition(definition.Mut("status").Mut("conditions"), "Established", "True", "", "",
                      "");
    definition.Mut("metadata")
        .Set("deletionTimestamp", FormatTime(clock_.Now()))
        .Set("finalizers", json::Array({kCrdFinalizer}));
    return Put(std::string(kCrdStorageName), definition);
  }
  void AwaitGone(const store::Key& key) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (store_->Get(key) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(store_->Get(key)) << key.name;
  }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  api::TypeTable types_;
  Verbs verbs_;
  GarbageCollector garbage_;
  CrdController crds_;
};

TEST_F(CrdControllerTest, ADefinitionThatEndsTakesItsObjectsAlong) {
  const auto crd = PutEndingDefinition();
  const auto widget = Put("widgets.example.com", Widget("w", 1));
  crds_.Load();
  crds_.Start();
  AwaitGone(crd->key);
  EXPECT_FALSE(store_->Get(widget->key));
}

// The names were given, and the write that says so lost against a client's.
TEST_F(CrdControllerTest, ADefinitionThatEndsBeforeItIsEstablishedIsServedNoMore) {
  json::Value definition = WidgetDefinition();
  ASSERT_TRUE(types_.AddCustom(definition));
  definition.Mut("metadata")
      .Set("deletionTimestamp", FormatTime(clock_.Now()))
      .Set("finalizers", json::Array({kCrdFinalizer}));
  const auto crd = Put(std::string(kCrdStorageName), definition);
  const auto widget = Put("widgets.example.com", Widget("w", 1));
  crds_.Start();
  AwaitGone(crd->key);
  crds_.Stop();  // after the row has gone, too
  EXPECT_FALSE(store_->Get(widget->key));
  EXPECT_EQ(types_.FindStorage("widgets.example.com"), nullptr);
}

TEST_F(CrdControllerTest, ADefinitionThatAsksForTakenNamesMeanwhileIsServedNoMore) {
  ASSERT_TRUE(types_.AddCustom(WidgetDefinition()));
  json::Value gadgets = GadgetDefinition();
  gadgets.Mut("spec").Mut("names").Erase("shortNames");
  ASSERT_TRUE(types_.AddCustom(gadgets));
  Put(std::string(kCrdStorageName), GadgetDefinition());
  crds_.Start();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (types_.FindStorage("gadgets.example.com") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(types_.FindStorage("gadgets.example.com"), nullptr);
  EXPECT_NE(types_.FindStorage("widgets.example.com"), nullptr);
}

TEST_F(CrdControllerTest, WhatItsObjectsOwnedGoesBeforeTheDefinition) {
  // As if the server had died after the last object: its owner is gone, and "mine" not collected.
  const auto crd = PutEndingDefinition();
  json::Value owner = Widget("w", 1);
  owner.Mut("metadata").Set("uid", "gone");
  json::Value mine = ConfigMap("mine", "1");
  mine.Mut("metadata").Mut("ownerReferences").Push(api::ControllerReference(owner));
  json::Value held = mine;
  held.Mut("metadata").Set("name", "held").Set("finalizers", json::Array({"example.com/hold"}));
  const auto mine_entry = Put("configmaps", mine);
  const auto held_entry = Put("configmaps", held);
  const auto other = Put("configmaps", ConfigMap("other", "1"));
  crds_.Load();
  crds_.Start();
  AwaitGone(crd->key);
  EXPECT_FALSE(store_->Get(mine_entry->key));
  EXPECT_TRUE(api::IsBeingDeleted((*store_->Get(held_entry->key))->value));
  EXPECT_TRUE(store_->Get(other->key));
}

TEST_F(CrdControllerTest, ACreateThatFoundATypeOfAnotherScopeIsRefused) {
  json::Value definition = WidgetDefinition();
  ASSERT_TRUE(types_.AddCustom(definition));
  const auto found = verbs_.Resolve(kWidgets, "default", "");
  ASSERT_TRUE(found);
  types_.RemoveCustom("example.com", "widgets");
  definition.Mut("spec").Set("scope", "Cluster");
  ASSERT_TRUE(types_.AddCustom(definition));
  Put(std::string(kCrdStorageName), definition);
  Put("namespaces",
      json::Object({{"metadata", json::Object({{"name", "default"}, {"namespace", ""}})}}));
  Call call;
  auto made = verbs_.Create(*found, Widget("w", 1), call);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "the server could not find the requested resource");
}

// Stops one thread half-way through a create, after its looks at the namespace and the type.
class HoldingClock : public FakeClock {
 public:
  WallTime Now() override {
    if (std::this_thread::get_id() == held_ && !std::exchange(begun_, true)) {
      inside_.release();
      // Bounded, for a test that fails before it lets go.
      (void)go_on_.try_acquire_for(kPatience);
    }
    return FakeClock::Now();
  }
  // On the thread to be held.
  void HoldThisThread() { held_ = std::this_thread::get_id(); }
  bool AwaitHeld() { return inside_.try_acquire_for(kPatience); }
  void GoOn() { go_on_.release(); }

 private:
  std::atomic<std::thread::id> held_;
  bool begun_ = false;  // the held thread's
  std::binary_semaphore inside_{0}, go_on_{0};
};

// Deletes `container` while a create of `content`, which belongs into it, is half-way.
void DeleteWhileCreating(const api::Gvr& container_type, const json::Value& container,
                         const api::Gvr& content_type, const json::Value& content) {
  io::TempDir dir;
  HoldingClock clock;
  auto store = *store::Store::Open({.path = dir.path() + "/db"}, clock);
  auto server = *ApiServer::Start({.access = {}}, *store, clock);
  api::ObjectClient& client = server->client();
  ASSERT_TRUE(client.Create(container_type, container));
  std::jthread creator([&] {
    clock.HoldThisThread();
    EXPECT_TRUE(client.Create(content_type, content));
  });
  ASSERT_TRUE(clock.AwaitHeld());
  ASSERT_TRUE(client.Delete(container_type, api::NameOf(container)));
  const auto is_there = [&] { return client.Get(container_type, api::NameOf(container)); };
  // It would be gone in this time if nobody waited.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (is_there() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(is_there());
  clock.GoOn();
  creator.join();
  while (is_there() && std::chrono::steady_clock::now() < deadline + kPatience) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(is_there());
  server.reset();  // nobody has time to clear up later
  const std::string type = content_type.group.empty()
                               ? content_type.resource
                               : content_type.resource + "." + content_type.group;
  EXPECT_TRUE(store->List({.type = type, .ns = api::NameOf(content).ns}).entries.empty());
}

TEST(DeletionOfAContainer, ATypeWaitsForACreateThatWasLetIn) {
  DeleteWhileCreating(kCustomResourceDefinitions, WidgetDefinition(), kWidgets, Widget("w", 1));
}

TEST(DeletionOfAContainer, ANamespaceWaitsForACreateThatWasLetIn) {
  json::Value content = ConfigMap("c", "1");
  content.Mut("metadata").Set("namespace", "n");
  DeleteWhileCreating(api::gvr::kNamespaces,
                      json::Object({{"metadata", json::Object({{"name", "n"}})}}),
                      api::gvr::kConfigMaps, content);
}

}  // namespace
}  // namespace leat::apiserver
