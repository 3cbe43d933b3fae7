#include "client/informer.h"

#include <gtest/gtest.h>

#include <deque>

namespace leat::client {
namespace {

using namespace std::chrono_literals;

// What one watch gives: its events, then its end.
struct Script {
  std::vector<std::string> revisions;  // of its events
  std::optional<Error> end;            // none: it waits for more events
};

class ScriptedWatch : public api::ObjectWatch {
 public:
  explicit ScriptedWatch(Script script) : script_(std::move(script)) {}

  Result<api::WatchEvent> Next(std::chrono::nanoseconds, const std::stop_token& stop) override {
    if (given_ < script_.revisions.size()) {
      const std::string& revision = script_.revisions[given_++];
      return api::WatchEvent{
          api::WatchEventType::kModified,
          std::make_shared<const json::Value>(json::Object(
              {{"metadata", json::Object({{"name", "a"}, {"resourceVersion", revision}})}}))};
    }
    if (script_.end) return *script_.end;
    Mutex mu;
    CondVar never;
    MutexLock lock(mu);
    never.Wait(mu, stop, [] { return false; });
    return Error{Code::kCancelled, "stopped"};
  }

 private:
  const Script script_;
  size_t given_ = 0;
};

// A cluster whose lists are empty and whose watches follow scripts, the last one again and again.
class ScriptedClient : public api::ObjectClient {
 public:
  explicit ScriptedClient(std::deque<Script> watches) : scripts_(std::move(watches)) {}

  Result<api::ObjectList> List(const api::Gvr&, const api::ListOptions&) override {
    Note("list");
    return api::ObjectList{.items = {}, .resource_version = "1"};
  }
  Result<std::unique_ptr<api::ObjectWatch>> Watch(const api::Gvr&, const api::ListOptions&,
                                                  const std::string& revision) override {
    Note("watch " + revision);
    MutexLock lock(mu_);
    Script script = scripts_.front();
    if (scripts_.size() > 1) scripts_.pop_front();
    return std::make_unique<ScriptedWatch>(std::move(script));
  }

  // Blocks until there were n calls, and returns all of them.
  std::vector<std::string> AwaitCalls(size_t n) {
    MutexLock lock(mu_);
    changed_.WaitFor(mu_, {}, 20s, [&] { return calls_.size() >= n; });
    return calls_;
  }

  Result<json::Value> Get(const api::Gvr&, const api::ObjectName&) override { return No(); }
  Result<json::Value> Create(const api::Gvr&, const json::Value&) override { return No(); }
  Result<json::Value> Update(const api::Gvr&, const json::Value&) override { return No(); }
  Result<json::Value> UpdateStatus(const api::Gvr&, const json::Value&) override { return No(); }
  Result<json::Value> Patch(const api::Gvr&, const api::ObjectName&, api::PatchType,
                            const json::Value&, std::string_view) override {
    return No();
  }
  Status Delete(const api::Gvr&, const api::ObjectName&, const api::DeleteOptions&) override {
    return No();
  }
  Status BindPod(const api::ObjectName&, const std::string&, const std::string&) override {
    return No();
  }
  Status FollowPodLog(const api::ObjectName&, const std::string&, const std::string&,
                      const std::function<bool(std::string_view)>&,
                      const std::stop_token&) override {
    return No();
  }

 private:
  static Error No() { return {Code::kUnimplemented, "not part of this test"}; }
  void Note(std::string call) {
    MutexLock lock(mu_);
    calls_.push_back(std::move(call));
    changed_.NotifyAll();
  }

  Mutex mu_;
  CondVar changed_;
  std::deque<Script> scripts_;
  std::vector<std::string> calls_;
};

using Calls = std::vector<std::string>;

const Error kEnded{Code::kUnavailable, "the watch ended"};
const Error kTooOld{Code::kExpired, "too old resource version"};

TEST(Informer, ListsAgainAfterABackOffWhenAWatchFails) {
  ScriptedClient client({{.end = Error{Code::kUnauthorized, "who are you?"}}});
  FakeClock clock;
  Informer informer(client, clock, api::gvr::kPods);
  informer.Start();
  client.AwaitCalls(2);
  clock.AwaitSleepers(1);
  clock.Advance(100ms);
  client.AwaitCalls(4);
  clock.AwaitSleepers(1);
  clock.Advance(100ms);  // now it waits for twice as long
  EXPECT_EQ(client.AwaitCalls(4), (Calls{"list", "watch 1", "list", "watch 1"}));
  clock.Advance(100ms);
  EXPECT_GE(client.AwaitCalls(5).size(), 5u);
}

TEST(Informer, BacksOffWhenAWatchEndsAtOnce) {
  ScriptedClient client({{.end = kEnded}});
  FakeClock clock;
  Informer informer(client, clock, api::gvr::kPods);
  informer.Start();
  client.AwaitCalls(2);
  clock.AwaitSleepers(1);
  EXPECT_EQ(client.AwaitCalls(2), (Calls{"list", "watch 1"}));
}

TEST(Informer, TakesAWatchUpWhereItEnded) {
  ScriptedClient client({{.revisions = {"5", "7"}, .end = kEnded}, {}});
  FakeClock clock;
  Informer informer(client, clock, api::gvr::kPods);
  informer.Start();
  EXPECT_EQ(client.AwaitCalls(3), (Calls{"list", "watch 1", "watch 7"}));
  EXPECT_EQ((*informer.Get({"", "a"}))["metadata"]["resourceVersion"].Str(), "7");
}

TEST(Informer, ListsAgainAtOnceWhenAWatchExpiresThatHadLasted) {
  ScriptedClient client({{.revisions = {"5"}, .end = kTooOld}, {}});
  FakeClock clock;
  Informer informer(client, clock, api::gvr::kPods);
  informer.Start();
  EXPECT_EQ(client.AwaitCalls(4), (Calls{"list", "watch 1", "list", "watch 1"}));
}

TEST(Informer, BacksOffWhenEveryWatchExpiresAtOnce) {
  ScriptedClient client({{.end = kTooOld}});
  FakeClock clock;
  Informer informer(client, clock, api::gvr::kPods);
  informer.Start();
  client.AwaitCalls(2);
  clock.AwaitSleepers(1);
  EXPECT_EQ(client.AwaitCalls(2), (Calls{"list", "watch 1"}));
}

}  // namespace
}  // namespace leat::client
