#include "datanode/verifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "io/file.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;
using blocks::ObjectFile;
using blocks::ObjectId;

constexpr uint64_t kSize = 2 * kChunkSize;

ObjectId IdOf(const std::string& key) { return ObjectId::Of("s3://b/", key, "v1", kSize); }

class VerifierTest : public testing::Test {
 protected:
  // Complete objects of two chunks that this process has not checked.
  void SetUp() override {
    OpenCache();
    cache_.reset();
    for (const char* key : {"a", "b", "c"}) {
      auto file = ObjectFile::Create(dir_.path(), IdOf(key), kSize);
      ASSERT_TRUE(file);
      for (uint64_t chunk : {0, 1})
        ASSERT_TRUE((*file)->Fill(chunk, std::string(kChunkSize, *key)));
    }
    OpenCache();
    auto store = objectstore::OpenObjectStore("file://" + dir_.path(), {});
    ASSERT_TRUE(store);
    store_ = std::move(*store);
    fetcher_ = std::make_unique<Fetcher>(*cache_, FetcherOptions(), Fetcher::Events());
  }
  void OpenCache() {
    auto cache = blocks::Cache::Open({{.path = dir_.path(), .limit = 1 << 30}}, clock_);
    ASSERT_TRUE(cache);
    cache_ = std::move(*cache);
  }
  std::shared_ptr<ActiveObject> Object(const std::string& key) {
    auto object = fetcher_->Activate(
        {.store = store_, .key = key, .etag = "v1", .size = kSize, .id = IdOf(key)});
    EXPECT_TRUE(object->file && object->file->complete());
    return object;
  }
  void Make(VerifierOptions options) {
    options.check = [this](ActiveObject& object, uint64_t chunk) {
      {
        MutexLock lock(mu_);
        checks_ += object.version.key;
        changed_.NotifyAll();
        EXPECT_TRUE(
            changed_.WaitFor(mu_, {}, kLong, [&] { return !held_.contains(object.version.key); }));
      }
      (void)object.file->Verify(chunk);
    };
    verifier_ = std::make_unique<Verifier>(std::move(options));
  }
  // Asks; the outcome is appended to ended_.
  uint64_t Verify(const std::shared_ptr<ActiveObject>& object) {
    return verifier_->Verify(object, [this, key = object->version.key](const Status& status) {
      MutexLock lock(mu_);
      ended_ += key + (status ? "+" : "-");
      changed_.NotifyAll();
    });
  }
  bool AwaitChecks(const std::string& value) {
    MutexLock lock(mu_);
    return changed_.WaitFor(mu_, {}, kLong, [&] { return checks_ == value; });
  }
  bool AwaitEnded(const std::string& value) {
    MutexLock lock(mu_);
    return changed_.WaitFor(mu_, {}, kLong, [&] { return ended_ == value; });
  }
  std::string checks() {
    MutexLock lock(mu_);
    return checks_;
  }
  std::string ended() {
    MutexLock lock(mu_);
    return ended_;
  }
  // Checks of these objects wait once they have begun.
  void Hold(std::set<std::string> held) {
    MutexLock lock(mu_);
    held_ = std::move(held);
    changed_.NotifyAll();
  }

  static constexpr std::chrono::seconds kLong{30};
  RealClock clock_;
  io::TempDir dir_;
  std::unique_ptr<blocks::Cache> cache_;
  std::shared_ptr<objectstore::ObjectStore> store_;
  std::unique_ptr<Fetcher> fetcher_;
  Mutex mu_;
  CondVar changed_;
  std::string checks_;  // keys, one for each chunk
  std::string ended_;   // keys with + or -
  std::set<std::string> held_;
  std::unique_ptr<Verifier> verifier_;  // last
};

TEST_F(VerifierTest, AllWhoWaitForAnObjectAreAnsweredAfterOneCheck) {
  Make({});
  Hold({"a"});
  const auto object = Object("a");
  for (int n = 0; n < 3; ++n) EXPECT_NE(Verify(object), 0u);
  EXPECT_FALSE(object->verified);
  Hold({});
  EXPECT_TRUE(AwaitEnded("a+a+a+"));
  EXPECT_TRUE(object->verified);
  EXPECT_EQ(checks(), "aa");
  EXPECT_EQ(Verify(object), 0u) << "there is nothing to check any more";
}

TEST_F(VerifierTest, ObjectsTakeTurns) {
  Make({.threads = 1, .turn = 1});
  Hold({"a"});
  const auto a = Object("a");
  const auto b = Object("b");
  Verify(a);
  ASSERT_TRUE(AwaitChecks("a"));
  Verify(b);
  Hold({});
  ASSERT_TRUE(AwaitEnded("a+b+"));
  EXPECT_EQ(checks(), "abab");
}

TEST_F(VerifierTest, ASlowCheckHoldsUpNoOtherObject) {
  Make({.threads = 2});
  Hold({"a"});
  const auto a = Object("a");
  const auto b = Object("b");
  Verify(a);
  Verify(b);
  EXPECT_TRUE(AwaitEnded("b+"));
  Hold({});
  EXPECT_TRUE(AwaitEnded("b+a+"));
}

TEST_F(VerifierTest, ACancelledWaitIsAnsweredAtOnceAndOthersGoOn) {
  Make({});
  Hold({"a"});
  const auto object = Object("a");
  const uint64_t first = Verify(object);
  Verify(object);
  verifier_->Cancel(first);
  EXPECT_EQ(ended(), "a-");
  verifier_->Cancel(first);
  Hold({});
  EXPECT_TRUE(AwaitEnded("a-a+"));
}

TEST_F(VerifierTest, WhatNobodyWaitsForIsNotCheckedToTheEnd) {
  Make({.threads = 1, .turn = 1});
  Hold({"a"});
  const auto a = Object("a");
  const auto b = Object("b");
  const uint64_t wait = Verify(a);
  ASSERT_TRUE(AwaitChecks("a"));
  verifier_->Cancel(wait);
  Verify(b);
  Hold({});
  ASSERT_TRUE(AwaitEnded("a-b+"));
  EXPECT_EQ(checks(), "abb");
  EXPECT_FALSE(a->verified);
}

TEST_F(VerifierTest, ARottenObjectIsAnsweredAndNotVerified) {
  auto fd = io::Open(ObjectFile::DataPath(dir_.path(), IdOf("a")), O_WRONLY);
  ASSERT_TRUE(fd);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "rot", 100));
  Make({});
  const auto object = Object("a");
  Verify(object);
  EXPECT_TRUE(AwaitEnded("a+"));
  EXPECT_FALSE(object->verified);
  EXPECT_FALSE(object->file->complete());
  EXPECT_EQ(Verify(object), 0u);
}

TEST_F(VerifierTest, StopAnswersEverybody) {
  Make({.threads = 1});
  Hold({"a"});
  const auto a = Object("a");
  const auto b = Object("b");
  const auto c = Object("c");
  Verify(a);
  ASSERT_TRUE(AwaitChecks("a"));
  Verify(b);
  std::jthread stopping([&] { verifier_->Stop(); });
  // Let the running check go on only when it will find the stop.
  while (const uint64_t wait = Verify(c)) verifier_->Cancel(wait);
  Hold({});
  stopping.join();
  std::string told = ended();
  std::erase_if(told, [](char one) { return one == 'c'; });
  EXPECT_EQ(told.find('+'), std::string::npos) << told;
  EXPECT_NE(told.find("a-"), std::string::npos) << told;
  EXPECT_NE(told.find("b-"), std::string::npos) << told;
}

TEST_F(VerifierTest, MoreThanTheMostThatMayWaitAreNotTaken) {
  Make({.waits = 1});
  Hold({"a"});
  const auto object = Object("a");
  EXPECT_NE(Verify(object), 0u);
  EXPECT_EQ(Verify(object), 0u);
  Hold({});
  EXPECT_TRUE(AwaitEnded("a+"));
  EXPECT_EQ(Verify(object), 0u);
}

}  // namespace
}  // namespace leat::datanode
