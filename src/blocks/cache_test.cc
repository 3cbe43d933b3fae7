#include "blocks/cache.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "blocks/segments.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

constexpr uint64_t kMiB = 1 << 20;

ObjectId Id(int n) { return ObjectId::Of("s3://b/", std::to_string(n), "e", 1); }

class CacheTest : public testing::Test {
 protected:
  std::unique_ptr<Cache> Open(uint64_t limit) {
    return Open({{.path = dir_.path(), .limit = limit}});
  }
  std::unique_ptr<Cache> Open(std::vector<CacheDirectory> directories) {
    auto cache = Cache::Open(std::move(directories), clock_);
    EXPECT_TRUE(cache) << cache.error().message;
    return cache ? std::move(*cache) : nullptr;
  }
  // Opens, fills and closes an object of one MiB; false when it did not get in.
  static bool Put(Cache& cache, int n) {
    cache.Access(Id(n), kMiB);
    auto handle = cache.FindOrCreate(Id(n), kMiB);
    if (!handle) return false;
    EXPECT_TRUE((*handle)->Fill(0, std::string(kMiB, 'x')));
    return true;
  }

  RealClock clock_;
  io::TempDir dir_;
};

TEST_F(CacheTest, KeepsObjectsAcrossProcesses) {
  { EXPECT_TRUE(Put(*Open(16 * kMiB), 1)); }
  auto cache = Open(16 * kMiB);
  auto handle = cache->Find(Id(1));
  ASSERT_TRUE(handle);
  EXPECT_TRUE(handle->complete());
  EXPECT_FALSE(cache->Find(Id(2)));
}

TEST_F(CacheTest, WhatIsOfAnotherFormatIsDroppedWithItsPins) {
  {
    auto cache = Open(16 * kMiB);
    ASSERT_TRUE(Put(*cache, 1));
    ASSERT_TRUE(cache->PutSmall(Id(2), "small"));
    ASSERT_TRUE(cache->Pin(Id(1), kMiB));
  }
  ASSERT_TRUE(io::Remove(dir_.path() + "/format"));  // as the first versions left it
  auto cache = Open(16 * kMiB);
  EXPECT_EQ(cache->Stats().used, 0u);
  EXPECT_EQ(cache->Stats().pinned, 0u);
  EXPECT_FALSE(cache->HasSmall(Id(2)));
  ASSERT_TRUE(Put(*cache, 1));
  cache.reset();
  EXPECT_TRUE(Open(16 * kMiB)->Find(Id(1)));
}

TEST_F(CacheTest, SecondProcessIsRefused) {
  auto cache = Open(16 * kMiB);
  EXPECT_EQ(Cache::Open({{.path = dir_.path(), .limit = kMiB}}, clock_).error().code,
            Code::kAlreadyExists);
}

TEST_F(CacheTest, FullCacheRefusesAndEvictsWhatIsOverdue) {
  auto cache = Open(4 * kMiB);
  for (int n = 0; n < 4; ++n) EXPECT_TRUE(Put(*cache, n));
  EXPECT_FALSE(Put(*cache, 4));
  EXPECT_EQ(cache->Stats().refused, 1u);
  for (int n = 100; n < 112; ++n) cache->Access(Id(n), kMiB);
  EXPECT_TRUE(Put(*cache, 5));
  EXPECT_FALSE(cache->Find(Id(0)));
  EXPECT_EQ(cache->Stats().evictions, 1u);
}

TEST_F(CacheTest, HeldObjectIsNotEvicted) {
  auto cache = Open(1 * kMiB);
  ASSERT_TRUE(Put(*cache, 1));
  {
    auto handle = cache->Find(Id(1));
    cache->Access(Id(9), 100 * kMiB);
    EXPECT_FALSE(Put(*cache, 2));
    EXPECT_EQ(cache->Evict(Id(1)).error().code, Code::kConflict);
  }
  EXPECT_TRUE(Put(*cache, 2));
}

TEST_F(CacheTest, PinsStayAndSurvive) {
  {
    auto cache = Open(4 * kMiB);
    ASSERT_TRUE(cache->Pin(Id(7), kMiB));
    for (int n = 0; n < 4; ++n) ASSERT_TRUE(Put(*cache, n));
    EXPECT_TRUE(Put(*cache, 7)) << "a pinned object makes others leave";
    EXPECT_EQ(cache->Pin(Id(8), 4 * kMiB).error().code, Code::kExhausted);
  }
  auto cache = Open(4 * kMiB);
  EXPECT_EQ(cache->Stats().pinned, kMiB);
  EXPECT_EQ(cache->Evict(Id(7)).error().code, Code::kConflict);
  ASSERT_TRUE(cache->Unpin(Id(7)));
  EXPECT_TRUE(cache->Evict(Id(7)));
  EXPECT_FALSE(cache->Find(Id(7)));
}

TEST_F(CacheTest, CountsUnlinkedBytesThatAreStillOpen) {
  { ASSERT_TRUE(Put(*Open(4 * kMiB), 1)); }
  auto cache = Open(4 * kMiB);
  auto file = cache->Find(Id(1));
  cache->Drop(Id(1));
  EXPECT_FALSE(cache->Find(Id(1)));
  EXPECT_EQ(cache->Stats().objects, 0u);
  EXPECT_GE(cache->Stats().unlinked, kMiB);
  EXPECT_EQ(cache->Stats().used, cache->Stats().unlinked);
  file = Cache::Handle();
  EXPECT_EQ(cache->Stats().used, 0u);
}

// What lies below a path on disk.
uint64_t BytesBelow(const std::string& path) {
  uint64_t bytes = 0;
  const auto names = io::ListDir(path);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    struct stat status;
    EXPECT_EQ(::lstat((path + "/" + name).c_str(), &status), 0);
    bytes += S_ISDIR(status.st_mode) ? BytesBelow(path + "/" + name)
                                     : static_cast<uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

TEST_F(CacheTest, CountsWhatIsOnDiskExactly) {
  const auto on_disk = [&] {
    return BytesBelow(dir_.path() + "/objects") + BytesBelow(dir_.path() + "/segments");
  };
  {
    auto cache = Open(64 * kMiB);
    EXPECT_EQ(cache->Stats().used, 0u);
    for (int n = 0; n < 8; ++n) ASSERT_TRUE(Put(*cache, n));
    for (int n = 50; n < 60; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), std::string(70'000, 'x')));
    auto partial = *cache->FindOrCreate(Id(20), 4 * kMiB);
    ASSERT_TRUE(partial->Fill(2, std::string(kMiB, 'p')));
    EXPECT_EQ(cache->Stats().used, on_disk()) << "while it is being filled";
    ASSERT_TRUE(cache->Evict(Id(1)));
    EXPECT_EQ(cache->Stats().used, on_disk());
    EXPECT_EQ(cache->Stats().objects, 8u);
  }
  auto cache = Open(64 * kMiB);
  EXPECT_EQ(cache->Stats().used, on_disk()) << "found by another process";
  auto open = cache->Find(Id(2));
  EXPECT_EQ(cache->Stats().used, on_disk()) << "opened";
  cache->Drop(Id(2));
  EXPECT_EQ(cache->Stats().used, on_disk() + cache->Stats().unlinked);
  EXPECT_EQ(cache->Stats().unlinked, open->AllocatedBytes());
  ASSERT_TRUE(open->Fill(0, std::string(kMiB, 'n')));
  open = Cache::Handle();
  ASSERT_TRUE(cache->Evict(Id(3))) << "never opened by this process";
  EXPECT_EQ(cache->Stats().unlinked, 0u);
  EXPECT_EQ(cache->Stats().used, on_disk());
  for (int n : {0, 4, 5, 6, 7, 20}) ASSERT_TRUE(cache->Evict(Id(n)));
  for (int n = 50; n < 60; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
  EXPECT_EQ(cache->Stats().objects, 0u);
  EXPECT_EQ(cache->Stats().used, on_disk());
}

TEST_F(CacheTest, FiguresLookAtNoFile) {
  auto cache = Open(64 * kMiB);
  for (int n = 0; n < 4; ++n) ASSERT_TRUE(Put(*cache, n));
  const uint64_t used = cache->Stats().used;
  ASSERT_EQ(::rename((dir_.path() + "/objects").c_str(), (dir_.path() + "/away").c_str()), 0);
  EXPECT_EQ(cache->Stats().used, used);
  EXPECT_EQ(cache->DirectoryStats()[0].second.used, used);
}

TEST_F(CacheTest, DroppedObjectCanBeMadeAgainWhileTheOldOneIsOpen) {
  auto cache = Open(4 * kMiB);
  ASSERT_TRUE(Put(*cache, 1));
  auto old = cache->Find(Id(1));
  cache->Drop(Id(1));
  ASSERT_TRUE(Put(*cache, 1));
  old = Cache::Handle();
  EXPECT_TRUE(cache->Find(Id(1))->complete());
}

TEST_F(CacheTest, SmallObjectsArePackedAndFound) {
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

TEST_F(CacheTest, SmallObjectsStayWithinTheLimit) {
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

TEST_F(CacheTest, EvictedSmallObjectsMakeRoom) {
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

TEST_F(CacheTest, PinnedSmallObjectsStayWhenTheirSegmentsLeave) {
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
    EXPECT_EQ(cache->Stats().pinned, pinned.size() * bytes.size());
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
  EXPECT_EQ(cache->Stats().pinned, pinned.size() * bytes.size());
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

TEST_F(CacheTest, SmallObjectThatWasPinnedBeforeItCameMakesOthersLeave) {
  auto cache = Open(8 * kMiB);
  const std::string bytes(200 << 10, 'x');
  ASSERT_TRUE(cache->Pin(Id(7), bytes.size()));
  EXPECT_TRUE(cache->IsPinned(Id(7)));
  EXPECT_FALSE(cache->Describe(Id(7)));
  int n = 1000;
  while (cache->PutSmall(Id(n), bytes)) ++n;
  EXPECT_TRUE(cache->PutSmall(Id(7), bytes));
  EXPECT_TRUE(cache->Describe(Id(7))->pinned);
  cache->Drop(Id(7));  // it has changed
  EXPECT_FALSE(cache->HasSmall(Id(7)));
  EXPECT_TRUE(cache->IsPinned(Id(7)));
}

TEST_F(CacheTest, ManyArePinnedOrNone) {
  auto cache = Open(4 * kMiB);
  ASSERT_TRUE(Put(*cache, 1));
  const std::vector<PinWish> fit = {{Id(1), kMiB}, {Id(2), 1000}, {Id(1), kMiB}};
  const std::vector<PinWish> more = {{Id(1), kMiB}, {Id(3), 1000}, {Id(4), 4 * kMiB}};
  ASSERT_TRUE(cache->Pin(fit));
  EXPECT_EQ(cache->Pin(more).error().code, Code::kExhausted);
  EXPECT_EQ(cache->Stats().pinned, kMiB + 1000);
  EXPECT_TRUE(cache->IsPinned(Id(1))) << "it was before";
  EXPECT_FALSE(cache->IsPinned(Id(3)));
  const std::vector<ObjectId> all = {Id(1), Id(2), Id(5)};
  ASSERT_TRUE(cache->Unpin(all));
  EXPECT_EQ(cache->Stats().pinned, 0u);
  EXPECT_TRUE(cache->Evict(Id(1)));
}

TEST_F(CacheTest, PinnedObjectsComeToTheDirectoryTheyArePinnedIn) {
  io::TempDir fast;
  auto cache = Open({{.path = fast.path(), .limit = 2 * kMiB, .tier = Tier::kMemory},
                     {.path = dir_.path(), .limit = 8 * kMiB}});
  ASSERT_TRUE(cache->Pin(Id(9), kMiB));
  for (int n = 0; n < 4; ++n) ASSERT_TRUE(Put(*cache, n));
  ASSERT_TRUE(Put(*cache, 9));
  EXPECT_EQ(cache->Evict(Id(9)).error().code, Code::kConflict);
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

TEST_F(CacheTest, SmallObjectsThatFitGetInHoweverManyComeAtOnce) {
  for (int round = 0; round < 10; ++round) {
    io::TempDir dir;
    auto cache = Open({{.path = dir.path(), .limit = 16 * kMiB}});
    EXPECT_EQ(PutManySmall(*cache, 150), 0);
    EXPECT_EQ(cache->Stats().packed, 150u);
    EXPECT_EQ(cache->Stats().refused, 0u);
    EXPECT_EQ(cache->Stats().evictions, 0u);
  }
}

TEST_F(CacheTest, RoomOfEvictedSmallObjectsIsThereAgainAndAgain) {
  auto cache = Open(8 * kMiB);
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(PutManySmall(*cache, 60), 0) << round;
    for (int n = 0; n < 60; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
    EXPECT_EQ(cache->Stats().used, 0u) << round;
    EXPECT_EQ(cache->Stats().evictions, static_cast<uint64_t>(round + 1) * 60);
  }
}

TEST_F(CacheTest, RoomOfDeadSmallObjectsIsBounded) {
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
    for (int n = 0; n < 2500; n += 3) cache->Drop(Id(10'000 + n));
    for (int n = 1; n < 2500; n += 3) cache->Drop(Id(10'000 + n));
    EXPECT_LT(cache->Stats().used, 2 * 983 * Segments::RoomFor(bytes.size()))
        << "what has changed at the store makes room at once";
    EXPECT_EQ(cache->Stats().used, on_disk());
    used = cache->Stats().used;
  }
  auto cache = Open(64 * kMiB);
  EXPECT_EQ(cache->Stats().used, used);
  EXPECT_EQ(cache->Stats().packed, 150u + 833u);
}

TEST_F(CacheTest, WhatWasNotCompactedIsWhenTheCacheIsOpened) {
  const std::string bytes(100'000, 'x');
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < 80; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
    for (int n = 4; n < 80; ++n) ASSERT_TRUE(cache->Evict(Id(n)));
    EXPECT_GT(cache->Stats().used, 3 * kMiB);
  }
  auto cache = Open(64 * kMiB);
  EXPECT_LT(cache->Stats().used, kMiB);
  EXPECT_EQ(cache->ReadSmall(Id(3))->value_or(""), bytes);
}

TEST_F(CacheTest, ProcessThatIsKilledWhileItCompactsLosesNothing) {
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

TEST_F(CacheTest, SmallObjectsAreReadAndComeWhileOthersAreCompacted) {
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

TEST_F(CacheTest, SmallObjectsComeAndGoSideBySide) {
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

TEST_F(CacheTest, FailingDiskIsToldFromAFullCache) {
  auto cache = Open(16 * kMiB);
  ASSERT_EQ(::rename((dir_.path() + "/objects").c_str(), (dir_.path() + "/away").c_str()), 0);
  ASSERT_EQ(::rename((dir_.path() + "/segments").c_str(), (dir_.path() + "/gone").c_str()), 0);
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/objects", "no directory"));
  const auto large = cache->FindOrCreate(Id(1), kMiB);
  EXPECT_EQ(large.error().code, Code::kInternal);
  EXPECT_NE(large.error().message.find(dir_.path()), std::string::npos) << large.error().message;
  EXPECT_EQ(cache->PutSmall(Id(2), "small").error().code, Code::kInternal);
  EXPECT_EQ(cache->FindOrCreate(Id(3), 17 * kMiB).error().code, Code::kExhausted);
}

TEST_F(CacheTest, RotThatAReaderFindsIsCounted) {
  { ASSERT_TRUE(Put(*Open(4 * kMiB), 1)); }
  auto fd = io::Open(ObjectFile::DataPath(dir_.path(), Id(1)), 2);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "y", 1234));
  auto cache = Open(4 * kMiB);
  EXPECT_EQ(*cache->Find(Id(1))->VerifyAll(), 1u);
  EXPECT_EQ(cache->Stats().corrupt_chunks, 1u);
  EXPECT_EQ(*cache->Find(Id(1))->VerifyAll(), 0u);
  EXPECT_EQ(cache->Stats().corrupt_chunks, 1u);
}

TEST_F(CacheTest, ObjectThatCannotBeOpenedNowIsKept) {
  {
    auto cache = Open(4 * kMiB);
    ASSERT_TRUE(Put(*cache, 1));
  }
  auto cache = Open(4 * kMiB);
  const std::string path = ObjectFile::DataPath(dir_.path(), Id(1));
  {
    // As if no descriptors were left.
    rlimit before;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_FALSE(cache->Find(Id(1)));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  }
  EXPECT_TRUE(io::Exists(path));
  EXPECT_TRUE(cache->Find(Id(1)));
}

TEST_F(CacheTest, CompletenessIsKnownWithoutOpeningFiles) {
  constexpr int kObjects = 40;
  {
    auto cache = Open(64 * kMiB);
    for (int n = 0; n < kObjects; ++n) ASSERT_TRUE(Put(*cache, n));
    ASSERT_TRUE(cache->FindOrCreate(Id(kObjects), 2 * kMiB));  // and nothing filled
  }
  auto cache = Open(64 * kMiB);
  const size_t open = io::ListDir("/proc/self/fd")->size();
  for (int n = 0; n < kObjects; ++n) EXPECT_TRUE(cache->IsComplete(Id(n))) << n;
  EXPECT_FALSE(cache->IsComplete(Id(kObjects)));
  EXPECT_FALSE(cache->IsComplete(Id(kObjects + 1)));
  EXPECT_EQ(cache->Describe(Id(0))->cached, kMiB);
  EXPECT_LT(cache->Describe(Id(kObjects))->cached, kMiB);
  EXPECT_EQ(io::ListDir("/proc/self/fd")->size(), open);
  ASSERT_TRUE(cache->Find(Id(0))->Fill(0, std::string(kMiB, 'y')));
  EXPECT_TRUE(cache->IsComplete(Id(0)));
}

TEST_F(CacheTest, FasterTierIsFilledFirst) {
  io::TempDir fast;
  auto cache = Open({{.path = dir_.path(), .limit = 4 * kMiB, .tier = Tier::kHdd},
                     {.path = fast.path(), .limit = 2 * kMiB, .tier = Tier::kMemory}});
  for (int n = 0; n < 6; ++n) EXPECT_TRUE(Put(*cache, n));
  const auto stats = cache->DirectoryStats();
  EXPECT_EQ(stats[0].first.path, fast.path());
  EXPECT_EQ(stats[0].second.objects, 2u);
  EXPECT_EQ(stats[1].second.objects, 4u);
}

TEST_F(CacheTest, SmallerLimitThanLastTimeEvictsAtTheStart) {
  {
    auto cache = Open(8 * kMiB);
    for (int n = 0; n < 8; ++n) ASSERT_TRUE(Put(*cache, n));
  }
  EXPECT_EQ(Open(3 * kMiB)->Stats().objects, 3u);
}

TEST_F(CacheTest, ScrubFindsRot) {
  {
    auto cache = Open(16 * kMiB);
    ASSERT_TRUE(Put(*cache, 1));
    ASSERT_TRUE(Put(*cache, 2));
    ASSERT_TRUE(cache->PutSmall(Id(3), "small"));
  }
  auto fd = io::Open(ObjectFile::DataPath(dir_.path(), Id(1)), 2);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "y", 1234));
  auto cache = Open(16 * kMiB);
  uint64_t done = 0;
  std::vector<ObjectId> rotten;
  auto dropped = cache->Scrub(
      0, [&](uint64_t n, uint64_t) { done = n; }, {},
      [&](const ObjectId& id) { rotten.push_back(id); });
  ASSERT_TRUE(dropped);
  EXPECT_EQ(*dropped, 1u);
  EXPECT_EQ(rotten, std::vector<ObjectId>{Id(1)});
  EXPECT_EQ(cache->Stats().corrupt_chunks, 1u);
  EXPECT_EQ(done, 2 * kMiB + 5);
  EXPECT_FALSE(cache->Find(Id(1))->complete());
  EXPECT_TRUE(cache->Find(Id(2))->complete());
}

TEST(CacheDirectoryTest, IsReadFromAFlag) {
  auto directory = CacheDirectory::Parse("/nvme/leat,size=200G,tier=memory");
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->path, "/nvme/leat");
  EXPECT_EQ(directory->limit, 200ull << 30);
  EXPECT_EQ(directory->tier, Tier::kMemory);
  EXPECT_EQ(CacheDirectory::Parse("/x/")->path, "/x");
  for (const char* bad : {"", "relative", "/x,size=0", "/x,size=5Q", "/x,size=", "/x,tier=tape",
                          "/x,sise=1G", "/x,size=99999999999T"}) {
    EXPECT_EQ(CacheDirectory::Parse(bad).error().code, Code::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace leat::blocks
