#include "cli/own_definitions.h"

#include <gtest/gtest.h>

#include <functional>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "json/yaml.h"
#include "node/testing/no_objects.h"

namespace leat::cli {
namespace {

using api::gvr::kCustomResourceDefinitions;

constexpr std::chrono::seconds kPatience{20};

json::Value Definition(const std::string& column) {
  json::Value made = json::ParseYaml(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: mills.leat.dev}
spec:
  group: leat.dev
  scope: Namespaced
  names: {kind: Mill, plural: mills, singular: mill, listKind: MillList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
)")
                         ->front();
  json::Value& version = made.Mut("spec").Mut("versions").MutItems()[0];
  version.Set("additionalPrinterColumns",
              json::Array({json::Object(
                  {{"name", column}, {"type", "string"}, {"jsonPath", ".spec.wheel"}})}));
  return made;
}

class OwnDefinitionsTest : public ::testing::Test {
 protected:
  OwnDefinitionsTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        server_(*apiserver::ApiServer::Start({.access = {}}, *store_, clock_)),
        watch_(*client().Watch(api::gvr::kEvents, {}, "")),
        own_(client(), clock_, {Definition("Ours")}) {}

  api::ObjectClient& client() { return server_->client(); }
  std::string Column() {
    auto now = client().Get(kCustomResourceDefinitions, name_);
    if (!now) return now.error().message;
    return (*now)["spec"]["versions"][0]["additionalPrinterColumns"][0]["name"].Str();
  }
  // Waits for the next event, and returns its reason.
  std::string Told() {
    auto event = watch_->Next(kPatience, {});
    return event ? (*event->object)["reason"].Str() : event.error().message;
  }
  Status Patch(const char* patch) {
    auto done = client().Patch(kCustomResourceDefinitions, name_, api::PatchType::kMerge,
                               *json::Parse(patch));
    return done ? Status() : Status(done.error());
  }
  // As kubectl apply of another definition does.
  Status WriteOver() {
    auto now = client().Get(kCustomResourceDefinitions, name_);
    if (!now) return now.error();
    now->Set("spec", Definition("Theirs")["spec"]);
    auto done = client().Update(kCustomResourceDefinitions, *now);
    return done ? Status() : Status(done.error());
  }

  const api::ObjectName name_{"", "mills.leat.dev"};
  io::TempDir dir_;
  RealClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<api::ObjectWatch> watch_;
  OwnDefinitions own_;
};

TEST_F(OwnDefinitionsTest, AreThereOnceItHasStarted) {
  ASSERT_TRUE(own_.Start());
  EXPECT_EQ(Column(), "Ours");
}

TEST_F(OwnDefinitionsTest, OneThatIsWrittenOverIsServedAgainAndSaysSo) {
  ASSERT_TRUE(own_.Start());
  ASSERT_TRUE(WriteOver());
  EXPECT_EQ(Told(), "ServedAgain");
  EXPECT_EQ(Column(), "Ours");
}

TEST_F(OwnDefinitionsTest, OneThatIsDeletedIsPutBackAndSaysSo) {
  ASSERT_TRUE(own_.Start());
  ASSERT_TRUE(client().Delete(kCustomResourceDefinitions, name_));
  EXPECT_EQ(Told(), "Restored");
  EXPECT_EQ(Column(), "Ours");
}

TEST_F(OwnDefinitionsTest, OneThatYieldsIsLeftAsItIsUntilItYieldsNoMore) {
  ASSERT_TRUE(own_.Start());
  ASSERT_TRUE(Patch(R"({"metadata": {"annotations": {"leat.dev/yield": "true"}}})"));
  EXPECT_EQ(Told(), "Yielded");
  ASSERT_TRUE(WriteOver());
  OwnDefinitions restarted(client(), clock_, {Definition("Ours")});
  ASSERT_TRUE(restarted.Start());
  EXPECT_EQ(Told(), "Yielded");
  EXPECT_EQ(Column(), "Theirs");
  ASSERT_TRUE(Patch(R"({"metadata": {"annotations": {"leat.dev/yield": null}}})"));
  EXPECT_EQ(Told(), "ServedAgain");
  EXPECT_EQ(Column(), "Ours");
}

TEST_F(OwnDefinitionsTest, WhoKeepsWritingOverOneIsAnsweredEverMoreSeldom) {
  FakeClock clock;
  OwnDefinitions own(client(), clock, {Definition("Ours")});
  ASSERT_TRUE(own.Reconcile(name_, {}));
  const auto contest = [&] {
    EXPECT_TRUE(WriteOver());
    const auto outcome = own.Reconcile(name_, {});
    EXPECT_TRUE(outcome);
    return outcome->again_after.value_or(std::chrono::nanoseconds(0));
  };
  using std::chrono::seconds;
  EXPECT_EQ(contest(), seconds(0));
  EXPECT_EQ(contest(), seconds(0));
  EXPECT_EQ(Column(), "Ours");
  for (const int rest : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(contest(), seconds(rest));
    EXPECT_EQ(Column(), "Theirs");
    clock.Advance(seconds(rest));
    EXPECT_EQ(contest(), seconds(0));
    EXPECT_EQ(Column(), "Ours");
  }
  clock.Advance(std::chrono::minutes(3));
  EXPECT_EQ(contest(), seconds(0));
  EXPECT_EQ(contest(), seconds(0)) << "a first time again";
}

TEST_F(OwnDefinitionsTest, WritesNothingWhenNothingIsToBeChanged) {
  ASSERT_TRUE(own_.Start());
  const auto before = client().Get(kCustomResourceDefinitions, name_);
  ASSERT_TRUE(own_.Reconcile(name_, {}));
  const auto after = client().Get(kCustomResourceDefinitions, name_);
  ASSERT_TRUE(before && after);
  EXPECT_EQ((*before)["spec"], (*after)["spec"]);
  EXPECT_EQ((*before)["metadata"]["generation"], (*after)["metadata"]["generation"]);
}

// Another operator, who is quick: after each of the first looks at a definition comes one of its
// writes.
class QuickOperator : public node::NoObjects {
 public:
  QuickOperator(api::ObjectClient& client, std::vector<std::function<void()>> writes)
      : client_(client), writes_(std::move(writes)) {}

  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override {
    auto seen = client_.Get(type, name);
    if (!writes_.empty()) {
      writes_.front()();
      writes_.erase(writes_.begin());
    }
    return seen;
  }
  Result<json::Value> Create(const api::Gvr& type, const json::Value& object) override {
    return client_.Create(type, object);
  }
  Result<json::Value> Update(const api::Gvr& type, const json::Value& object) override {
    return client_.Update(type, object);
  }

 private:
  api::ObjectClient& client_;
  std::vector<std::function<void()>> writes_;
};

TEST_F(OwnDefinitionsTest, AreBroughtAlsoWhereAnotherOperatorWritesThemMeanwhile) {
  const auto create = [this] {
    EXPECT_TRUE(client().Create(kCustomResourceDefinitions, Definition("Theirs")));
  };
  const auto label = [this] { EXPECT_TRUE(Patch(R"({"metadata": {"labels": {"by": "them"}}})")); };
  QuickOperator operator_client(client(), {create, label});
  {
    OwnDefinitions own(operator_client, clock_, {Definition("Ours")});
    const Status started = own.Start();
    ASSERT_TRUE(started) << started.error().message;
  }
  EXPECT_EQ(Column(), "Ours");
}

}  // namespace
}  // namespace leat::cli
