#include "sagemaker/unserved_kinds.h"

#include <gtest/gtest.h>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "json/yaml.h"
#include "store/store.h"

namespace leat::sagemaker {
namespace {

using api::gvr::kCustomResourceDefinitions;

constexpr std::chrono::seconds kPatience{20};

json::Value Definition(const std::string& kind, const std::string& plural, bool with_status) {
  json::Value made = json::ParseYaml(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {}
spec:
  group: sagemaker.aws.amazon.com
  scope: Namespaced
  names: {}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {status: {type: object, properties: {additional: {type: string}}}}
)")
                         ->front();
  made.Mut("metadata").Set("name", plural + ".sagemaker.aws.amazon.com");
  made.Mut("spec").Mut("names").Set("kind", kind).Set("plural", plural);
  if (with_status)
    made.Mut("spec")
        .Mut("versions")
        .MutItems()[0]
        .Set("subresources", json::Object({{"status", json::Object()}}));
  return made;
}

class UnservedKindsTest : public ::testing::Test {
 protected:
  UnservedKindsTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        server_(*apiserver::ApiServer::Start({.access = {}}, *store_, clock_)),
        events_(*client().Watch(api::gvr::kEvents, {}, "")),
        kinds_(client(), clock_),
        controller_(
            client(), clock_,
            {.name = "unserved",
             .sources = {{.type = kCustomResourceDefinitions, .selection = {}, .keys_of = {}}},
             .workers = 1},
            kinds_) {}

  api::ObjectClient& client() { return server_->client(); }
  static api::Gvr Type(const std::string& plural) {
    return {"sagemaker.aws.amazon.com", "v1", plural};
  }
  Result<json::Value> Create(const std::string& kind, const std::string& plural,
                             const std::string& name) {
    return client().Create(
        Type(plural),
        json::Object({{"apiVersion", "sagemaker.aws.amazon.com/v1"},
                      {"kind", kind},
                      {"metadata", json::Object({{"name", name}, {"namespace", "default"}})}}));
  }
  // Waits for the next event: the name of its object and the reason.
  std::string Told() {
    auto event = events_->Next(kPatience, {});
    if (!event) return event.error().message;
    return (*event->object)["involvedObject"]["name"].Str() + " " +
           (*event->object)["reason"].Str();
  }

  io::TempDir dir_;
  RealClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<api::ObjectWatch> events_;
  UnservedKinds kinds_;
  reconcile::Controller controller_;
};

TEST_F(UnservedKindsTest, AnObjectIsToldThatNothingComesOfIt) {
  ASSERT_TRUE(client().Create(kCustomResourceDefinitions, Definition("Model", "models", true)));
  auto created = Create("Model", "models", "mine");
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(Told(), "mine NotServed");
  const auto now = client().Get(Type("models"), {"default", "mine"});
  ASSERT_TRUE(now);
  EXPECT_NE((*now)["status"]["additional"].AsString().find("Leat does not serve Model yet"),
            std::string_view::npos);
}

TEST_F(UnservedKindsTest, ATypeWithoutAStatusHasTheEventAlone) {
  ASSERT_TRUE(client().Create(kCustomResourceDefinitions,
                              Definition("ProcessingJob", "processingjobs", false)));
  ASSERT_TRUE(Create("ProcessingJob", "processingjobs", "mine"));
  EXPECT_EQ(Told(), "mine NotServed");
}

TEST_F(UnservedKindsTest, OtherKindsAndThoseThatYieldAreLeftAlone) {
  json::Value yields = Definition("HostingDeployment", "hostingdeployments", true);
  yields.Mut("metadata").Set("annotations", json::Object({{"leat.dev/yield", "true"}}));
  ASSERT_TRUE(client().Create(kCustomResourceDefinitions, yields));
  ASSERT_TRUE(client().Create(kCustomResourceDefinitions, Definition("Mill", "mills", true)));
  ASSERT_TRUE(client().Create(kCustomResourceDefinitions, Definition("Model", "models", true)));
  ASSERT_TRUE(Create("HostingDeployment", "hostingdeployments", "theirs"));
  ASSERT_TRUE(Create("Mill", "mills", "unknown"));
  ASSERT_TRUE(Create("Model", "models", "mine"));
  EXPECT_EQ(Told(), "mine NotServed");
}

}  // namespace
}  // namespace leat::sagemaker
