#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "io/file.h"
#include "store/store.h"
#include "store/testing/watch_log.h"

namespace leat::store {
namespace {

using namespace std::chrono_literals;

class WatchTest : public testing::Test {
 protected:
  void Reopen(size_t history_changes = 10'000) {
    store_.reset();
    store_ = MustOpen({.path = dir_.path() + "/db", .history_changes = history_changes}, clock_);
  }
  Revision Put(const Key& key, int64_t n = 0) {
    const auto current = store_->Get(key);
    const auto put = store_->Put(key, current ? (*current)->revision : 0, Numbered(n));
    LEAT_CHECK(put, put.error().message);
    return (*put)->revision;
  }
  Revision Delete(const Key& key) {
    return (*store_->Delete(key, (*store_->Get(key))->revision))->revision;
  }
  std::unique_ptr<Subscription> Watch(Revision since, const std::shared_ptr<WatchLog>& log,
                                      std::optional<std::string> ns = std::nullopt) {
    auto watch = store_->Watch("pods", std::move(ns), since, log);
    EXPECT_TRUE(watch) << watch.error().message;
    return watch ? std::move(*watch) : nullptr;
  }
  Code WatchError(Revision since) {
    const auto watch = store_->Watch("pods", {}, since, std::make_shared<WatchLog>());
    return watch ? Code::kInternal : watch.error().code;
  }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_ = MustOpen({.path = dir_.path() + "/db"}, clock_);
};

TEST_F(WatchTest, SeesEachChangeWithTheVersionBefore) {
  const auto log = std::make_shared<WatchLog>();
  const auto watch = Watch(store_->CurrentRevision(), log);
  const Revision added = Put(Pod("a"), 1), modified = Put(Pod("a"), 2), deleted = Delete(Pod("a"));
  const auto changes = log->Changes();
  ASSERT_EQ(log->Text(), "added default/a, modified default/a, deleted default/a");
  EXPECT_EQ(changes[0].entry->revision, added);
  EXPECT_EQ(changes[0].previous, nullptr);
  EXPECT_EQ(changes[1].entry->revision, modified);
  EXPECT_EQ(changes[1].previous->value["n"].AsInt(), 1);
  EXPECT_EQ(changes[2].entry->revision, deleted);
  EXPECT_EQ(changes[2].entry->value["n"].AsInt(), 2);
  EXPECT_EQ(changes[2].previous->revision, modified);
}

TEST_F(WatchTest, KeepsToItsTypeAndNamespace) {
  const auto all = std::make_shared<WatchLog>(), one = std::make_shared<WatchLog>();
  const auto watch_all = Watch(1, all), watch_one = Watch(1, one, "x");
  for (const auto& key : {Pod("a", "x"), Pod("a", "y"), Key{"podsets", "x", "a"}, Pod("b", "x")})
    Put(key);
  EXPECT_EQ(all->Text(), "added x/a, added y/a, added x/b");
  EXPECT_EQ(one->Text(), "added x/a, added x/b");
  const auto replayed = std::make_shared<WatchLog>();
  const auto watch_replayed = Watch(1, replayed, "x");
  EXPECT_EQ(replayed->Text(), "added x/a, added x/b");
}

TEST_F(WatchTest, AResumedWatcherGetsExactlyWhatFollowsItsRevision) {
  Put(Pod("a"));
  const Revision since = Put(Pod("b"));
  Put(Pod("c"));
  const auto log = std::make_shared<WatchLog>();
  const auto watch = Watch(since, log);
  Put(Pod("d"));
  EXPECT_EQ(log->Text(), "added default/c, added default/d");
}

TEST_F(WatchTest, HistoryFromDiskEqualsWhatWasSeenLive) {
  const auto live = std::make_shared<WatchLog>();
  auto watch = Watch(1, live);
  std::mt19937 random(7);
  for (int i = 0; i < 1'500; ++i) {  // more than memory keeps
    const Key key = Pod(std::to_string(random() % 20));
    if (random() % 4 == 0 && store_->Get(key))
      Delete(key);
    else
      Put(key, i);
  }
  const auto far = std::make_shared<WatchLog>();
  const auto watch_far = Watch(1, far);
  ExpectSame(far->Changes(), live->Changes());
  watch.reset();

  Reopen();
  const auto restarted = std::make_shared<WatchLog>();
  const auto watch_restarted = Watch(1, restarted);
  ExpectSame(restarted->Changes(), live->Changes());
}

TEST_F(WatchTest, ResumingFromDiskWhileOthersWriteLeavesNoGap) {
  for (int i = 0; i < 1'200; ++i) Put(Pod("a"), i);
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (int i = 1'200; !stop; ++i) Put(Pod("a"), i);
  });
  std::jthread other_writer([&] {
    for (int i = 0; !stop; ++i) Put(Pod("b", "other"), i);
  });
  for (int round = 0; round < 10; ++round) {
    const auto log = std::make_shared<WatchLog>();
    auto watch = Watch(1, log, "default");
    watch.reset();
    const auto changes = log->Changes();
    ASSERT_GE(changes.size(), 1'200u);
    for (size_t i = 0; i < changes.size(); ++i)
      ASSERT_EQ(changes[i].entry->value["n"].AsInt(), static_cast<int64_t>(i));
  }
  stop = true;
}

TEST_F(WatchTest, AWatcherResumesAcrossARestartWithoutAGap) {
  const Revision seen = Put(Pod("a"), 1);
  Put(Pod("a"), 2);
  Reopen();
  const auto log = std::make_shared<WatchLog>();
  const auto watch = Watch(seen, log);
  Delete(Pod("a"));
  EXPECT_EQ(log->Text(), "modified default/a, deleted default/a");
  EXPECT_EQ(log->Changes()[0].previous->value["n"].AsInt(), 1);
}

TEST_F(WatchTest, OldRevisionsExpireAndTheKeptOnesDoNot) {
  for (const bool reopened : {false, true}) {
    SCOPED_TRACE(reopened);
    Reopen(100);
    for (int i = 0; i < 1'300; ++i) Put(Pod("a"), i);
    if (reopened) Reopen(100);
    const auto log = std::make_shared<WatchLog>();
    const auto watch = Watch(store_->CurrentRevision() - 100, log);
    EXPECT_EQ(log->Changes().size(), 100u);
    EXPECT_EQ(WatchError(2), Code::kExpired);
  }
}

TEST_F(WatchTest, TheFutureCannotBeWatched) {
  EXPECT_EQ(WatchError(store_->CurrentRevision() + 1), Code::kInvalid);
  EXPECT_TRUE(Watch(store_->CurrentRevision(), std::make_shared<WatchLog>()));
}

TEST_F(WatchTest, AWatcherThatHasEnoughGetsNoMore) {
  const auto live = std::make_shared<WatchLog>(2);
  const auto watch = Watch(1, live);
  for (const char* name : {"a", "b", "c"}) Put(Pod(name));
  EXPECT_EQ(live->Text(), "added default/a, added default/b");
  EXPECT_EQ(live.use_count(), 1);

  const auto replayed = std::make_shared<WatchLog>(2);
  const auto watch_replayed = Watch(1, replayed);
  Put(Pod("d"));
  EXPECT_EQ(replayed->Text(), "added default/a, added default/b");
}

TEST_F(WatchTest, ListAndWatchLeavesNoGapAndNoOverlap) {
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (int i = 0; !stop; ++i) Put(Pod(std::to_string(i)));
  });
  for (int i = 0; i < 50; ++i) {
    const auto log = std::make_shared<WatchLog>();
    std::unique_ptr<Subscription> watch;
    const Listing listing = store_->ListAndWatch({.type = "pods"}, log, &watch);
    EXPECT_TRUE(store_->Put({"other", "", std::to_string(i)}, 0, Numbered(i)));
    watch.reset();
    int64_t next = static_cast<int64_t>(listing.entries.size());
    for (const Change& change : log->Changes())
      ASSERT_EQ(change.entry->key.name, std::to_string(next++));
  }
  stop = true;
}

TEST_F(WatchTest, ThousandWatchersGetEverythingInOrder) {
  std::vector<std::shared_ptr<WatchLog>> logs;
  std::vector<std::unique_ptr<Subscription>> watches;
  for (int i = 0; i < 1'000; ++i) {
    logs.push_back(std::make_shared<WatchLog>());
    watches.push_back(Watch(1, logs.back()));
  }
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t)
      writers.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) Put(Pod(std::to_string(t)), i);
      });
  }
  Revision last = 1;
  const auto first = logs.front()->Changes();
  ASSERT_EQ(first.size(), 200u);
  for (const Change& change : first) {
    EXPECT_GT(change.entry->revision, last);
    last = change.entry->revision;
  }
  for (const auto& log : logs) {
    const auto changes = log->Changes();
    ASSERT_EQ(changes.size(), first.size());
    for (size_t i = 0; i < changes.size(); ++i) ASSERT_EQ(changes[i].entry, first[i].entry);
  }
}

TEST_F(WatchTest, NoCallComesAfterTheSubscriptionIsGone) {
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (int i = 0; !stop; ++i) Put(Pod("a"), i);
  });
  for (int i = 0; i < 200; ++i) {
    const auto log = std::make_shared<WatchLog>();
    auto watch = Watch(store_->CurrentRevision(), log);
    watch.reset();
    const size_t told = log->Changes().size();
    EXPECT_TRUE(log.use_count() == 1);
    EXPECT_TRUE(store_->Put(Pod(std::to_string(i), "other"), 0, Numbered(i)));
    EXPECT_EQ(log->Changes().size(), told);
  }
  stop = true;
}

TEST_F(WatchTest, AWatcherMayOwnItsSubscriptionAndEnd) {
  struct Session : WatchLog {
    using WatchLog::WatchLog;
    std::unique_ptr<Subscription> watch;
  };
  auto session = std::make_shared<Session>(1);
  session->watch = Watch(store_->CurrentRevision(), session);
  const std::weak_ptr<Session> gone = session;
  session.reset();
  Put(Pod("a"));
  EXPECT_TRUE(gone.expired());
}

TEST_F(WatchTest, ASubscriptionMayOutliveTheStore) {
  const auto log = std::make_shared<WatchLog>();
  auto watch = Watch(1, log);
  store_.reset();
  watch.reset();
  EXPECT_EQ(log.use_count(), 1);
}

TEST_F(WatchTest, EveryMinuteWatchersLearnHowFarTheStoreIs) {
  const auto log = std::make_shared<WatchLog>();
  const auto watch = Watch(1, log);
  const Revision other = Put({"nodes", "", "n"});
  clock_.AwaitSleepers(1);
  clock_.Advance(1min);
  EXPECT_EQ(log->AwaitProgress(), other);
  EXPECT_TRUE(log->Changes().empty());
}

}  // namespace
}  // namespace leat::store
