// Stores that are slow or hang: second requests, and who waits for whom.
#include <thread>

#include "datanode/testing/fetcher_fixture.h"

namespace leat::datanode {
namespace {

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
  EXPECT_TRUE(fetcher_->Load(version, [](uint64_t) {}, {}));
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
    EXPECT_TRUE(Eventually([&] { return store_->gets() > before; }));
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
    EXPECT_TRUE(Eventually([&] { return store_->gets() >= before + 2; }));
    store_->FailOne(before + first_to_fail, down);
    EXPECT_TRUE(Eventually([&] { return fetcher_->Stats().store_errors > 0; }));
    store_->HoldFirst(0);
  }
}

TEST_F(FetcherTest, ErrorOfBothRequestsIsGivenOnce) {
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(1)});
  auto object = fetcher_->Activate(Object("a", kChunkSize));
  store_->HoldFirst(2);
  std::jthread reader([&] { EXPECT_EQ(Read(object, 0, 10).error().code, Code::kForbidden); });
  EXPECT_TRUE(Eventually([&] { return store_->gets() >= 2; }));
  store_->FailOne(2, {Code::kUnavailable, "the second"});
  EXPECT_TRUE(Eventually([&] { return fetcher_->Stats().store_errors > 0; }));
  store_->FailOne(1, {Code::kForbidden, "the first"});
}

TEST_F(FetcherTest, HungStoreIsAskedTwiceAndNotMore) {
  Open(256 << 20, {.hedge_after = std::chrono::milliseconds(1)});
  auto hung = fetcher_->Activate(Object("hung", kChunkSize));
  auto fine = fetcher_->Activate(Object("fine", kChunkSize));
  store_->HoldFirst(2);
  std::jthread reader([&] { EXPECT_EQ(*Read(hung, 0, 10), Expected("hung", 0, 10)); });
  EXPECT_TRUE(Eventually([&] { return store_->gets() >= 2; }));
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
    EXPECT_TRUE(Eventually([&] { return store->gets() >= most; })) << endpoint;
    return store;
  };
  // Whether another store answers.
  const auto answers = [&](const std::string& key) {
    return Read(fetcher_->Activate(Object(key, 10)), 0, 10).has_value();
  };
  const auto first = hang("dead:1", 4);  // alone, it gets all connections
  EXPECT_TRUE(answers("a"));
  const auto second = hang("dead:2", 1);  // beside it, what leaves one for somebody else
  EXPECT_TRUE(answers("b"));
  EXPECT_EQ(first->gets(), 4);
  EXPECT_EQ(second->gets(), 1);
  fetcher_->Stop();
}

}  // namespace
}  // namespace leat::datanode
