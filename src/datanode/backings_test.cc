// Direct opens; passthrough ones need a mount: tests/mount/test_cached.py.
#include "datanode/backings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "datanode/kept_messages.h"
#include "datanode/object_version.h"
#include "io/file.h"
#include "io/unix_socket.h"
#include "objectstore/object_store.h"

namespace leat::datanode {
namespace {

constexpr fuse::NodeId kNode = 7;

class BackingsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = io::SocketPair();
    ASSERT_TRUE(pair);
    supervisor_ = std::move(pair->first);
    ASSERT_TRUE(io::SendMessage(supervisor_.get(), EndMessage()));
    auto keeper = Keeper::Connect(std::move(pair->second));
    ASSERT_TRUE(keeper);
    keeper_.emplace(std::move(*keeper));
    backings_.emplace(*keeper_, "m");
    auto cache = blocks::Cache::Open({{.path = dir_.path(), .limit = 1 << 30}}, clock_);
    auto store = objectstore::OpenObjectStore("file://" + dir_.path(), {});
    ASSERT_TRUE(cache && store);
    cache_ = std::move(*cache);
    fetcher_ = std::make_unique<Fetcher>(*cache_, FetcherOptions(), Fetcher::Events());
    evicted_ = fetcher_->Activate(VersionIn(std::move(*store), "evicted", "v1", 1 << 20));
  }
  // How the node is opened.
  int32_t Open() {
    int32_t answered = -1;
    backings_->Open(kNode, evicted_, [&](int32_t id) { answered = id; });
    return answered;
  }
  bool Close(Backings::Opener opener = Backings::Opener::kUs) {
    return backings_->Close(kNode, opener);
  }
  // What the supervisor was told since: "+text" for kept, "-" for forgotten.
  std::string Told() {
    std::string told;
    while (auto message = io::ReceiveMessage(supervisor_.get(), {}, std::chrono::milliseconds(0))) {
      const auto parsed = ParseKeptMessage(std::move(*message));
      if (!parsed || parsed->kept.name != "backing:m:7") return "something else";
      told += parsed->kind == KeptMessage::Kind::kKeep ? "+" + parsed->kept.text : "-";
    }
    return told;
  }

  RealClock clock_;
  io::TempDir dir_;
  io::UniqueFd supervisor_;
  std::optional<Keeper> keeper_;
  std::unique_ptr<blocks::Cache> cache_;
  std::unique_ptr<Fetcher> fetcher_;
  std::shared_ptr<ActiveObject> evicted_;  // and so incomplete
  std::optional<Backings> backings_;
};

TEST_F(BackingsTest, ADirectOpenIsKeptUntilTheLastClose) {
  EXPECT_EQ(Open(), Backings::kDirect);
  EXPECT_EQ(Told(), "+0");
  EXPECT_EQ(Open(), Backings::kDirect);
  EXPECT_FALSE(Close());
  EXPECT_EQ(Told(), "");
  EXPECT_FALSE(Close());
  EXPECT_EQ(Told(), "-");
}

TEST_F(BackingsTest, WhatAPredecessorOpenedStaysUntilTheKernelForgetsTheNode) {
  backings_->Inherit(kNode, Backings::kDirect, nullptr);
  EXPECT_EQ(Open(), Backings::kDirect);
  EXPECT_TRUE(Close()) << "it is worth while to make the kernel forget it";
  EXPECT_TRUE(Close(Backings::Opener::kPredecessor));
  EXPECT_EQ(Told(), "");
  backings_->Forget(kNode, 3);
  EXPECT_EQ(Told(), "-");
  EXPECT_FALSE(Close(Backings::Opener::kPredecessor));
}

TEST_F(BackingsTest, ForgettingWhatWasToldHereDoesNotCloseWhatAPredecessorOpened) {
  backings_->Inherit(kNode, Backings::kDirect, nullptr);
  backings_->CountLookup(kNode);
  backings_->CountLookup(kNode);
  backings_->Forget(kNode, 1);
  backings_->Forget(kNode, 1);
  EXPECT_EQ(Told(), "");
  backings_->CountLookup(kNode);
  backings_->Forget(kNode, 2);
  EXPECT_EQ(Told(), "-");
}

// Of two threads, the one that handles FORGET may be faster than the one with the RELEASE before.
TEST_F(BackingsTest, AForgetThatOvertakesTheLastCloseCounts) {
  backings_->Inherit(kNode, Backings::kDirect, nullptr);
  EXPECT_EQ(Open(), Backings::kDirect);
  backings_->Forget(kNode, 1);
  EXPECT_EQ(Told(), "");
  EXPECT_FALSE(Close());
  EXPECT_EQ(Told(), "-");
}

TEST_F(BackingsTest, TheEndOfTheMountIsToldForAll) {
  backings_->Inherit(kNode, Backings::kDirect, nullptr);
  backings_->ForgetAll();
  EXPECT_EQ(Told(), "-");
}

}  // namespace
}  // namespace leat::datanode
