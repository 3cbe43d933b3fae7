// The scheduler over a real API server.
#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "json/yaml.h"
#include "store/store.h"

namespace leat::scheduler {
namespace {

using namespace std::chrono_literals;

json::Value Yaml(std::string_view text) { return json::ParseYaml(text)->front(); }

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest()
      : store_(*store::Store::Open({.path = dir_.path() + "/db"}, clock_)),
        server_(*apiserver::ApiServer::Start({}, *store_, clock_)),
        scheduler_(Scheduler::Start(client(), clock_)) {}

  api::ObjectClient& client() { return server_->client(); }

  void MakeNode(const std::string& name) {
    json::Value node = Yaml(R"(
metadata: {}
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "10"}
  conditions: [{type: Ready, status: "True"}]
)");
    node.Mut("metadata").Set("name", name);
    ASSERT_TRUE(client().Create(api::gvr::kNodes, node));
  }
  void MakePod(const std::string& name, const std::string& node = "") {
    json::Value pod = Yaml("spec: {containers: [{name: c, image: i}]}");
    pod.Mut("metadata").Set("name", name).Set("namespace", "default");
    if (!node.empty()) pod.Mut("spec").Set("nodeName", node);
    const auto made = client().Create(api::gvr::kPods, pod);
    ASSERT_TRUE(made) << made.error().message;
  }
  bool IsThere(const std::string& pod) {
    return client().Get(api::gvr::kPods, {"default", pod}).has_value();
  }
  // Lets time pass, twenty seconds at a time, until `so`.
  bool PassUntil(const std::function<bool()>& so) {
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         std::chrono::steady_clock::now() < end;) {
      if (so()) return true;
      clock_.Advance(20s);
      std::this_thread::yield();
    }
    return false;
  }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, PodsOfANodeThatIsGoneAreEnded) {
  MakeNode("there");
  MakePod("lost", "elsewhere");
  MakePod("ending", "elsewhere");
  MakePod("held", "elsewhere");
  MakePod("kept", "there");
  ASSERT_TRUE(client().Delete(api::gvr::kPods, {"default", "ending"}));
  ASSERT_TRUE(IsThere("ending"));  // its node would have to say that it has ended
  ASSERT_TRUE(client().Patch(api::gvr::kPods, {"default", "held"}, api::PatchType::kMerge,
                             Yaml("metadata: {finalizers: [example.com/hold]}")));
  EXPECT_TRUE(PassUntil([&] { return !IsThere("lost") && !IsThere("ending"); }));
  EXPECT_TRUE(PassUntil([&] {
    const auto held = client().Get(api::gvr::kPods, {"default", "held"});
    return held && (*held)["metadata"].Has("deletionTimestamp") &&
           (*held)["status"]["phase"].AsString() == "Failed";
  }));
  EXPECT_TRUE(IsThere("kept"));
}

TEST_F(SchedulerTest, ANodeThatIsGoneForAMomentKeepsItsPods) {
  MakePod("p", "late");
  clock_.AwaitSleepers(1);
  clock_.Advance(20s);
  MakeNode("late");
  MakePod("other", "elsewhere");
  EXPECT_TRUE(PassUntil([&] { return !IsThere("other"); }));
  EXPECT_TRUE(IsThere("p"));
}

}  // namespace
}  // namespace leat::scheduler
