// Random operations from several threads against a std::map, with restarts in between.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "base/mutex.h"
#include "io/file.h"
#include "store/store.h"
#include "store/testing/watch_log.h"

namespace leat::store {
namespace {

struct Done {
  Revision expected;
  bool deleted;
  EntryPtr entry;
};

// The keys are few, so that the threads collide.
Key RandomKey(std::mt19937& random) {
  return {random() % 2 ? "pods" : "leases", random() % 2 ? "x" : "y", std::to_string(random() % 4)};
}

// One operation; those that succeeded are kept by revision.
void Operate(Store& store, std::mt19937& random, Mutex& mu, std::map<Revision, Done>& done) {
  const Key key = RandomKey(random);
  const auto current = store.Get(key);
  const Revision now = current ? (*current)->revision : 0;
  // Mostly right, sometimes stale or made up.
  const Revision expected = random() % 8 == 0 ? static_cast<Revision>(random() % 50) : now;
  const bool deletes = expected != 0 && random() % 3 == 0;
  const auto result = deletes ? store.Delete(key, expected)
                              : store.Put(key, expected, Numbered(static_cast<int>(random() % 99)));
  if (!result) {
    const Code code = result.error().code;
    EXPECT_TRUE(code == Code::kConflict || code == Code::kNotFound || code == Code::kAlreadyExists)
        << result.error().message;
    return;
  }
  // What was acknowledged is visible, or already replaced.
  const auto read = store.Get(key);
  if (!deletes) {
    EXPECT_TRUE(!read || (*read)->revision >= (*result)->revision);
  }
  MutexLock lock(mu);
  EXPECT_TRUE(done.try_emplace((*result)->revision, Done{expected, deletes, *result}).second)
      << "revision given twice: " << (*result)->revision;
}

class Model {
 public:
  // Applies what was done, in revision order; each must have been allowed at that moment.
  void Apply(const std::map<Revision, Done>& done) {
    for (const auto& [revision, one] : done) {
      EntryPtr& slot = objects_[one.entry->key];
      EXPECT_EQ(one.expected, slot ? slot->revision : 0) << "at revision " << revision;
      const ChangeType type = one.deleted ? ChangeType::kDeleted
                              : slot      ? ChangeType::kModified
                                          : ChangeType::kAdded;
      changes_.push_back({type, one.entry, slot});
      slot = one.deleted ? nullptr : one.entry;
    }
  }
  void ExpectEqual(const Store& store) const {
    std::map<std::string, std::vector<EntryPtr>> by_type;
    for (const auto& [key, entry] : objects_)
      if (entry) by_type[key.type].push_back(entry);
    for (const char* type : {"leases", "pods"}) {
      const Listing listing = store.List({.type = type});
      ASSERT_EQ(listing.entries.size(), by_type[type].size());
      for (size_t i = 0; i < listing.entries.size(); ++i) {
        EXPECT_EQ(listing.entries[i]->key, by_type[type][i]->key);
        EXPECT_EQ(listing.entries[i]->Json(), by_type[type][i]->Json());
      }
    }
  }
  void ExpectEqualAt(Store& store, Revision revision) const {
    std::map<Key, EntryPtr> then;
    for (const Change& change : changes_) {
      if (change.entry->revision > revision) break;
      if (change.type == ChangeType::kDeleted)
        then.erase(change.entry->key);
      else
        then[change.entry->key] = change.entry;
    }
    for (const char* type : {"leases", "pods"}) {
      std::vector<EntryPtr> expected;
      for (const auto& [key, entry] : then)
        if (key.type == type && key.ns == "x") expected.push_back(entry);
      ListOptions options{.type = type, .ns = "x", .limit = 1};
      for (const EntryPtr& entry : expected) {
        const auto page = store.ListAt(options, revision);
        ASSERT_TRUE(page) << page.error().message;
        ASSERT_EQ(page->entries.size(), 1u);
        EXPECT_EQ(page->entries[0]->Json(), entry->Json());
        EXPECT_EQ(page->revision, revision);
        EXPECT_EQ(page->more, entry != expected.back());
        options.after = entry->key;
      }
      EXPECT_TRUE(store.ListAt(options, revision)->entries.empty());
    }
  }
  std::vector<Change> ChangesOf(const std::string& type, Revision since) const {
    std::vector<Change> changes;
    for (const Change& change : changes_)
      if (change.entry->key.type == type && change.entry->revision > since)
        changes.push_back(change);
    return changes;
  }

 private:
  std::map<Key, EntryPtr> objects_;
  std::vector<Change> changes_;
};

void RunRounds(const std::vector<std::string>& relaxed_types, unsigned seed) {
  constexpr int kRounds = 4, kThreads = 6, kOperations = 150;
  std::printf("seed %u\n", seed);
  const io::TempDir dir;
  FakeClock clock;
  Model model;
  Revision before = 1;
  for (int round = 0; round < kRounds; ++round) {
    const auto store =
        MustOpen({.path = dir.path() + "/db", .relaxed_types = relaxed_types}, clock);
    model.ExpectEqual(*store);
    const Revision start = store->CurrentRevision();
    const auto live = std::make_shared<WatchLog>();
    const auto watch = store->Watch("pods", {}, start, live);
    ASSERT_TRUE(watch);

    Mutex mu;
    std::map<Revision, Done> done;
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
          std::mt19937 random(seed + static_cast<unsigned>(round * kThreads + t));
          for (int i = 0; i < kOperations; ++i) Operate(*store, random, mu, done);
        });
    }
    ASSERT_FALSE(done.empty());
    EXPECT_GT(done.begin()->first, start);
    model.Apply(done);
    model.ExpectEqual(*store);
    ExpectSame(live->Changes(), model.ChangesOf("pods", start));
    for (const char* type : {"pods", "leases"}) {
      const auto resumed = std::make_shared<WatchLog>();
      ASSERT_TRUE(store->Watch(type, {}, before, resumed));
      ExpectSame(resumed->Changes(), model.ChangesOf(type, before));
    }
    const Revision span = store->CurrentRevision() - before;
    for (int i = 0; i <= 20; ++i) model.ExpectEqualAt(*store, before + span * i / 20);
    before = start;  // the next round resumes from before this one, across the restart
  }
}

TEST(Model, TheStoreBehavesLikeAMapWithHistory) { RunRounds({}, std::random_device()()); }

TEST(Model, SoDoesOneWithRelaxedTypes) { RunRounds({"leases"}, std::random_device()()); }

}  // namespace
}  // namespace leat::store
