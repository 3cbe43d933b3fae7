#include "datanode/fetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <random>
#include <thread>

#include "base/mutex.h"
#include "datanode/active_object.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;

// Objects in memory. Counts what is asked of it, can hold its answers back, and fail.
class FakeStore : public objectstore::ObjectStore {
 public:
  explicit FakeStore(std::string endpoint = "") : endpoint_(std::move(endpoint)) {}
  const std::string& Name() const override { return name_; }
  const std::string& Endpoint() const override { return endpoint_; }
  Status List(const std::string&, const std::string&,
              const std::function<bool(objectstore::ObjectInfo)>&,
              const std::stop_token&) override {
    return {};
  }
  Result<objectstore::Listing> ListLevel(const std::string&, size_t,
                                         const std::stop_token&) override {
    return objectstore::Listing{};
  }
  Result<objectstore::ObjectInfo> Head(const std::string& key, const std::stop_token&) override {
    return objectstore::ObjectInfo{.key = key};
  }
  Status Get(const std::string& key, const std::string& etag, uint64_t offset, uint64_t size,
             const std::function<Status(std::string_view)>& sink,
             const std::stop_token& stop) override {
    std::string bytes;
    uint64_t held_from = 0;
    {
      MutexLock lock(mu_);
      const int number = ++gets_;
      open_.Wait(mu_, stop,
                 [&] { return (!held_ && number > held_first_) || failing_.contains(number); });
      if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
      if (error_) return *error_;
      if (const auto found = failing_.find(number); found != failing_.end()) return found->second;
      if (etag != "v1") return Error{Code::kConflict, key + " has changed"};
      bytes = objects_.at(key).substr(offset, size);
      bytes_ += bytes.size();
      held_from = held_from_;
    }
    for (size_t at = 0; at < bytes.size(); at += 300'000) {  // pieces that fit no chunk
      if (offset + at >= held_from) {
        MutexLock lock(mu_);
        open_.Wait(mu_, stop, [&] { return offset + at < held_from_; });
      }
      if (auto taken = sink(std::string_view(bytes).substr(at, 300'000)); !taken) return taken;
    }
    return {};
  }

  void Put(const std::string& key, std::string bytes) { objects_[key] = std::move(bytes); }
  void Hold(bool held) {
    MutexLock lock(mu_);
    held_ = held;
    open_.NotifyAll();
  }
  void HoldFirst(int requests) {
    MutexLock lock(mu_);
    held_first_ = requests;
    open_.NotifyAll();
  }
  // Answers break off here, until it is further on.
  void HoldFrom(uint64_t offset) {
    MutexLock lock(mu_);
    held_from_ = offset;
    open_.NotifyAll();
  }
  void Fail(std::optional<Error> error) {
    MutexLock lock(mu_);
    error_ = std::move(error);
  }
  // One request, by its number from 1 on, whether it is held or not.
  void FailOne(int request, const Error& error) {
    MutexLock lock(mu_);
    failing_.emplace(request, error);
    open_.NotifyAll();
  }
  int gets() {
    MutexLock lock(mu_);
    return gets_;
  }
  uint64_t bytes() {
    MutexLock lock(mu_);
    return bytes_;
  }

 private:
  const std::string name_ = "fake://";
  const std::string endpoint_;
  std::map<std::string, std::string> objects_;
  Mutex mu_;
  CondVar open_;
  bool held_ = false;
  int held_first_ = 0;
  uint64_t held_from_ = UINT64_MAX;
  std::optional<Error> error_;
  std::map<int, Error> failing_;
  int gets_ = 0;
  uint64_t bytes_ = 0;
};

std::string RandomBytes(size_t size, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t n = 0; n + 8 <= size; n += 8) {
    const uint64_t value = random();
    std::memcpy(bytes.data() + n, &value, 8);
  }
  return bytes;
}

class FetcherTest : public testing::Test {
 protected:
  static constexpr std::chrono::hours kNever{1};

  // Without hedges, which a busy machine would cause.
  void Open(uint64_t limit = 256 << 20, FetcherOptions options = {.hedge_after = kNever}) {
    fetcher_.reset();
    cache_.reset();
    cache_ = *blocks::Cache::Open({{.path = dir_.path(), .limit = limit}}, clock_);
    fetcher_ = std::make_unique<Fetcher>(
        *cache_, options,
        Fetcher::Events{.on_complete =
                            [this](const ObjectVersion&) {
                              ++completed_;
                              completed_.notify_all();
                            },
                        .on_changed = [this](const ObjectVersion&, const Error&) { ++changed_; }});
  }
  ObjectVersion Object(const std::string& key, size_t size, const std::string& etag = "v1") {
    contents_[key] = RandomBytes(size, static_cast<uint32_t>(std::hash<std::string>()(key)));
    store_->Put(key, contents_[key]);
    return {store_, key, etag, size, blocks::ObjectId::Of("fake://", key, etag, size)};
  }
  Result<std::string> Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset,
                           uint64_t size) {
    std::promise<Result<std::string>> promise;
    fetcher_->Read(object, offset, size, [&](const Result<std::string_view>& bytes) {
      promise.set_value(bytes ? Result<std::string>(std::string(*bytes)) : bytes.error());
    });
    return promise.get_future().get();
  }
  std::string Expected(const std::string& key, uint64_t offset, uint64_t size) {
    return contents_[key].substr(offset, size);
  }

  RealClock clock_;
  io::TempDir dir_;
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  std::map<std::string, std::string> contents_;
  std::atomic<int> completed_ = 0;
  std::atomic<int> changed_ = 0;
  std::unique_ptr<blocks::Cache> cache_;
  std::unique_ptr<Fetcher> fetcher_;
};

TEST_F(FetcherTest, NamesakesAtOtherEndpointsAreOtherObjects) {
  const auto id = [](const std::string& endpoint) {
    return MakeVersion(std::make_shared<FakeStore>(endpoint), "key", "etag", 7).id;
  };
  EXPECT_EQ(id(""), blocks::ObjectId::Of("fake://", "key", "etag", 7));
  EXPECT_EQ(id("minio:9000"), id("minio:9000"));
  EXPECT_NE(id("minio:9000"), id(""));
  EXPECT_NE(id("minio:9000"), id("minio:9001"));
}

TEST_F(FetcherTest, ReadsAnyRangeAndFetchesEachChunkOnce) {
  Open();
  const auto version = Object("a", 5 * kChunkSize + 123);
  auto object = fetcher_->Activate(version);
  for (auto [offset, size] :
       std::vector<std::pair<uint64_t, uint64_t>>{{0, 10},
                                                  {kChunkSize - 5, 10},
                                                  {kChunkSize / 2, 2 * kChunkSize},
                                                  {5 * kChunkSize, 1000},
                                                  {version.size - 1, 100},
                                                  {version.size, 10},
                                                  {3, 0}}) {
    EXPECT_EQ(*Read(object, offset, size), Expected("a", std::min(offset, version.size), size))
        << offset;
  }
  EXPECT_EQ(*Read(object, 0, version.size), contents_["a"]);
  EXPECT_EQ(store_->bytes(), version.size);
  completed_.wait(0);  // told after the readers were answered
  EXPECT_GE(completed_, 1) << "told by each thread that brought a last chunk";
  EXPECT_TRUE(Fetcher::IsComplete(*object));
  EXPECT_GE(Fetcher::File(*object), 0);
}

TEST_F(FetcherTest, WaitersOfOneChunkShareItsFetch) {
  Open();
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->Hold(true);
  std::atomic<int> good = 0;
  std::vector<std::jthread> readers;
  for (int n = 0; n < 20; ++n) {
    readers.emplace_back([&, n] {
      good += *Read(object, static_cast<uint64_t>(n) * 100, 50) ==
              Expected("a", static_cast<uint64_t>(n) * 100, 50);
    });
  }
  while (store_->gets() == 0) std::this_thread::yield();
  store_->Hold(false);
  readers.clear();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(store_->bytes(), kChunkSize);
}

TEST_F(FetcherTest, NeighboursTravelTogether) {
  Open();
  auto object = fetcher_->Activate(Object("a", 32 * kChunkSize));
  fetcher_->Prefetch(object, 0, 32 * kChunkSize);
  EXPECT_EQ(*Read(object, 0, 32 * kChunkSize), contents_["a"]);
  EXPECT_LE(store_->gets(), 10);
}

TEST_F(FetcherTest, LoadedObjectIsThereForTheNextProcess) {
  Open();
  const auto version = Object("a", 20 * kChunkSize + 1);
  std::atomic<uint64_t> progress = 0;
  ASSERT_TRUE(fetcher_->Load(version, [&](uint64_t bytes) { progress += bytes; }, {}));
  EXPECT_EQ(progress, version.size);
  Open();
  store_->Fail(Error{Code::kUnavailable, "down"});
  auto object = fetcher_->Activate(version);
  EXPECT_TRUE(Fetcher::IsComplete(*object));
  EXPECT_EQ(*Read(object, 0, version.size), contents_["a"]);
}

TEST_F(FetcherTest, SmallObjectsArePackedAndReadAgainWithoutTheStore) {
  Open();
  const auto version = Object("small", 1000);
  EXPECT_EQ(*Read(fetcher_->Activate(version), 10, 5000), Expected("small", 10, 990));
  store_->Fail(Error{Code::kUnavailable, "down"});
  EXPECT_EQ(*Read(fetcher_->Activate(version), 0, 1000), contents_["small"]);
  EXPECT_EQ(store_->gets(), 1);
  EXPECT_EQ(fetcher_->Stats().hit_bytes, 1000u);
}

TEST_F(FetcherTest, ObjectThatDoesNotFitIsReadThrough) {
  Open(4 << 20, {.memory = 32 << 20, .hedge_after = kNever});
  const auto version = Object("big", 20 * kChunkSize);
  auto object = fetcher_->Activate(version);
  EXPECT_EQ(*Read(object, 0, version.size), contents_["big"]);
  EXPECT_EQ(*Read(object, 7 * kChunkSize - 10, 20), Expected("big", 7 * kChunkSize - 10, 20));
  EXPECT_FALSE(Fetcher::IsComplete(*object));
  EXPECT_GE(fetcher_->Stats().through_bytes, version.size);
  EXPECT_EQ(fetcher_->Stats().fill_bytes, 0u);
  EXPECT_EQ(fetcher_->Load(version, [](uint64_t) {}, {}).error().code, Code::kExhausted);
}

TEST_F(FetcherTest, ReadThroughKeepsTheLastChunksInMemory) {
  Open(4 << 20);
  auto object = fetcher_->Activate(Object("big", 20 * kChunkSize));
  for (int n = 0; n < 8; ++n) {
    const uint64_t offset = static_cast<uint64_t>(n) * 128 * 1024;
    EXPECT_EQ(*Read(object, offset, 128 * 1024), Expected("big", offset, 128 * 1024));
  }
  EXPECT_EQ(store_->bytes(), kChunkSize);
}

TEST_F(FetcherTest, ReadsThatSpanChunksTakeLittleMemoryWhileTheyWait) {
  for (const std::string kind : {"cached", "through"}) {
    Open(kind == "cached" ? 256 << 20 : 2 << 20, {.memory = 8 << 20, .hedge_after = kNever});
    auto object = fetcher_->Activate(Object(kind, 3 * kChunkSize));
    ASSERT_EQ(object->through, kind == "through");
    store_->HoldFrom(kChunkSize + 100'000);
    std::atomic<int> good = 0;
    constexpr int kReads = 300;
    for (uint64_t n = 0; n < kReads; ++n) {
      const uint64_t offset = kChunkSize / 2 + n * 1000;
      fetcher_->Read(object, offset, kChunkSize,
                     [&, offset](const Result<std::string_view>& bytes) {
                       EXPECT_TRUE(bytes && *bytes == Expected(kind, offset, kChunkSize));
                       ++good;
                       good.notify_all();
                     });
    }
    if (object->through) {
      while (fetcher_->Stats().gathered_bytes == 0) std::this_thread::yield();
      EXPECT_LE(fetcher_->Stats().gathered_bytes, 1u << 20);
    } else {
      while (!object->file->Has(0)) std::this_thread::yield();
      EXPECT_EQ(fetcher_->Stats().gathered_bytes, 0u);
    }
    store_->HoldFrom(UINT64_MAX);
    for (int seen = good; seen < kReads; seen = good) good.wait(seen);
    fetcher_->Stop();
    object = nullptr;
    EXPECT_EQ(fetcher_->Stats().gathered_bytes, 0u);
  }
}

TEST_F(FetcherTest, ErrorsReachEveryWaiterAndTheNextReadTriesAgain) {
  Open();
  auto object = fetcher_->Activate(Object("a", 3 * kChunkSize));
  store_->Fail(Error{Code::kUnavailable, "the store is down"});
  EXPECT_EQ(Read(object, 0, 3 * kChunkSize).error().code, Code::kUnavailable);
  store_->Fail(std::nullopt);
  EXPECT_EQ(*Read(object, 0, 3 * kChunkSize), contents_["a"]);
  EXPECT_GT(fetcher_->Stats().store_errors, 0u);
}

TEST_F(FetcherTest, ChangedObjectIsTold) {
  Open();
  auto object = fetcher_->Activate(Object("a", kChunkSize, "v0"));
  EXPECT_EQ(Read(object, 0, 10).error().code, Code::kConflict);
  EXPECT_EQ(changed_, 1);
}

TEST_F(FetcherTest, CancelledReadIsAnsweredAtOnce) {
  Open();
  auto object = fetcher_->Activate(Object("a", 2 * kChunkSize));
  store_->Hold(true);
  std::promise<Code> promise;
  const uint64_t wait =
      fetcher_->Read(object, kChunkSize - 10, 20, [&](const Result<std::string_view>& bytes) {
        promise.set_value(bytes ? Code::kInternal : bytes.error().code);
      });
  fetcher_->Cancel(wait);
  EXPECT_EQ(promise.get_future().get(), Code::kCancelled);
  store_->Hold(false);
  EXPECT_EQ(*Read(object, 0, 10), Expected("a", 0, 10));
}

TEST_F(FetcherTest, SlowAnswerIsAskedForASecondTime) {
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(20)});
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->HoldFirst(1);  // the first request hangs, the second does not
  EXPECT_EQ(*Read(object, 0, 100), Expected("a", 0, 100));
  EXPECT_EQ(store_->gets(), 2);
  EXPECT_EQ(fetcher_->Stats().hedges, 1u);
  store_->HoldFirst(0);
}

TEST_F(FetcherTest, SlowRunIsAskedForASecondTimeByOneRequest) {
  // Long enough for all of it to be waited for before.
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(500)});
  const auto version = Object("a", 8 * kChunkSize);
  auto object = fetcher_->Activate(version);
  store_->HoldFirst(1);
  fetcher_->Prefetch(object, 0, version.size);  // one request
  ASSERT_TRUE(fetcher_->Load(version, [](uint64_t) {}, {}));
  EXPECT_EQ(store_->gets(), 2);
  EXPECT_EQ(fetcher_->Stats().hedges, 1u);
  store_->HoldFirst(0);
}

TEST_F(FetcherTest, OnlyReadersStall) {
  Open();
  const auto version = Object("loaded", 2 * kChunkSize);
  const auto object = fetcher_->Activate(Object("read", 2 * kChunkSize));
  const auto hold = [&](const std::function<void()>& waiting) {
    const int before = store_->gets();
    store_->Hold(true);
    std::jthread waiter(waiting);
    while (store_->gets() == before) std::this_thread::yield();
    const auto held = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - held < std::chrono::milliseconds(5)) {
    }
    store_->Hold(false);
  };
  hold([&] { EXPECT_TRUE(fetcher_->Load(version, [](uint64_t) {}, {})); });
  EXPECT_EQ(fetcher_->Stats().stall_ms, 0u);
  hold([&] { EXPECT_TRUE(Read(object, kChunkSize - 10, 20)); });
  EXPECT_GE(fetcher_->Stats().stall_ms, 5u);
}

TEST_F(FetcherTest, ErrorOfOneOfTwoRequestsIsNoError) {
  const Error down{Code::kUnavailable, "the first replica is down"};
  for (const int first_to_fail : {1, 2}) {
    Open(256 << 20, {.hedge_after = std::chrono::milliseconds(1)});
    const std::string key = "a" + std::to_string(first_to_fail);
    auto object = fetcher_->Activate(Object(key, kChunkSize));
    const int before = store_->gets();
    store_->HoldFirst(before + 2);
    std::jthread reader([&] { EXPECT_EQ(*Read(object, 0, 10), Expected(key, 0, 10)); });
    while (store_->gets() < before + 2) std::this_thread::yield();
    store_->FailOne(before + first_to_fail, down);
    while (fetcher_->Stats().store_errors == 0) std::this_thread::yield();
    store_->HoldFirst(0);
  }
}

TEST_F(FetcherTest, ErrorOfBothRequestsIsGivenOnce) {
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(1)});
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->HoldFirst(2);
  std::jthread reader([&] { EXPECT_EQ(Read(object, 0, 10).error().code, Code::kForbidden); });
  while (store_->gets() < 2) std::this_thread::yield();
  store_->FailOne(2, {Code::kUnavailable, "the second"});
  while (fetcher_->Stats().store_errors == 0) std::this_thread::yield();
  store_->FailOne(1, {Code::kForbidden, "the first"});
}

TEST_F(FetcherTest, HungStoreIsAskedTwiceAndNotMore) {
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(1)});
  auto hung = fetcher_->Activate(Object("hung", kChunkSize));
  auto fine = fetcher_->Activate(Object("fine", kChunkSize));
  store_->HoldFirst(2);
  std::jthread reader([&] { EXPECT_EQ(*Read(hung, 0, 10), Expected("hung", 0, 10)); });
  while (store_->gets() < 2) std::this_thread::yield();
  for (int n = 0; n < 20; ++n) {  // each would find no connection if the hung ones took them all
    const uint64_t offset = static_cast<uint64_t>(n) * 1000;
    EXPECT_EQ(*Read(fine, offset, 10), Expected("fine", offset, 10));
  }
  EXPECT_LE(store_->gets(), 4) << "twice each, however slow this machine is";
  store_->HoldFirst(0);
}

TEST_F(FetcherTest, StoresThatHangDoNotHoldUpOthers) {
  Open(256 << 20, {.connections = 4, .hedge_after = kNever});
  std::vector<std::shared_ptr<ActiveObject>> waited_for;
  const auto hang = [&](const std::string& endpoint, int most) {
    const auto store = std::make_shared<FakeStore>(endpoint);
    store->Hold(true);
    for (int n = 0; n < 40; ++n) {
      ObjectVersion version = Object(endpoint + std::to_string(n), 1000);
      version.store = store;
      waited_for.push_back(fetcher_->Activate(version));
      fetcher_->Read(waited_for.back(), 0, 10, [](const Result<std::string_view>&) {});
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (store->gets() < most && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_GE(store->gets(), most) << endpoint;
    return store;
  };
  // Whether another store answers; 20 s are for failing.
  const auto answers = [&](const std::string& key) {
    const auto object = fetcher_->Activate(Object(key, 10));
    const auto answered = std::make_shared<std::promise<bool>>();
    fetcher_->Read(object, 0, 10, [answered](const Result<std::string_view>& bytes) {
      answered->set_value(bytes.has_value());
    });
    auto future = answered->get_future();
    return future.wait_for(std::chrono::seconds(20)) == std::future_status::ready && future.get();
  };
  const auto first = hang("dead:1", 4);  // alone, it gets all connections
  EXPECT_TRUE(answers("a"));
  const auto second = hang("dead:2", 1);  // beside it, what leaves one for somebody else
  EXPECT_TRUE(answers("b"));
  EXPECT_EQ(first->gets(), 4);
  EXPECT_EQ(second->gets(), 1);
  fetcher_->Stop();
}

TEST_F(FetcherTest, EndAnswersThoseWhoWait) {
  Open();
  auto object = fetcher_->Activate(Object("a", 40 * kChunkSize));
  store_->Hold(true);
  std::atomic<int> cancelled = 0;
  for (uint64_t n = 0; n < 40; ++n) {
    fetcher_->Read(object, n * kChunkSize, 10, [&](const Result<std::string_view>& bytes) {
      if (!bytes && bytes.error().code == Code::kCancelled) ++cancelled;
    });
  }
  object.reset();
  fetcher_.reset();
  EXPECT_EQ(cancelled, 40);
}

TEST_F(FetcherTest, ManyReadersOfManyObjectsInLittleMemory) {
  Open(24 << 20, {.memory = 8 << 20, .connections = 16, .hedge_after = kNever});
  std::vector<ObjectVersion> versions;
  for (int n = 0; n < 12; ++n) {
    versions.push_back(Object("o" + std::to_string(n), 4 * kChunkSize + static_cast<size_t>(n)));
  }
  std::atomic<int> bad = 0;
  std::vector<std::jthread> readers;
  for (int r = 0; r < 8; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937 random(static_cast<uint32_t>(r));
      for (int i = 0; i < 60; ++i) {
        const ObjectVersion& version = versions[random() % versions.size()];
        auto object = fetcher_->Activate(version);
        const uint64_t offset = random() % version.size;
        const uint64_t size = 1 + random() % (2 * kChunkSize);
        fetcher_->Prefetch(object, offset, offset + 4 * kChunkSize);
        const auto bytes = Read(object, offset, size);
        if (!bytes || *bytes != contents_[version.key].substr(offset, size)) ++bad;
      }
    });
  }
  readers.clear();
  EXPECT_EQ(bad, 0);
  EXPECT_LE(cache_->Stats().used, 24u << 20);
}

}  // namespace
}  // namespace leat::datanode
