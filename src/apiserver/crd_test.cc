// CustomResourceDefinitions: what they serve, under which names, and how they end.
#include "apiserver/crd_controller.h"

#include <thread>

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

// Without a server around it: what a write finds that has lost a race against its definition's end.
class CrdControllerTest : public ::testing::Test {
 protected:
  CrdControllerTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        verbs_(*store_, types_, clock_),
        crds_(verbs_, types_) {
    verbs_.AddObserver(&crds_);
  }
  store::EntryPtr Put(const std::string& type, const json::Value& object) {
    const api::ObjectName name = api::NameOf(object);
    auto put = store_->Put({type, name.ns, name.name}, 0, object);
    EXPECT_TRUE(put) << put.error().message;
    return put.value_or(nullptr);
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
  CrdController crds_;
};

TEST_F(CrdControllerTest, AnObjectWrittenAfterItsDefinitionIsGoneIsRemoved) {
  const auto lease = Put("leases.coordination.k8s.io", Widget("l", 1));
  const auto widget = Put("widgets.example.com", Widget("w", 1));
  crds_.OnWritten(*lease);  // no definition either: a built-in type
  crds_.OnWritten(*widget);
  AwaitGone(widget->key);
  EXPECT_TRUE(store_->Get(lease->key));
}

TEST_F(CrdControllerTest, AnObjectWrittenWhileItsDefinitionEndsIsRemovedWithIt) {
  json::Value definition = WidgetDefinition();
  api::SetCondition(definition.Mut("status").Mut("conditions"), "Established", "True", "", "", "");
  definition.Mut("metadata")
      .Set("deletionTimestamp", FormatTime(clock_.Now()))
      .Set("finalizers", json::Array({kCrdFinalizer}));
  const auto crd = Put(std::string(kCrdStorageName), definition);
  ASSERT_TRUE(types_.AddCustom(crd->value));
  const auto widget = Put("widgets.example.com", Widget("w", 1));
  crds_.OnWritten(*widget);
  AwaitGone(widget->key);
  AwaitGone(crd->key);
}

}  // namespace
}  // namespace leat::apiserver
