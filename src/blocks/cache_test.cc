#include "blocks/cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "blocks/segments.h"
#include "blocks/testing/cache_fixture.h"
#include "io/file.h"
#include "io/testing/descriptors.h"

namespace leat::blocks {
namespace {

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

TEST_F(CacheTest, FilesThatAreNotTheCachesStay) {
  const std::string id = Id(1).ToHex();
  const std::vector<std::string> others = {"objects/mine",
                                           "objects/" + id.substr(0, 2) + "/mine.data",
                                           "objects/zz/" + id + ".data",
                                           "objects/" + id.substr(0, 2) + "/" + id + ".data.old",
                                           "segments/mine.seg",
                                           "segments/1.seg",
                                           "segments/00000001.seg.old",
                                           "photo",
                                           "mounts/photo"};
  const std::vector<std::string> ours = {"objects/" + id.substr(0, 2) + "/" + id + ".data",
                                         "objects/" + id.substr(0, 2) + "/" + id + ".chunks",
                                         "segments/00000001.seg", "segments/00000001.seg.new"};
  for (const auto& files : {others, ours}) {
    for (const std::string& file : files) {
      const std::string path = dir_.path() + "/" + file;
      ASSERT_TRUE(io::MakeDirs(path.substr(0, path.rfind('/'))));
      ASSERT_TRUE(io::WriteFile(path, "text"));
    }
  }
  auto cache = Open(16 * kMiB);
  for (const std::string& file : others) EXPECT_TRUE(io::Exists(dir_.path() + "/" + file)) << file;
  for (const std::string& file : ours) EXPECT_FALSE(io::Exists(dir_.path() + "/" + file)) << file;
  EXPECT_TRUE(Put(*cache, 1));
  cache.reset();
  for (const char* file : {"pins", "format"}) {
    ASSERT_TRUE(io::Remove(dir_.path() + "/format"));
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/" + file, "of bowling"));
    EXPECT_EQ(Cache::Open({{.path = dir_.path(), .limit = kMiB}}, clock_).error().code,
              Code::kInvalid);
    EXPECT_EQ(*io::ReadFile(dir_.path() + "/" + file), "of bowling");
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/format", "2\n"));
    ASSERT_TRUE(io::Remove(dir_.path() + "/pins"));
  }
  EXPECT_TRUE(Open(16 * kMiB)->Find(Id(1)));
}

TEST_F(CacheTest, WhatCannotBeReadNowIsNotDropped) {
  {
    auto cache = Open(16 * kMiB);
    ASSERT_TRUE(Put(*cache, 1));
    ASSERT_TRUE(cache->Pin(Id(1), kMiB));
  }
  for (const std::string file : {"format", "pins"}) {
    const std::string path = dir_.path() + "/" + file;
    const std::string text = *io::ReadFile(path);
    ASSERT_TRUE(io::Remove(path));
    ASSERT_TRUE(io::MakeDirs(path));  // reads as an error
    EXPECT_FALSE(Cache::Open({{.path = dir_.path(), .limit = 16 * kMiB}}, clock_)) << file;
    ASSERT_TRUE(io::RemoveTree(path));
    ASSERT_TRUE(io::WriteFile(path, text));
  }
  auto cache = Open(16 * kMiB);
  EXPECT_TRUE(cache->Find(Id(1)));
  EXPECT_TRUE(cache->IsPinned(Id(1)));
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

TEST_F(CacheTest, MillionsOfPinsSurvive) {
  { Open(4 * kMiB); }
  // As long as 1.8 million of them; they take their time.
  std::string text(65 << 20, ' ');
  text += "\n" + Id(7).ToHex() + " 1000\n";
  ASSERT_TRUE(io::WriteFile(dir_.path() + "/pins", text));
  EXPECT_TRUE(Open(4 * kMiB)->IsPinned(Id(7)));
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
  open = Cache::Handle();
  ASSERT_TRUE(cache->Evict(Id(2)));
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

TEST_F(CacheTest, ManyArePinnedOrNone) {
  auto cache = Open(4 * kMiB);
  ASSERT_TRUE(Put(*cache, 1));
  const std::vector<PinWish> fit = {{Id(1), kMiB}, {Id(2), 1000}, {Id(1), kMiB}};
  const std::vector<PinWish> more = {{Id(1), kMiB}, {Id(3), 1000}, {Id(4), 4 * kMiB}};
  ASSERT_TRUE(cache->Pin(fit));
  EXPECT_EQ(cache->Pin(more).error().code, Code::kExhausted);
  EXPECT_EQ(cache->Stats().pinned, kMiB + Segments::RoomFor(1000));
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
    const io::DescriptorsAtMost none(0);
    EXPECT_FALSE(cache->Find(Id(1)));
  }
  EXPECT_TRUE(io::Exists(path));
  EXPECT_TRUE(cache->Find(Id(1)));
}

size_t OpenDescriptors() { return io::ListDir("/proc/self/fd")->size(); }

TEST_F(CacheTest, IdleFilesLeaveDescriptorsToOthers) {
  constexpr int kObjects = 200;
  const io::DescriptorsAtMost few(256);
  auto cache = Open(uint64_t{kObjects} * 2 * kMiB);
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < kObjects; ++n) ASSERT_TRUE(Put(*cache, n)) << n;
    EXPECT_LE(OpenDescriptors(), 192u);
  }
  EXPECT_EQ(cache->Stats().refused, 0u);
  const size_t before = OpenDescriptors();
  while (cache->GiveBackDescriptors()) {
  }
  EXPECT_LE(OpenDescriptors(), before - 100);
  for (int n = 0; n < kObjects; ++n) ASSERT_TRUE(cache->Find(Id(n))) << n;
}

TEST_F(CacheTest, WhatMayNotBeOpenIsThereForOneRead) {
  const io::DescriptorsAtMost few(256);
  auto cache = Open(400 * kMiB);
  std::vector<Cache::Handle> held;
  for (int n = 0; n < 200; ++n) ASSERT_TRUE(Put(*cache, n)) << n;
  int open = 0;
  for (int n = 0; n < 200; ++n) {
    held.push_back(cache->Find(Id(n)));
    if (held.back()) {
      ++open;
      continue;
    }
    EXPECT_TRUE(cache->FindBriefly(Id(n))) << n;
  }
  EXPECT_GT(open, 50);
  EXPECT_LT(open, 100);
  EXPECT_LE(OpenDescriptors(), 192u) << "none of them stays open";
}

TEST_F(CacheTest, MoreFilesInUseThanDescriptorsAllowAreReadThrough) {
  const io::DescriptorsAtMost few(256);
  auto cache = Open(400 * kMiB);
  std::vector<Cache::Handle> held;
  for (int n = 0; n < 150; ++n) {
    auto handle = cache->FindOrCreate(Id(n), kMiB);
    if (handle) {
      held.push_back(std::move(*handle));
    } else {
      EXPECT_EQ(handle.error().code, Code::kExhausted);
      EXPECT_NE(handle.error().message.find("ulimit -n"), std::string::npos);
    }
  }
  EXPECT_EQ(held.size(), 64u);
  EXPECT_LE(OpenDescriptors(), 192u);
  EXPECT_FALSE(cache->Find(Id(149)));
  held.pop_back();
  EXPECT_TRUE(cache->FindOrCreate(Id(149), kMiB));
}

TEST_F(CacheTest, SegmentsAreLargerWhereDescriptorsAreFew) {
  const io::DescriptorsAtMost few(64);
  auto cache = Open(uint64_t{64} << 30);
  const std::string bytes(kPackedBelow - 1, 'x');
  const size_t before = OpenDescriptors();
  for (int n = 0; n < 300; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes));
  EXPECT_LE(OpenDescriptors(), before + 1) << "75 MiB, in one segment";
  cache.reset();
  cache = Open(uint64_t{64} << 30);
  EXPECT_TRUE(*cache->ReadSmall(Id(299)));
}

// Filled by a process that might open more.
TEST_F(CacheTest, MoreSegmentsThanDescriptorsAllowLeaveButForPinnedOnes) {
  constexpr int kObjects = 200;
  const std::string bytes(kPackedBelow - 1, 'x');
  {
    auto cache = Open(64 * kMiB);  // segments of 4 MiB
    for (int n = 0; n < kObjects; ++n) ASSERT_TRUE(cache->PutSmall(Id(n), bytes)) << n;
    ASSERT_TRUE(cache->Pin(Id(0), bytes.size()));
  }
  const size_t before = io::ListDir(dir_.path() + "/segments")->size();
  const io::DescriptorsAtMost few(32);
  auto cache = Open(64 * kMiB);
  ASSERT_TRUE(cache);
  EXPECT_GT(before, 8u);
  EXPECT_EQ(io::ListDir(dir_.path() + "/segments")->size(), 8u);
  EXPECT_TRUE(*cache->ReadSmall(Id(0))) << "it is pinned";
  EXPECT_FALSE(*cache->ReadSmall(Id(20)));
  EXPECT_TRUE(*cache->ReadSmall(Id(kObjects - 1))) << "one of the newest";
  EXPECT_EQ(cache->Stats().used, BytesBelow(dir_.path() + "/segments"));
  EXPECT_TRUE(cache->PutSmall(Id(20), bytes));
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
  auto scrubbed = cache->Scrub(
      0, [&](uint64_t n, uint64_t) { done = n; }, {},
      [&](const ObjectId& id) { rotten.push_back(id); });
  ASSERT_TRUE(scrubbed);
  EXPECT_EQ(scrubbed->dropped, 1u);
  EXPECT_EQ(scrubbed->skipped, 0u);
  EXPECT_EQ(rotten, std::vector<ObjectId>{Id(1)});
  EXPECT_EQ(cache->Stats().corrupt_chunks, 1u);
  EXPECT_EQ(done, 2 * kMiB + 5);
  EXPECT_FALSE(cache->Find(Id(1))->complete());
  EXPECT_TRUE(cache->Find(Id(2))->complete());
}

TEST_F(CacheTest, ScrubbingCountsWhatItCannotOpen) {
  ASSERT_TRUE(Put(*Open(16 * kMiB), 1));
  const auto cache = Open(16 * kMiB);
  const io::NoDescriptorsLeft none;
  const auto scrubbed = cache->Scrub(0, [](uint64_t, uint64_t) {}, {});
  ASSERT_TRUE(scrubbed);
  EXPECT_EQ(scrubbed->dropped, 0u);
  EXPECT_EQ(scrubbed->skipped, 1u);
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
