// How the cache keeps what is packed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "blocks/cache.h"
#include "blocks/segments.h"
#include "blocks/testing/cache_fixture.h"
#include "io/file.h"
#include "io/testing/descriptors.h"

namespace {

std::function<void()> on_write;  // what the next write finds on its way

}  // namespace

// Before libc's.
extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  if (on_write) std::exchange(on_write, nullptr)();
  return ::syscall(SYS_pwrite64, fd, bytes, size, offset);
}

namespace leat::blocks {
namespace {

using CacheSmallObjectsTest = CacheTest;

TEST_F(CacheSmallObjectsTest, SmallObjectsArePackedAndFound) {
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < 100; ++n) {
      ASSERT_TRUE(cache->PutSmall(Id(n), std::string(100, static_cast<char>('a' + n % 26))));
    }
    EXPECT_EQ(**cache->ReadSmall(Id(3)), std::string(100, 'd'));
  }
  auto cache = Open(64 * kMiB);
  EXPECT_TRUE(cache->HasSmall(Id(99)));
  EXPECT_EQ(cache->Stats().packed, 100u);
  EXPECT_TRUE(cache->Describe(Id(5))->packed);
}

TEST_F(CacheSmallObjectsTest, SmallObjectsStayWithinTheLimit) {
  auto cache = Open(8 * kMiB);
  const std::string bytes(200 << 10, 'x');
  int refused = 0;
  for (int n = 0; n < 100; ++n) {
    cache->Access(Id(n), bytes.size());
    if (!cache->PutSmall(Id(n), bytes)) ++refused;
  }
  EXPECT_GT(refused, 0);
  EXPECT_LE(cache->Stats().used, 8 * kMiB);
}

TEST_F(CacheSmallObjectsTest, EvictedSmallObjectsMakeRoom) {
  auto cache = Open(8 * kMiB);
  const std::string bytes(200 << 10, 'x');
  std::vector<int> inside;
  for (int n = 0; n < 60; ++n) {
    if (cache->PutSmall(Id(n), bytes)) inside.push_back(n);
  }
  ASSERT_FALSE(cache->PutSmall(Id(1000), bytes));
  for (int n : inside) EXPECT_TRUE(cache->Evict(Id(n)));
  EXPECT_TRUE(cache->PutSmall(Id(1000), bytes));
}

TEST_F(CacheSmallObjectsTest, PinnedSmallObjectsStayWhenTheirSegmentsLeave) {
  const std::string bytes(100 << 10, 'p');
  std::vector<int> pinned;
  {
    auto cache = Open(8 * kMiB);  // segments of one MiB
    for (int n = 0; n < 60; ++n) {
      cache->Access(Id(n), bytes.size());
      ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
      if (n % 10 == 0) pinned.push_back(n);
    }
    for (int n : pinned) ASSERT_TRUE(cache->Pin(Id(n), bytes.size()));
    EXPECT_TRUE(cache->Describe(Id(10))->pinned);
    EXPECT_TRUE(cache->IsPinned(Id(10)));
    EXPECT_FALSE(cache->Describe(Id(11))->pinned);
    EXPECT_EQ(cache->Stats().pinned, pinned.size() * Segments::RoomFor(bytes.size()));
    EXPECT_EQ(cache->Evict(Id(10)).error().code, Code::kConflict);
  }
  auto cache = Open(8 * kMiB);
  for (int round = 1; round < 4; ++round) {  // other files, and nobody asks for the first
    cache->Access(Id(9000 + round), 100 * kMiB);
    for (int n = 0; n < 60; ++n) {
      cache->Access(Id(round * 1000 + n), bytes.size());
      EXPECT_TRUE(cache->PutSmall(Id(round * 1000 + n), bytes)) << round << " " << n;
    }
    EXPECT_LE(cache->Stats().used, 8 * kMiB) << round;
    for (int n : pinned) EXPECT_EQ(cache->ReadSmall(Id(n))->value_or(""), bytes) << round;
    EXPECT_FALSE(cache->HasSmall(Id(11))) << "its neighbours leave";
  }
  EXPECT_EQ(cache->Stats().pinned, pinned.size() * Segments::RoomFor(bytes.size()));
  cache.reset();
  cache = Open(4 * kMiB);
  EXPECT_LE(cache->Stats().used, 4 * kMiB);
  for (int n : pinned) {
    EXPECT_TRUE(cache->HasSmall(Id(n))) << "in a smaller cache, too";
    ASSERT_TRUE(cache->Unpin(Id(n)));
    EXPECT_TRUE(cache->Evict(Id(n)));
    EXPECT_FALSE(cache->HasSmall(Id(n)));
  }
  EXPECT_EQ(cache->Stats().pinned, 0u);
}

// What is left of them is a segment each, with a descriptor each.
TEST_F(CacheSmallObjectsTest, SegmentsWithPinnedObjectsAreFew) {
  const io::DescriptorsAtMost few(64);
  const auto segments = [this] { return io::ListDir(dir_.path() + "/segments")->size(); };
  const std::string bytes(200 << 10, 'p');
  const auto check = [&](Cache& cache) {
    for (int n = 0; n < 1500; n += 15) {
      EXPECT_EQ(cache.ReadSmall(Id(n))->value_or(""), bytes) << n;
      EXPECT_TRUE(cache.IsPinned(Id(n)));
    }
  };
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < 1500; ++n) {
      cache->Access(Id(n), bytes.size());
      if (n % 15 == 0) {
        ASSERT_TRUE(cache->Pin(Id(n), bytes.size()));
      }
      cache->Access(Id(9000 + n), 20 * kMiB);  // so that what came before is overdue
      ASSERT_TRUE(cache->PutSmall(Id(n), bytes)) << n;
      EXPECT_LE(segments(), 16u);
    }
    check(*cache);
  }
  check(*Open(64 * kMiB));
}

TEST_F(CacheSmallObjectsTest, PinnedSmallObjectsStayThoughIdleFilesHaveAllDescriptors) {
  auto cache = Open(40 * kMiB);
  for (int n = 0; n < 20; ++n)
    ASSERT_TRUE(Put(*cache, 5000 + n));  // open, though nobody holds them
  const std::string bytes(200 << 10, 'p');
  ASSERT_TRUE(cache->Pin(Id(0), bytes.size()));
  ASSERT_TRUE(cache->PutSmall(Id(0), bytes));
  {
    const io::NoDescriptorsLeft none;
    for (int n = 1; n < 300; ++n) {
      cache->Access(Id(9000 + n), 20 * kMiB);
      (void)cache->PutSmall(Id(n), bytes);
      ASSERT_TRUE(cache->HasSmall(Id(0))) << n;
    }
  }
  EXPECT_EQ(cache->ReadSmall(Id(0))->value_or(""), bytes);
}

TEST_F(CacheSmallObjectsTest, TinyObjectsArePinnedByTheRoomTheyTake) {
  auto cache = Open(4 * kMiB);
  std::vector<PinWish> wishes;
  for (int n = 0; n < 1 + 4 * static_cast<int>(kMiB) / 56; ++n) wishes.push_back({Id(n), 1});
  EXPECT_EQ(cache->Pin(wishes).error().code, Code::kExhausted);
  EXPECT_EQ(cache->Stats().pinned, 0u);
  wishes.pop_back();
  ASSERT_TRUE(cache->Pin(wishes));
  EXPECT_EQ(cache->Stats().pinned, wishes.size() * Segments::RoomFor(1));
  cache.reset();
  cache = Open(4 * kMiB);
  EXPECT_EQ(cache->Stats().pinned, wishes.size() * Segments::RoomFor(1));
  ASSERT_TRUE(cache->Unpin(wishes[0].id));
  EXPECT_EQ(cache->Stats().pinned, (wishes.size() - 1) * Segments::RoomFor(1));
}

TEST_F(CacheSmallObjectsTest, RoomThatAFullSegmentDidNotNeedIsThere) {
  auto cache = Open(8 * kMiB);  // segments of one MiB
  for (int n = 0; n < 28; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), std::string(200 << 10, 'x')));
  // Five of five each, and one that is being filled.
  const uint64_t used = 25 * Segments::RoomFor(200 << 10) + kMiB;
  EXPECT_TRUE(cache->FindOrCreate(Id(100), 8 * kMiB - used));
  EXPECT_EQ(cache->Stats().evictions, 0u);
}

TEST_F(CacheSmallObjectsTest, SegmentsThatCannotBeRewrittenLeaveWithTheirPinnedObjects) {
  auto cache = Open(8 * kMiB);
  const std::string bytes(100 << 10, 'p');
  for (int n = 0; n < 60; ++n) {
    cache->Access(Id(n), bytes.size());
    ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
    if (n % 10 == 0) {
      ASSERT_TRUE(cache->Pin(Id(n), bytes.size()));
    }
  }
  const std::string segments = dir_.path() + "/segments/";
  const std::vector<std::string> names = *io::ListDir(segments);
  for (const std::string& name : names) ASSERT_TRUE(io::MakeDirs(segments + name + ".new/full"));
  cache->Access(Id(9000), 100 * kMiB);
  for (int n = 1000; n < 1060; ++n) {
    cache->Access(Id(n), bytes.size());
    EXPECT_TRUE(cache->PutSmall(Id(n), bytes)) << n;
  }
  EXPECT_EQ(cache->Stats().refused, 0u);
  EXPECT_LE(cache->Stats().used, 8 * kMiB);
  EXPECT_FALSE(cache->HasSmall(Id(10)));
  EXPECT_TRUE(cache->IsPinned(Id(10)));
  for (const std::string& name : names) ASSERT_TRUE(io::RemoveTree(segments + name + ".new"));
  ASSERT_TRUE(cache->PutSmall(Id(10), bytes)) << "it is fetched again";
  EXPECT_EQ(cache->Evict(Id(10)).error().code, Code::kConflict);
  for (int round = 2; round < 4; ++round) {
    cache->Access(Id(9000 + round), 100 * kMiB);
    for (int n = round * 1000; n < round * 1000 + 60; ++n) {
      cache->Access(Id(n), bytes.size());
      EXPECT_TRUE(cache->PutSmall(Id(n), bytes)) << n;
    }
    EXPECT_EQ(cache->ReadSmall(Id(10))->value_or(""), bytes) << "and stays";
  }
}

TEST_F(CacheSmallObjectsTest, SmallObjectThatWasPinnedBeforeItCameMakesOthersLeave) {
  auto cache = Open(8 * kMiB);
  const std::string bytes(200 << 10, 'x');
  ASSERT_TRUE(cache->Pin(Id(7), bytes.size()));
  EXPECT_TRUE(cache->IsPinned(Id(7)));
  EXPECT_FALSE(cache->Describe(Id(7)));
  int n = 1000;
  while (cache->PutSmall(Id(n), bytes)) ++n;
  EXPECT_TRUE(cache->PutSmall(Id(7), bytes));
  EXPECT_TRUE(cache->Describe(Id(7))->pinned);
}

TEST_F(CacheSmallObjectsTest, PinnedSmallObjectIsThereThoughItsSegmentLeavesWhileItComes) {
  auto cache = Open(8 * kMiB);
  ASSERT_TRUE(Put(*cache, 1));
  ASSERT_TRUE(cache->PutSmall(Id(2), "begins a segment of one MiB"));
  ASSERT_TRUE(Put(*cache, 3));
  ASSERT_TRUE(cache->Pin(Id(4), 5));
  ASSERT_TRUE(cache->Pin(Id(5), 13 * kMiB / 2));
  std::jthread other;
  on_write = [&] {
    other = std::jthread([&] { EXPECT_TRUE(cache->FindOrCreate(Id(5), 13 * kMiB / 2)); });
    // Then the segment's turn has come, once this write is over; the third object may stay.
    while (io::Exists(ObjectFile::DataPath(dir_.path(), Id(1)))) std::this_thread::yield();
  };
  EXPECT_TRUE(cache->PutSmall(Id(4), "bytes"));
  other.join();
  EXPECT_FALSE(cache->HasSmall(Id(2)));
  EXPECT_EQ(cache->ReadSmall(Id(4))->value_or(""), "bytes");
  EXPECT_FALSE(cache->Find(Id(3))) << "it left for the new segment";
}

// Puts objects of 100 KB from several threads at once; how many were refused.
int PutManySmall(Cache& cache, int count) {
  constexpr int kThreads = 16;
  std::atomic<int> refused = 0;
  std::barrier start(kThreads);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const std::string bytes(100'000, 'x');
      start.arrive_and_wait();
      for (int n = t; n < count; n += kThreads) {
        if (!cache.PutSmall(Id(n), bytes)) ++refused;
      }
    });
  }
  threads.clear();
  return refused;
}

TEST_F(CacheSmallObjectsTest, SmallObjectsThatFitGetInHoweverManyComeAtOnce) {
  for (int round = 0; round < 10; ++round) {
    io::TempDir dir;
    auto cache = Open({{.path = dir.path(), .limit = 16 * kMiB}});
    EXPECT_EQ(PutManySmall(*cache, 150), 0);
    EXPECT_EQ(cache->Stats().packed, 150u);
    EXPECT_EQ(cache->Stats().refused, 0u);
    EXPECT_EQ(cache->Stats().evictions, 0u);
  }
}

TEST_F(CacheSmallObjectsTest, RoomOfEvictedSmallObjectsIsThereAgainAndAgain) {
  auto cache = Open(8 * kMiB);
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(PutManySmall(*cache, 60), 0) << round;
    for (int n = 0; n < 60; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
    EXPECT_EQ(cache->Stats().used, 0u) << round;
    EXPECT_EQ(cache->Stats().evictions, static_cast<uint64_t>(round + 1) * 60);
  }
}

TEST_F(CacheSmallObjectsTest, RoomOfDeadSmallObjectsIsBounded) {
  const std::string bytes(20'000, 'x');
  constexpr int kObjects = 1500;  // 30 MB
  const auto stays = [](int n) { return n % 10 == 0; };
  const uint64_t living = kObjects / 10 * Segments::RoomFor(bytes.size());
  uint64_t used = 0;
  const auto on_disk = [&] { return BytesBelow(dir_.path() + "/segments"); };
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < kObjects; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
    for (int n = 0; n < kObjects; ++n) {
      if (stays(n)) continue;
      ASSERT_TRUE(cache->Evict(Id(n)));
    }
    EXPECT_EQ(cache->Stats().used, on_disk());
    EXPECT_GT(cache->Stats().used, 8 * living);
    cache->Compact();
    used = cache->Stats().used;
    EXPECT_LT(used, 2 * living);
    EXPECT_EQ(used, on_disk());
    for (int n = 0; n < kObjects; ++n)
      EXPECT_EQ(cache->ReadSmall(Id(n))->value_or(""), stays(n) ? bytes : "") << n;
    // The room is there for others.
    int refused = 0;
    for (int n = 0; n < 2500; ++n) refused += cache->PutSmall(Id(10'000 + n), bytes) ? 0 : 1;
    EXPECT_EQ(refused, 0) << "54 MB";
    for (int n = 0; n < 2500; ++n) {
      if (n % 3 == 2) continue;
      ASSERT_TRUE(cache->Evict(Id(10'000 + n)));
    }
    cache->Compact();
    EXPECT_LT(cache->Stats().used, 2 * 983 * Segments::RoomFor(bytes.size()));
    EXPECT_EQ(cache->Stats().used, on_disk());
    used = cache->Stats().used;
  }
  auto cache = Open(64 * kMiB);
  EXPECT_EQ(cache->Stats().used, used);
  EXPECT_EQ(cache->Stats().packed, 150u + 833u);
}

TEST_F(CacheSmallObjectsTest, WhatWasNotCompactedIsLaterAndDoesNotDelayOpening) {
  const std::string bytes(100'000, 'x');
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < 80; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
    for (int n = 4; n < 80; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
    EXPECT_GT(cache->Stats().used, 3 * kMiB);
  }
  auto cache = Open(64 * kMiB);
  EXPECT_GT(cache->Stats().used, 3 * kMiB) << "nothing is rewritten while readers wait";
  std::stop_source stop;
  stop.request_stop();
  cache->Compact(stop.get_token());
  EXPECT_GT(cache->Stats().used, 3 * kMiB);
  cache->Compact();
  EXPECT_LT(cache->Stats().used, kMiB);
  EXPECT_EQ(cache->ReadSmall(Id(3))->value_or(""), bytes);
}

TEST_F(CacheSmallObjectsTest, ProcessThatIsKilledWhileItCompactsLosesNothing) {
  const auto bytes = [](int n) { return std::string(5000, static_cast<char>('a' + n % 26)); };
  constexpr int kStay = 300;
  for (int round = 0; round < 12; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto cache = Cache::Open({{.path = dir_.path(), .limit = 64 * kMiB}}, clock_);
      if (!cache) ::_exit(1);
      for (int n = 0; n < kStay; ++n) (void)(*cache)->PutSmall(Id(n), bytes(n));
      for (int next = kStay;; next += 700) {
        for (int n = next; n < next + 700; ++n) (void)(*cache)->PutSmall(Id(n), bytes(n));
        for (int n = next; n < next + 700; ++n) (void)(*cache)->Evict(Id(n));
        if (::write(pipe[1], "c", 1) != 1) ::_exit(1);
        (*cache)->Compact();
      }
    }
    char c;
    for (int n = 0; n <= round / 3; ++n) ASSERT_EQ(::read(pipe[0], &c, 1), 1);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipe[0]);
    ::close(pipe[1]);
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < kStay; ++n)
      ASSERT_EQ(cache->ReadSmall(Id(n))->value_or(""), bytes(n)) << round << " " << n;
    EXPECT_EQ(cache->Stats().corrupt_chunks, 0u);
    EXPECT_EQ(cache->Stats().used, BytesBelow(dir_.path() + "/segments"));
  }
}

TEST_F(CacheSmallObjectsTest, SmallObjectsAreReadAndComeWhileOthersAreCompacted) {
  auto cache = Open(64 * kMiB);
  const auto bytes = [](int n) { return std::string(5000, static_cast<char>('a' + n % 26)); };
  for (int n = 0; n < 200; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes(n)));
  std::atomic<bool> done = false;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!done)
        for (int n = 0; n < 200; ++n) ASSERT_EQ(cache->ReadSmall(Id(n))->value_or(""), bytes(n));
    });
    threads.emplace_back([&, t] {
      for (int n = 1'000'000 * (t + 1); !done; ++n) {
        ASSERT_TRUE(cache->PutSmall(Id(n), bytes(n)));
        ASSERT_EQ(cache->ReadSmall(Id(n))->value_or(""), bytes(n));
        ASSERT_TRUE(cache->Evict(Id(n)));
      }
    });
  }
  for (int round = 0; round < 8; ++round) {
    for (int n = 10'000; n < 10'900; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes(n)));
    for (int n = 10'000; n < 10'900; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
    cache->Compact();
  }
  done = true;
  threads.clear();
  cache->Compact();
  EXPECT_LT(cache->Stats().used, 4 * kMiB);
  EXPECT_EQ(cache->Stats().used, BytesBelow(dir_.path() + "/segments"));
}

TEST_F(CacheSmallObjectsTest, SmallObjectsComeAndGoSideBySide) {
  auto cache = Open(16 * kMiB);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::string bytes(100'000, static_cast<char>('a' + t));
      for (int n = 0; n < 100; ++n) {
        const ObjectId id = Id(t * 1000 + n);
        ASSERT_TRUE(cache->PutSmall(id, bytes));
        ASSERT_EQ(cache->ReadSmall(id)->value_or(""), bytes) << "what was put is there";
        ASSERT_TRUE(cache->Evict(id));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(cache->Stats().used, 0u);
}

}  // namespace
}  // namespace leat::blocks
