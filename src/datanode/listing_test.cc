#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>

#include "datanode/listing_log.h"
#include "datanode/manifest.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

using objectstore::Listing;
using objectstore::ObjectInfo;

// Sorted keys in memory; fails after a number of listed objects when told to.
class KeyStore : public objectstore::ObjectStore {
 public:
  const std::string& Name() const override { return name_; }
  Status List(const std::string& prefix, const std::string& after,
              const std::function<bool(ObjectInfo)>& each, const std::stop_token&) override {
    auto key = after.empty() ? keys_.lower_bound(prefix) : keys_.upper_bound(after);
    for (; true; ++key) {
      if (key == keys_.end() || !key->starts_with(prefix)) break;
      if (failing_after_ >= 0 && listed_ >= failing_after_) {
        return Error{Code::kUnavailable, "the store is away"};
      }
      ++listed_;
      if (!each({.key = *key, .size = 10, .etag = "e", .last_modified = 5})) break;
    }
    return {};
  }
  Result<Listing> ListLevel(const std::string& prefix, size_t limit,
                            const std::stop_token&) override {
    Listing level;
    std::set<std::string> prefixes;
    for (auto key = keys_.lower_bound(prefix); key != keys_.end() && key->starts_with(prefix);
         ++key) {
      const size_t slash = key->find('/', prefix.size());
      if (slash == std::string::npos) {
        level.objects.push_back({.key = *key, .size = 10, .etag = "e", .last_modified = 5});
      } else {
        prefixes.insert(key->substr(0, slash + 1));
      }
      if (level.objects.size() + prefixes.size() > limit) {
        return Error{Code::kTooLarge, "too many"};
      }
    }
    level.prefixes.assign(prefixes.begin(), prefixes.end());
    return level;
  }
  Result<ObjectInfo> Head(const std::string& key, const std::stop_token&) override {
    return ObjectInfo{.key = key};
  }
  Status Get(const std::string&, const std::string&, uint64_t, uint64_t,
             const std::function<Status(std::string_view)>&, const std::stop_token&) override {
    return {};
  }

  void Add(std::string key) { keys_.insert(std::move(key)); }
  void FailAfter(int objects) {
    listed_ = 0;
    failing_after_ = objects;
  }
  int listed() const { return listed_; }

 private:
  const std::string name_ = "test://keys/";
  std::set<std::string> keys_;
  std::atomic<int> listed_ = 0;
  std::atomic<int> failing_after_ = -1;
};

class ListingTest : public testing::Test {
 protected:
  Status List() {
    return ListSource(
        store_, path_, nullptr, 10'000,
        [this](const ListingProgress& progress) { last_progress_ = progress.objects; }, {});
  }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/manifest";
  KeyStore store_;
  uint64_t last_progress_ = 0;
};

TEST_F(ListingTest, FindsEverythingInAnyShapeOfTree) {
  std::set<std::string> keys;
  for (int n = 0; n < 100; ++n) {
    for (int m = 0; m < 30; ++m) {
      keys.insert("train/" + std::to_string(n) + "/" + std::to_string(m));
    }
  }
  for (const char* key : {"top", "a/b/c/d/e/f", "train/x", "z/"}) keys.insert(key);
  for (const std::string& key : keys) store_.Add(key);
  ASSERT_TRUE(List());
  auto manifest = *Manifest::Open(path_);
  EXPECT_EQ(manifest->files(), keys.size() - 1);
  for (const std::string& key : keys) {
    EXPECT_TRUE(manifest->FindPath(key.ends_with('/') ? key.substr(0, key.size() - 1) : key))
        << key;
  }
  EXPECT_EQ(last_progress_, 3000u);
  EXPECT_FALSE(io::Exists(dir_.path() + "/listing.partial"));
}

TEST_F(ListingTest, FlatSourceIsListedInOneGo) {
  for (int n = 0; n < 15'000; ++n) store_.Add("img" + std::to_string(n));
  ASSERT_TRUE(List());
  EXPECT_EQ((*Manifest::Open(path_))->files(), 15'000u);
}

TEST_F(ListingTest, EmptySourceIsAnEmptyTree) {
  ASSERT_TRUE(List());
  EXPECT_EQ((*Manifest::Open(path_))->size(), 1u);
}

TEST_F(ListingTest, ListingThatBrokeOffGoesOn) {
  for (int n = 0; n < 20'000; ++n)
    store_.Add("d" + std::to_string(n % 100) + "/" + std::to_string(n));
  store_.FailAfter(15'000);
  EXPECT_EQ(List().error().code, Code::kUnavailable);
  EXPECT_FALSE(io::Exists(path_));
  store_.FailAfter(-1);
  ASSERT_TRUE(List());
  EXPECT_EQ((*Manifest::Open(path_))->files(), 20'000u);
  EXPECT_LT(store_.listed(), 6'000) << "what was seen is not asked for again";
}

TEST_F(ListingTest, DamagedLogIsNotBelieved) {
  store_.Add("x");
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/listing.partial", "s\x08\x01"));
  ASSERT_TRUE(List());
  EXPECT_EQ((*Manifest::Open(path_))->files(), 1u);
}

TEST_F(ListingTest, LogThatWasCutShortGoesOnAfterItsLastWholeRecord) {
  const std::string path = dir_.path() + "/listing.partial";
  {
    auto log = ListingLog::Open(path, "fake://", 100, 0);
    ASSERT_TRUE(log);
    (*log)->Plan({"a/", "b/"});
    (*log)->Object({.key = "a/1", .size = 5, .etag = "e"});
    (*log)->Object({.key = "a/2", .size = 5, .etag = "e"});
    ASSERT_TRUE((*log)->Flush());
  }
  const std::string whole = *io::ReadFile(path);
  for (size_t cut = 1; cut < 30; ++cut) {
    ASSERT_TRUE(io::WriteFile(path, whole.substr(0, whole.size() - cut)));
    const auto past = ListingLog::Read(path, "fake://", 0);
    ASSERT_TRUE(past.planned);
    ASSERT_EQ(past.objects.size(), 1u);
    auto log = ListingLog::Open(path, "fake://", 100, past.end);
    ASSERT_TRUE(log);
    (*log)->Object({.key = "a/3", .size = 5, .etag = "e"});
    (*log)->Finished("a/");
    ASSERT_TRUE((*log)->Flush());
    const auto after = ListingLog::Read(path, "fake://", 0);
    ASSERT_EQ(after.objects.size(), 2u) << cut;
    EXPECT_EQ(after.objects[1].key, "a/3");
    EXPECT_TRUE(after.finished.contains("a/"));
  }
}

}  // namespace
}  // namespace leat::datanode
