#include "datanode/fetcher.h"

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "datanode/testing/fetcher_fixture.h"
#include "io/testing/descriptors.h"

namespace leat::datanode {
namespace {

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
  EXPECT_EQ(ReadAll(object), contents_["a"]);
  EXPECT_EQ(store_->bytes(), version.size);
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
  EXPECT_TRUE(Eventually([&] { return store_->gets() > 0; }));
  store_->Hold(false);
  readers.clear();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(store_->bytes(), kChunkSize);
}

TEST_F(FetcherTest, BytesAreGivenOnBeforeTheirChunkIsWhole) {
  Open();
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->HoldFrom(600'000);
  EXPECT_EQ(*Read(object, 500'000, 4096), Expected("a", 500'000, 4096));
  EXPECT_FALSE(object->file->Has(0));
  const auto answer = std::make_shared<std::promise<std::string>>();
  fetcher_->Read(object, 590'000, 20'000, [answer](const Result<std::string_view>& bytes) {
    answer->set_value(bytes ? std::string(*bytes) : bytes.error().message);
  });
  auto future = answer->get_future();
  EXPECT_NE(future.wait_for(std::chrono::seconds(0)), std::future_status::ready)
      << "its last bytes have not come";
  store_->HoldFrom(UINT64_MAX);
  ASSERT_EQ(future.wait_for(kForFailing), std::future_status::ready);
  EXPECT_EQ(future.get(), Expected("a", 590'000, 20'000));
  EXPECT_EQ(ReadAll(object), contents_["a"]);
  EXPECT_EQ(store_->bytes(), kChunkSize) << "one fetch for all";
}

TEST_F(FetcherTest, BytesAreGivenOnEarlyAlsoOfWhatIsSmallOrNotCached) {
  Open(4 << 20, {.memory = 32 << 20, .hedge_after = kNever});
  for (const uint64_t size : {uint64_t{100'000}, 20 * kChunkSize}) {
    const std::string name = "f" + std::to_string(size);
    auto object = fetcher_->Activate(Object(name, size));
    store_->HoldFrom(60'000);
    EXPECT_EQ(*Read(object, 50'000, 4096), Expected(name, 50'000, 4096)) << size;
    store_->HoldFrom(UINT64_MAX);
    EXPECT_EQ(ReadAll(object), contents_[name]) << size;
  }
  EXPECT_EQ(fetcher_->Stats().fill_bytes, 100'000u);
}

TEST_F(FetcherTest, AReadThatWasGivenUpIsNotAnsweredEarly) {
  Open();
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->HoldFrom(0);
  std::atomic<int> answers = 0;
  const uint64_t wait =
      fetcher_->Read(object, 500'000, 4096, [&](const Result<std::string_view>& bytes) {
        EXPECT_EQ(bytes.error().code, Code::kCancelled);
        ++answers;
      });
  ASSERT_NE(wait, 0u);
  fetcher_->Cancel(wait);
  EXPECT_EQ(answers, 1);
  store_->HoldFrom(UINT64_MAX);
  // Its chunk is of the first who reads it, and comes once.
  EXPECT_EQ(*Read(object, 0, kChunkSize), contents_["a"]);
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(store_->bytes(), kChunkSize);
}

TEST_F(FetcherTest, NeighboursTravelTogether) {
  Open();
  auto object = fetcher_->Activate(Object("a", 32 * kChunkSize));
  fetcher_->Prefetch(object, 0, 32 * kChunkSize);
  EXPECT_EQ(ReadAll(object), contents_["a"]);
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
  EXPECT_EQ(ReadAll(object), contents_["a"]);
}

TEST_F(FetcherTest, WhatIsCachedIsReadThoughMoreIsOpenThanDescriptorsAllow) {
  const io::DescriptorsAtMost few(256);
  Open(400 << 20);
  std::vector<ObjectVersion> versions;
  for (int n = 0; n < 100; ++n) {
    versions.push_back(Object("f" + std::to_string(n), kChunkSize + 10));
    ASSERT_TRUE(fetcher_->Load(versions.back(), [](uint64_t) {}, {}));
  }
  store_->Fail(Error{Code::kUnavailable, "down"});
  std::vector<std::shared_ptr<ActiveObject>> open;
  int without_file = 0;
  for (const ObjectVersion& version : versions) {
    open.push_back(fetcher_->Activate(version));
    without_file += open.back()->file ? 0 : 1;
    EXPECT_EQ(ReadAll(open.back()), contents_[version.key]) << version.key;
    EXPECT_TRUE(fetcher_->Load(version, [](uint64_t) {}, {}));
  }
  EXPECT_GT(without_file, 10);
  EXPECT_EQ(fetcher_->Stats().through_bytes, 0u);
}

TEST_F(FetcherTest, ARequestThatHasNoDescriptorWaitsForOne) {
  Open();
  store_->FailOne(1, Error{Code::kExhausted, "Too many open files"});
  store_->FailOne(2, Error{Code::kExhausted, "Too many open files"});
  EXPECT_EQ(*Read(fetcher_->Activate(Object("a", 1000)), 0, 1000), contents_["a"]);
  EXPECT_EQ(store_->gets(), 3);
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
  EXPECT_EQ(ReadAll(object), contents_["big"]);
  EXPECT_EQ(*Read(object, 7 * kChunkSize - 10, 20), Expected("big", 7 * kChunkSize - 10, 20));
  EXPECT_FALSE(Fetcher::IsComplete(*object));
  EXPECT_GE(fetcher_->Stats().through_bytes, version.size);
  EXPECT_EQ(fetcher_->Stats().fill_bytes, 0u);
  EXPECT_EQ(fetcher_->Load(version, [](uint64_t) {}, {}).error().code, Code::kExhausted);
}

TEST_F(FetcherTest, LoadedMeansCachedAlsoWhenTheBytesWereRefusedBefore) {
  Open(16 << 20);
  const ObjectVersion small = Object("small", 100'000);
  const ObjectVersion large = Object("large", 16 << 20);
  auto held = fetcher_->Activate(large);  // takes all the room
  ASSERT_TRUE(held->file);
  const auto reader = fetcher_->Activate(small);
  EXPECT_EQ(*Read(reader, 0, 100'000), contents_["small"]);
  const auto load = [&] { return fetcher_->Load(small, [](uint64_t) {}, {}); };
  EXPECT_EQ(load().error().code, Code::kExhausted) << "though its bytes are in memory";
  held = nullptr;
  ASSERT_TRUE(cache_->Evict(large.id));
  EXPECT_TRUE(load()) << "also while it is open";
  EXPECT_TRUE(cache_->HasSmall(small.id));
  EXPECT_EQ(store_->gets(), 1);
}

TEST_F(FetcherTest, LoadSaysThatTheDiskDoesNotTakeIt) {
  Open(16 << 20);
  ASSERT_EQ(::rename((dir_.path() + "/objects").c_str(), (dir_.path() + "/away").c_str()), 0);
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/objects", "no directory"));
  const auto loaded = fetcher_->Load(Object("large", 2 << 20), [](uint64_t) {}, {});
  EXPECT_EQ(loaded.error().code, Code::kInternal);
  EXPECT_NE(loaded.error().message.find("large: "), std::string::npos) << loaded.error().message;
  EXPECT_NE(loaded.error().message.find(dir_.path()), std::string::npos) << loaded.error().message;
}

TEST_F(FetcherTest, WhatWasFetchedAheadIsReadFromMemoryOnce) {
  Open();
  const auto version = Object("a", 3 * kChunkSize);
  auto object = fetcher_->Activate(version);
  fetcher_->Prefetch(object, 0, version.size);
  ASSERT_TRUE(Eventually([&] { return object->file->complete(); }));
  // From now on the file gives other bytes, so that one can tell.
  const std::string other(3 * kChunkSize, 'x');
  ASSERT_TRUE(io::PWriteAll(Fetcher::File(*object), other, 0));
  EXPECT_EQ(*Read(object, 0, kChunkSize), Expected("a", 0, kChunkSize));
  EXPECT_EQ(*Read(object, 0, kChunkSize), other.substr(0, kChunkSize)) << "given back to the pool";
  for (uint64_t at = kChunkSize; at < 2 * kChunkSize; at += kChunkSize / 4) {
    EXPECT_EQ(*Read(object, at, kChunkSize / 4), Expected("a", at, kChunkSize / 4)) << at;
  }
  EXPECT_EQ(*Read(object, kChunkSize, 100), other.substr(0, 100));
  EXPECT_EQ(fetcher_->Stats().hit_bytes, 3 * kChunkSize + 100);
}

TEST_F(FetcherTest, ReadsAcrossChunksGiveBackThoseThatTheyHavePassed) {
  Open();
  const auto version = Object("a", 3 * kChunkSize);
  auto object = fetcher_->Activate(version);
  fetcher_->Prefetch(object, 0, version.size);
  ASSERT_TRUE(Eventually([&] { return object->file->complete(); }));
  const uint64_t odd = kChunkSize / 2;
  EXPECT_EQ(*Read(object, odd, kChunkSize), Expected("a", odd, kChunkSize));
  const std::string other(3 * kChunkSize, 'x');
  ASSERT_TRUE(io::PWriteAll(Fetcher::File(*object), other, 0));
  EXPECT_EQ(*Read(object, 0, 10), other.substr(0, 10)) << "passed";
  EXPECT_EQ(*Read(object, kChunkSize, 10), Expected("a", kChunkSize, 10)) << "not yet";
  fetcher_->ForgetKept(version.id);
  EXPECT_EQ(*Read(object, kChunkSize, 10), other.substr(0, 10));
}

TEST_F(FetcherTest, WhatIsAnticipatedNeedsNobodyToHoldIt) {
  Open();
  const auto small = Object("small", 1000);
  const auto large = Object("large", 6 * kChunkSize);
  fetcher_->Anticipate(small, 4 * kChunkSize);
  fetcher_->Anticipate(large, 4 * kChunkSize);
  EXPECT_TRUE(Eventually([&] { return cache_->HasSmall(small.id); }));
  EXPECT_TRUE(Eventually([&] { return store_->bytes() == 1000 + 4 * kChunkSize; }));
  EXPECT_TRUE(Eventually([&] { return cache_->Evict(large.id).has_value(); })) << "let go of";
  fetcher_->Anticipate(small, 4 * kChunkSize);
  EXPECT_EQ(*Read(fetcher_->Activate(small), 0, 1000), contents_["small"]);
  EXPECT_EQ(store_->bytes(), 1000 + 4 * kChunkSize) << "it was there";
}

TEST_F(FetcherTest, WhatIsAnticipatedAndFailsIsLetGoOf) {
  Open();
  const auto version = Object("large", 2 * kChunkSize);
  store_->Fail(Error{Code::kUnavailable, "down"});
  fetcher_->Anticipate(version, 2 * kChunkSize);
  EXPECT_TRUE(Eventually([&] { return fetcher_->Stats().store_errors > 0; }));
  EXPECT_TRUE(Eventually([&] { return cache_->Evict(version.id).has_value(); }));
}

TEST_F(FetcherTest, WhatIsAnticipatedIsLetGoOfWhenTheFetcherStops) {
  Open();
  store_->Hold(true);
  for (int n = 0; n < 100; ++n) {
    fetcher_->Anticipate(Object("large" + std::to_string(n), 2 * kChunkSize), 2 * kChunkSize);
  }
  EXPECT_TRUE(Eventually([&] { return store_->gets() > 0; }));
  fetcher_->Stop();
  for (int n = 0; n < 100; ++n) {
    EXPECT_TRUE(cache_->Evict(Object("large" + std::to_string(n), 2 * kChunkSize).id)) << n;
  }
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
                     });
    }
    if (object->through) {
      EXPECT_TRUE(Eventually([&] { return fetcher_->Stats().gathered_bytes > 0; }));
      EXPECT_LE(fetcher_->Stats().gathered_bytes, 1u << 20);
    } else {
      EXPECT_TRUE(Eventually([&] { return object->file->Has(0); }));
      EXPECT_EQ(fetcher_->Stats().gathered_bytes, 0u);
    }
    store_->HoldFrom(UINT64_MAX);
    EXPECT_TRUE(Eventually([&] { return good == kReads; }));
    fetcher_->Stop();
    object = nullptr;
    EXPECT_EQ(fetcher_->Stats().gathered_bytes, 0u);
  }
}

TEST_F(FetcherTest, ReadThatCouldNotBeHeldIsRefused) {
  for (const uint64_t limit : {256u << 20, 1u << 20}) {  // cached, through
    Open(limit, {.memory = 8 << 20, .hedge_after = kNever});
    auto object = fetcher_->Activate(Object("a", 3 * kChunkSize));
    EXPECT_EQ(*Read(object, 7, kChunkSize), Expected("a", 7, kChunkSize));
    const auto refused = Read(object, 0, kChunkSize + 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_EQ(*Read(object, 2 * kChunkSize + 5, 2 * kChunkSize),
              contents_["a"].substr(2 * kChunkSize + 5))
        << "what lies beyond the end does not count";
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

TEST_F(FetcherTest, ReadOfWhichEveryChunkHasJustComeCanBeCancelled) {
  Open(2 << 20);
  auto object = fetcher_->Activate(Object("a", 3 * kChunkSize));
  ASSERT_TRUE(object->through);
  store_->HoldFirst(1);
  std::atomic<uint64_t> number = 0;
  // Answered before the next, by the same thread.
  fetcher_->Read(object, kChunkSize, 10,
                 [&](const Result<std::string_view>&) { fetcher_->Cancel(number); });
  EXPECT_TRUE(Eventually([&] { return store_->gets() == 1; }));
  const auto answer = std::make_shared<std::promise<Code>>();
  number =
      fetcher_->Read(object, kChunkSize - 10, 20, [answer](const Result<std::string_view>& bytes) {
        answer->set_value(bytes ? Code::kInternal : bytes.error().code);
      });
  EXPECT_TRUE(Eventually([&] { return fetcher_->Stats().gathered_bytes > 0; }));
  store_->HoldFirst(0);
  auto future = answer->get_future();
  ASSERT_EQ(future.wait_for(kForFailing), std::future_status::ready);
  EXPECT_EQ(future.get(), Code::kCancelled);
  fetcher_->Stop();
}

TEST_F(FetcherTest, PartWithoutBytesIsNotLoaded) {
  Open();
  const auto version = Object("a", 2 * kChunkSize);
  const auto object = fetcher_->Activate(version);
  for (const auto& [begin, end] :
       std::vector<std::pair<uint64_t, uint64_t>>{{5, 5},
                                                  {7, 6},
                                                  {version.size, version.size + 1},
                                                  {version.size + 1, version.size + 2}}) {
    EXPECT_TRUE(fetcher_->LoadPart(object, begin, end, [](uint64_t) {}, {})) << begin;
  }
  EXPECT_EQ(store_->gets(), 0);
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
        const uint64_t size = 1 + random() % kChunkSize;
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
