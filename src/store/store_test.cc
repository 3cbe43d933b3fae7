#include "store/store.h"

#include <gtest/gtest.h>

#include <thread>

#include "io/file.h"
#include "store/feed.h"
#include "store/testing/watch_log.h"

namespace leat::store {
namespace {

class StoreTest : public testing::Test {
 protected:
  void Reopen() {
    store_.reset();
    store_ = MustOpen({.path = dir_.path() + "/db"}, clock_);
  }
  Revision Create(const Key& key, int64_t n = 0) {
    const auto made = store_->Put(key, 0, Numbered(n));
    EXPECT_TRUE(made) << made.error().message;
    return made ? (*made)->revision : 0;
  }

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_ = MustOpen({.path = dir_.path() + "/db"}, clock_);
};

TEST_F(StoreTest, AnObjectCarriesTheRevisionOfItsLastWrite) {
  const auto made = store_->Put(Pod("a"), 0, Numbered(1));
  ASSERT_TRUE(made);
  const auto changed = store_->Put(Pod("a"), (*made)->revision, Numbered(2));
  ASSERT_TRUE(changed);
  EXPECT_GT((*changed)->revision, (*made)->revision);
  const auto read = store_->Get(Pod("a"));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, *changed);
  EXPECT_EQ((*read)->value["metadata"]["resourceVersion"].Str(), std::to_string((*read)->revision));
  EXPECT_EQ((*read)->Json(), json::Print((*read)->value));
  EXPECT_EQ(store_->CurrentRevision(), (*read)->revision);
}

TEST_F(StoreTest, AnEmptyStoreIsNotAtRevisionZero) {
  EXPECT_EQ(store_->CurrentRevision(), 1);
  EXPECT_EQ(store_->List({.type = "pods"}).revision, 1);
}

TEST_F(StoreTest, AListOfThePastShowsWhatWasThere) {
  const Revision first = Create(Pod("b"), 1);
  Create(Pod("c"), 1);
  const Revision then = Create({"nodes", "", "n"});
  ASSERT_TRUE(store_->Put(Pod("b"), first, Numbered(2)));
  ASSERT_TRUE(store_->Delete(Pod("c"), then - 1));
  Create(Pod("a"));
  Reopen();
  const auto past = store_->ListAt({.type = "pods"}, then);
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->revision, then);
  ASSERT_EQ(past->entries.size(), 2u);
  EXPECT_EQ(past->entries[0]->value["n"].AsInt(), 1);
  EXPECT_EQ(past->entries[1]->key, Pod("c"));
  EXPECT_EQ(store_->ListAt({.type = "pods", .ns = "other"}, then)->entries.size(), 0u);
  EXPECT_EQ(store_->ListAt({.type = "pods"}, 99).error().code, Code::kInvalid);
}

TEST_F(StoreTest, AListOlderThanTheHistoryHasExpired) {
  store_.reset();
  store_ = MustOpen(
      {.path = dir_.path() + "/db", .history_changes = 10, .relaxed_types = {"nodes"}}, clock_);
  const Revision then = Create(Pod("a"));
  for (int i = 0; i < 2'000; ++i) Create({"nodes", "", std::to_string(i)});
  Create(Pod("b"));  // so that all is on disk
  EXPECT_EQ(store_->ListAt({.type = "pods"}, then).error().code, Code::kExpired);
  EXPECT_TRUE(store_->ListAt({.type = "pods"}, store_->CurrentRevision() - 5));
}

TEST_F(StoreTest, HistoryIsBoundedByItsBytesToo) {
  const auto reopen = [this] {
    store_.reset();  // memory has none of the history
    store_ = MustOpen({.path = dir_.path() + "/db", .history_bytes = 1 << 20}, clock_);
  };
  reopen();
  const json::Value large = json::Object({{"text", std::string(100'000, 'x')}});
  Revision last = Create(Pod("a"));
  const Revision first = last;
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 5) reopen();  // what was counted is remembered
    last = (*store_->Put(Pod("a"), last, large))->revision;
  }
  reopen();
  EXPECT_EQ(store_->ListAt({.type = "pods"}, first).error().code, Code::kExpired);
  EXPECT_EQ(store_->ListAt({.type = "pods"}, last - 12).error().code, Code::kExpired);
  EXPECT_TRUE(store_->ListAt({.type = "pods"}, last - 8));
}

TEST_F(StoreTest, MoreHistoryThanAListIsWorthHasExpired) {
  const json::Value large = json::Object({{"text", std::string(1 << 20, 'x')}});
  Revision last = Create(Pod("a"));
  for (int i = 0; i < 20; ++i) last = (*store_->Put(Pod("a"), last, large))->revision;
  store_.reset();
  store_ = MustOpen({.path = dir_.path() + "/db"}, clock_);
  EXPECT_EQ(store_->ListAt({.type = "pods"}, last - 18).error().code, Code::kExpired);
  EXPECT_TRUE(store_->ListAt({.type = "pods"}, last - 10));
}

TEST(Feed, RemembersNoMoreThanItsBytes) {
  ObjectIndex objects({}, 1);
  const auto feed = std::make_shared<Feed>(objects, 1'000, 250'000);
  for (Revision revision = 2; revision < 12; ++revision) {
    auto entry = std::make_shared<Entry>();
    entry->key = Pod(std::to_string(revision));
    entry->revision = revision;
    entry->value = json::Object({{"text", std::string(100'000, 'x')}});
    feed->Publish({{ChangeType::kAdded, entry, nullptr}});
  }
  EXPECT_EQ(feed->ListAt({.type = "pods"}, 8, {}).error().code, Code::kExpired);
  const auto before = feed->ListAt({.type = "pods"}, 9, {});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->entries.size(), 8u);
}

TEST_F(StoreTest, AWriteIsRefusedWhenTheObjectIsNotAtTheExpectedRevision) {
  const Revision first = Create(Pod("a"));
  const Revision second = (*store_->Put(Pod("a"), first, Numbered(2)))->revision;
  const auto code = [](const Result<EntryPtr>& r) { return r ? Code::kInternal : r.error().code; };
  EXPECT_EQ(code(store_->Put(Pod("a"), 0, Numbered(3))), Code::kAlreadyExists);
  EXPECT_EQ(code(store_->Put(Pod("a"), first, Numbered(3))), Code::kConflict);
  EXPECT_EQ(code(store_->Put(Pod("b"), first, Numbered(3))), Code::kNotFound);
  EXPECT_EQ(code(store_->Delete(Pod("a"), first)), Code::kConflict);
  EXPECT_EQ(code(store_->Delete(Pod("b"), first)), Code::kNotFound);
  EXPECT_EQ(store_->CurrentRevision(), second);
  EXPECT_EQ((*store_->Get(Pod("a")))->value["n"].AsInt(), 2);
}

TEST_F(StoreTest, RefusalsNameTheObjectAndWhatToDo) {
  const Revision first = Create(Pod("a"));
  const Revision second = (*store_->Put(Pod("a"), first, Numbered(2)))->revision;
  EXPECT_EQ(store_->Put(Pod("a"), first, Numbered(3)).error().message,
            "pods default/a is at revision " + std::to_string(second) + ", no longer at " +
                std::to_string(first) + ": read it again and retry");
  EXPECT_EQ(store_->Get({"nodes", "", "n1"}).error().message, "nodes n1 does not exist");
}

TEST_F(StoreTest, ADeletionReturnsTheLastValueWithItsOwnRevision) {
  const Revision made = Create(Pod("a"), 7);
  const auto gone = store_->Delete(Pod("a"), made);
  ASSERT_TRUE(gone);
  EXPECT_GT((*gone)->revision, made);
  EXPECT_EQ((*gone)->value["n"].AsInt(), 7);
  EXPECT_EQ((*gone)->value["metadata"]["resourceVersion"].Str(), std::to_string((*gone)->revision));
  EXPECT_EQ(store_->Get(Pod("a")).error().code, Code::kNotFound);
  EXPECT_GT(Create(Pod("a")), (*gone)->revision);
}

TEST_F(StoreTest, ListsAreInKeyOrderAndKeepToTypeAndNamespace) {
  for (const auto& key : {Pod("b", "x"), Pod("a", "y"), Pod("a", "x"), Key{"podsets", "x", "a"},
                          Key{"nodes", "", "n"}, Pod("a", "xx")})
    Create(key);
  const auto names = [&](const ListOptions& options) {
    std::string text;
    for (const EntryPtr& entry : store_->List(options).entries)
      text += entry->key.ns + "/" + entry->key.name + " ";
    return text;
  };
  EXPECT_EQ(names({.type = "pods"}), "x/a x/b xx/a y/a ");
  EXPECT_EQ(names({.type = "pods", .ns = "x"}), "x/a x/b ");
  EXPECT_EQ(names({.type = "nodes", .ns = ""}), "/n ");
  EXPECT_EQ(names({.type = "pod"}), "");
  EXPECT_EQ(names({.type = "pods", .ns = "x", .after = Pod("a", "x")}), "x/b ");
  EXPECT_EQ(names({.type = "pods", .ns = "y", .after = Pod("z", "a")}), "y/a ");
  EXPECT_EQ(names({.type = "pods", .ns = "x", .after = Pod("z", "y")}), "");
}

TEST_F(StoreTest, ALimitedListSaysWhatItLeftOutAndCanBeContinued) {
  for (int i = 0; i < 5; ++i) Create(Pod("p" + std::to_string(i)));
  const Listing first = store_->List({.type = "pods", .limit = 3});
  ASSERT_EQ(first.entries.size(), 3u);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.remaining, 2);
  EXPECT_EQ(first.revision, store_->CurrentRevision());
  const Listing rest =
      store_->List({.type = "pods", .limit = 3, .after = first.entries.back()->key});
  ASSERT_EQ(rest.entries.size(), 2u);
  EXPECT_EQ(rest.entries[0]->key.name, "p3");
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rest.remaining, 0);
}

TEST_F(StoreTest, UpdateRetriesUntilNobodyInterferes) {
  Create(Pod("a"), 0);
  int runs = 0;
  const auto updated =
      store_->Update(Pod("a"), [&](const Entry& current) -> Result<std::optional<json::Value>> {
        const bool interfere = ++runs <= 3;
        EXPECT_TRUE(!interfere || store_->Put(Pod("a"), current.revision, Numbered(runs)));
        json::Value value = current.value;
        return value.Set("n", current.value["n"].AsInt() + 10);
      });
  ASSERT_TRUE(updated);
  EXPECT_EQ(runs, 4);
  EXPECT_EQ((*updated)->value["n"].AsInt(), 13);
}

TEST_F(StoreTest, UpdateGivesUpWhenItAlwaysLoses) {
  Create(Pod("a"), 0);
  const auto updated =
      store_->Update(Pod("a"), [&](const Entry& current) -> Result<std::optional<json::Value>> {
        EXPECT_TRUE(store_->Put(Pod("a"), current.revision, Numbered(1)));
        return Numbered(2);
      });
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code, Code::kConflict);
}

TEST_F(StoreTest, UpdateCanLeaveTheObjectOrFail) {
  const Revision made = Create(Pod("a"));
  const auto left = store_->Update(
      Pod("a"), [](const Entry&) -> Result<std::optional<json::Value>> { return std::nullopt; });
  ASSERT_TRUE(left);
  EXPECT_EQ((*left)->revision, made);
  EXPECT_EQ(store_->CurrentRevision(), made);
  const auto failed =
      store_->Update(Pod("a"), [](const Entry&) -> Result<std::optional<json::Value>> {
        return Error{Code::kForbidden, "no"};
      });
  EXPECT_EQ(failed.error().code, Code::kForbidden);
  EXPECT_EQ(
      store_
          ->Update(Pod("b"),
                   [](const Entry&) -> Result<std::optional<json::Value>> { return std::nullopt; })
          .error()
          .code,
      Code::kNotFound);
}

TEST_F(StoreTest, ConcurrentUpdatesOfOneObjectAllCount) {
  Create(Pod("a"), 0);
  constexpr int kThreads = 8, kEach = 20;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i)
          EXPECT_TRUE(store_->Update(
              Pod("a"), [](const Entry& current) -> Result<std::optional<json::Value>> {
                json::Value value = current.value;
                return value.Set("n", current.value["n"].AsInt() + 1);
              }));
      });
  }
  EXPECT_EQ((*store_->Get(Pod("a")))->value["n"].AsInt(), kThreads * kEach);
}

TEST_F(StoreTest, OfManyCreatorsOfOneNameExactlyOneWins) {
  std::atomic<int> won = 0, lost = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        const auto made = store_->Put(Pod("a"), 0, Numbered(t));
        if (made)
          ++won;
        else if (made.error().code == Code::kAlreadyExists)
          ++lost;
      });
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 7);
}

TEST_F(StoreTest, AReopenedStoreHoldsTheSameAndGoesOnCounting) {
  Create(Pod("a"), 1);
  const Revision b = Create(Pod("b", "x"), 2);
  const Revision gone = (*store_->Delete(Pod("b", "x"), b))->revision;
  const std::string before = (*store_->Get(Pod("a")))->Json();
  Reopen();
  EXPECT_EQ(store_->CurrentRevision(), gone);
  EXPECT_EQ((*store_->Get(Pod("a")))->Json(), before);
  EXPECT_EQ(store_->List({.type = "pods"}).entries.size(), 1u);
  EXPECT_EQ(Create(Pod("c")), gone + 1);
}

TEST_F(StoreTest, KeepsTextExactlyAsItIs) {
  json::Value value = Numbered(0);
  const std::string text = std::string("quote \" nul ") + '\0' + " snowman \xe2\x98\x83 '; --";
  value.Set("text", text);
  ASSERT_TRUE(store_->Put(Pod("it's-a.name", "a'b"), 0, value));
  Reopen();
  EXPECT_EQ((*store_->Get(Pod("it's-a.name", "a'b")))->value["text"].Str(), text);
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAsItIs) {
  const std::string path = dir_.path() + "/other";
  const std::string text(8192, 'x');
  ASSERT_TRUE(io::WriteFile(path, text));
  const auto opened = Store::Open({.path = path}, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_EQ(*io::ReadFile(path), text);
}

}  // namespace
}  // namespace leat::store
