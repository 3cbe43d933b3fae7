#include "blocks/segments.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "io/file.h"

namespace {

// Of the calls that a test below is about: the next one's hook, and how many.
std::function<void(const std::string& from)> on_rename;
std::atomic<int> syncs = 0;

}  // namespace

// Before libc's.
extern "C" int rename(const char* from, const char* to) noexcept {
  if (on_rename) std::exchange(on_rename, nullptr)(from);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
extern "C" int fdatasync(int fd) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace leat::blocks {
namespace {

ObjectId Id(int n) { return ObjectId::Of("s3://b/", std::to_string(n), "e", 1); }

class SegmentsTest : public testing::Test {
 protected:
  std::unique_ptr<Segments> Open() {
    auto segments = Segments::Open(dir_.path());
    EXPECT_TRUE(segments) << segments.error().message;
    return std::move(*segments);
  }
  std::string Path(int number) const {
    return dir_.path() + "/segments/0000000" + std::to_string(number) + ".seg";
  }

  io::TempDir dir_;
};

TEST_F(SegmentsTest, GivesBackWhatWasAppended) {
  auto segments = Open();
  EXPECT_TRUE(segments->IsFull(1));
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(1), "one"));
  ASSERT_TRUE(segments->Append(Id(2), ""));
  ASSERT_TRUE(segments->Append(Id(1), "one"));
  EXPECT_EQ(**segments->Read(Id(1)), "one");
  EXPECT_EQ(**segments->Read(Id(2)), "");
  EXPECT_FALSE(*segments->Read(Id(3)));
  EXPECT_EQ(segments->objects(), 2u);
}

TEST_F(SegmentsTest, LaterProcessFindsLivingRecordsOnly) {
  {
    auto segments = Open();
    ASSERT_TRUE(segments->Begin());
    for (int n = 0; n < 100; ++n) {
      ASSERT_TRUE(segments->Append(Id(n), std::string(static_cast<size_t>(n), 'x')));
    }
    segments->Remove(Id(7));
  }
  auto segments = Open();
  EXPECT_EQ(segments->objects(), 99u);
  EXPECT_FALSE(segments->Has(Id(7)));
  EXPECT_EQ((*segments->Read(Id(50)))->size(), 50u);
}

TEST_F(SegmentsTest, RecordCutShortByACrashEndsTheSegment) {
  {
    auto segments = Open();
    ASSERT_TRUE(segments->Begin());
    ASSERT_TRUE(segments->Append(Id(1), std::string(1000, 'a')));
    ASSERT_TRUE(segments->Append(Id(2), std::string(1000, 'b')));
  }
  ASSERT_EQ(::truncate(Path(1).c_str(), 1500), 0);
  auto segments = Open();
  EXPECT_TRUE(segments->Has(Id(1)));
  EXPECT_FALSE(segments->Has(Id(2)));
  ASSERT_TRUE(segments->Append(Id(3), "c"));
  EXPECT_EQ(**segments->Read(Id(3)), "c");
  EXPECT_EQ(Open()->objects(), 2u);
}

TEST_F(SegmentsTest, FilesThatAreNoSegmentsAreLeftAlone) {
  {
    auto segments = Open();
    ASSERT_TRUE(segments->Begin());
    ASSERT_TRUE(segments->Append(Id(1), "one"));
  }
  for (const char* name : {"1.seg", "000000001.seg", "00000001.seg.seg", "4294967295.seg", "x.seg"})
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/segments/" + name, "text"));
  for (int starts = 0; starts < 2; ++starts) {
    auto segments = Open();
    EXPECT_EQ(**segments->Read(Id(1)), "one");
    segments->Remove(Id(2));
    EXPECT_EQ(*segments->Begin(), 2u + static_cast<uint32_t>(starts));
    ASSERT_TRUE(segments->Append(Id(3 + starts), "more"));
  }
}

TEST_F(SegmentsTest, RottenObjectIsGone) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(1), "precious"));
  ASSERT_TRUE(segments->Append(Id(2), "other"));
  auto fd = io::Open(Path(1), O_WRONLY);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "x", 50));
  EXPECT_EQ(segments->Read(Id(1)).error().code, Code::kCorrupt);
  EXPECT_FALSE(*segments->Read(Id(1)));
  EXPECT_FALSE(segments->Has(Id(1)));
  EXPECT_EQ(segments->rotten(), 1u);
  EXPECT_EQ(**segments->Read(Id(2)), "other");
}

TEST_F(SegmentsTest, FullSegmentTakesNothingMore) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  const std::string bytes(kPackedBelow - 1, 'x');
  int n = 0;
  while (!segments->IsFull(bytes.size())) ASSERT_TRUE(segments->Append(Id(n++), bytes));
  EXPECT_EQ(segments->Append(Id(n), bytes).error().code, Code::kConflict);
  EXPECT_GE(segments->AllocatedBytes(), kSegmentSize - kPackedBelow * 2);
  EXPECT_LE(segments->AllocatedBytes(), kSegmentSize);
  EXPECT_EQ(*segments->Begin(), 2u);
  ASSERT_TRUE(segments->Append(Id(n), bytes));
  EXPECT_EQ(segments->SegmentOf(Id(n)), 2u);
}

TEST_F(SegmentsTest, SegmentGoesWithAllItsObjects) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(1), "one"));
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(2), "two"));
  segments->RemoveSegment(1);
  EXPECT_FALSE(segments->Has(Id(1)));
  EXPECT_FALSE(io::Exists(Path(1)));
  EXPECT_EQ(**segments->Read(Id(2)), "two");
}

TEST_F(SegmentsTest, SegmentGoesWithItsLastLivingObject) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(1), "one"));
  ASSERT_TRUE(segments->Begin());
  ASSERT_TRUE(segments->Append(Id(2), "two"));
  EXPECT_FALSE(segments->RemoveIfDead(1));
  segments->Remove(Id(1));
  EXPECT_TRUE(segments->RemoveIfDead(1));
  EXPECT_FALSE(segments->RemoveIfDead(1));
  EXPECT_FALSE(io::Exists(Path(1)));
  segments->Remove(Id(2));
  EXPECT_TRUE(segments->RemoveIfDead(2)) << "the newest, too";
  EXPECT_EQ(segments->AllocatedBytes(), 0u);
  EXPECT_TRUE(segments->IsFull(1));
  EXPECT_EQ(segments->Append(Id(3), "three").error().code, Code::kConflict);
  EXPECT_EQ(*segments->Begin(), 3u);
  EXPECT_TRUE(segments->Append(Id(3), "three"));
}

TEST_F(SegmentsTest, ReducedSegmentHasOnlyWhatIsKept) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  for (int n = 0; n < 3000; ++n)
    ASSERT_TRUE(segments->Append(Id(n), std::string(static_cast<size_t>(n), 'x')));
  segments->Remove(Id(100));
  ASSERT_TRUE(segments->Reduce(1, [](const ObjectId& id) {
    for (int n : {100, 200, 2900})
      if (id == Id(n)) return true;
    return false;
  }));
  EXPECT_EQ(segments->objects(), 2u);
  EXPECT_EQ((*segments->Read(Id(200)))->size(), 200u);
  EXPECT_EQ((*segments->Read(Id(2900)))->size(), 2900u);
  EXPECT_FALSE(segments->Has(Id(300)));
  EXPECT_TRUE(segments->IsFull(1)) << "it takes nothing more";
  EXPECT_EQ(segments->RoomOf(1), Segments::RoomFor(200) + Segments::RoomFor(2900));
  EXPECT_LE(segments->AllocatedBytes(), 8192u);
  segments->Remove(Id(200));
  EXPECT_EQ(Open()->objects(), 1u) << "of the next process";
  ASSERT_TRUE(segments->Reduce(1, [](const ObjectId&) { return false; }));
  EXPECT_EQ(segments->RoomOf(1), 0u);
  EXPECT_EQ(segments->AllocatedBytes(), 0u);
  EXPECT_FALSE(io::Exists(Path(1)));
}

TEST_F(SegmentsTest, TwoSegmentsBecomeOne) {
  auto segments = Open();
  for (uint32_t number = 1; number <= 4; ++number) {
    ASSERT_EQ(*segments->Begin(), number);
    for (int n = 0; n < 10; ++n) {
      const int id = static_cast<int>(number) * 100 + n;
      ASSERT_TRUE(segments->Append(Id(id), std::string(number == 2 ? 9000 : 100, 'x') + "end"));
    }
  }
  segments->Remove(Id(100));
  ASSERT_EQ(segments->Mergeable(), std::pair(1u, 3u)) << "the newest, 4, takes more";
  ASSERT_TRUE(segments->Merge(1, 3));
  EXPECT_EQ(segments->Numbers(), (std::vector<uint32_t>{1, 2, 4}));
  EXPECT_EQ(segments->RoomOf(1), 19 * Segments::RoomFor(103));
  EXPECT_EQ(segments->RoomOf(3), 0u);
  const auto check = [](Segments& all) {
    EXPECT_EQ(all.objects(), 39u);
    EXPECT_FALSE(all.Has(Id(100)));
    for (const int id : {101, 109, 300, 309}) {
      EXPECT_EQ(all.SegmentOf(Id(id)), 1u);
      EXPECT_EQ((*all.Read(Id(id)))->size(), 103u);
    }
  };
  check(*segments);
  EXPECT_FALSE(io::Exists(Path(3)));
  check(*Open());
}

TEST_F(SegmentsTest, ProcessThatEndsWhileItMergesLosesNothing) {
  auto segments = Open();
  for (uint32_t number = 1; number <= 3; ++number) {
    ASSERT_TRUE(segments->Begin());
    ASSERT_TRUE(segments->Append(Id(static_cast<int>(number)), "bytes"));
  }
  const auto second = io::ReadFile(Path(2));
  ASSERT_TRUE(second);
  ASSERT_TRUE(segments->Merge(1, 2));
  segments.reset();
  ASSERT_TRUE(io::WriteFile(Path(2), *second));  // as if it had not been removed
  segments = Open();
  EXPECT_EQ(segments->objects(), 3u);
  segments->RemoveSegment(1);
  EXPECT_EQ(segments->objects(), 1u);
}

TEST_F(SegmentsTest, ReducingThatFailsChangesNothing) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(segments->Append(Id(n), "bytes"));
  const auto keep = [](const ObjectId& id) { return id == Id(9); };
  auto fd = io::Open(Path(1), O_WRONLY);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "x", 4 * 56 + 8));  // of a header, in the middle
  EXPECT_EQ(segments->Reduce(1, keep).error().code, Code::kCorrupt);
  EXPECT_EQ(segments->objects(), 10u);
  EXPECT_EQ(**segments->Read(Id(9)), "bytes");
  EXPECT_FALSE(io::Exists(Path(1) + ".new"));
}

TEST_F(SegmentsTest, CompactingThatADiskDidNotLetIsTriedAgainUnlessTheSegmentIsDamaged) {
  auto segments = Open();
  const std::string bytes(200'000, 'x');
  for (int segment = 0; segment < 2; ++segment) {
    ASSERT_TRUE(segments->Begin());
    for (int n = 0; n < 30; ++n) ASSERT_TRUE(segments->Append(Id(segment * 100 + n), bytes));
    for (int n = 1; n < 20; ++n) segments->Remove(Id(segment * 100 + n));
    EXPECT_FALSE(segments->IsWasteful(static_cast<uint32_t>(segment) + 1)) << "3.8 MB of 6";
    for (int n = 20; n < 29; ++n) segments->Remove(Id(segment * 100 + n));
  }
  ASSERT_TRUE(segments->IsWasteful(1));
  ASSERT_TRUE(io::MakeDirs(Path(1) + ".new"));
  EXPECT_FALSE(segments->Compact(1));
  ASSERT_TRUE(io::RemoveTree(Path(1) + ".new"));
  EXPECT_TRUE(segments->IsWasteful(1));
  EXPECT_TRUE(segments->Compact(1));
  EXPECT_FALSE(segments->IsWasteful(1));
  EXPECT_EQ(segments->SizeOf(Id(29)), bytes.size());

  ASSERT_TRUE(segments->IsWasteful(2));
  auto fd = io::Open(Path(2), O_WRONLY);
  ASSERT_TRUE(io::PWriteAll(fd->get(), "x", 8));
  EXPECT_EQ(segments->Compact(2).error().code, Code::kCorrupt);
  EXPECT_FALSE(segments->IsWasteful(2)) << "it stays damaged";
}

TEST_F(SegmentsTest, WhatReplacesASegmentIsOnTheDiskWithItsMarks) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(segments->Append(Id(n), "bytes"));
  io::TempDir killed;
  ASSERT_TRUE(io::MakeDirs(killed.path() + "/segments"));
  int syncs_before = 0;
  on_rename = [&](const std::string& from) {
    syncs_before = syncs;
    // What the next process has when this one is killed just after.
    ASSERT_TRUE(io::WriteFile(killed.path() + "/segments/00000001.seg", *io::ReadFile(from)));
  };
  syncs = 0;
  ASSERT_TRUE(segments->Reduce(1, [&](const ObjectId& id) {
    if (id == Id(5)) segments->Remove(Id(2));  // after it was copied
    return id != Id(7);
  }));
  EXPECT_EQ(syncs_before, 1);
  const auto next = *Segments::Open(killed.path());
  EXPECT_FALSE(next->Has(Id(2)));
  EXPECT_EQ(next->objects(), 8u);
  EXPECT_EQ(segments->objects(), 8u);
  EXPECT_EQ(segments->SizeOf(Id(9)), 5u);
}

TEST_F(SegmentsTest, ProcessThatEndsWhileItReducesLosesNothing) {
  {
    auto segments = Open();
    ASSERT_TRUE(segments->Begin());
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(segments->Append(Id(n), "bytes"));
  }
  ASSERT_TRUE(io::WriteFile(Path(1) + ".new", "the beginning of"));
  auto segments = Open();
  EXPECT_EQ(segments->objects(), 10u);
  EXPECT_FALSE(io::Exists(Path(1) + ".new"));
}

TEST_F(SegmentsTest, ReadersAndAWriterSideBySide) {
  auto segments = Open();
  ASSERT_TRUE(segments->Begin());
  constexpr int kObjects = 2000;
  std::jthread writer([&] {
    for (int n = 0; n < kObjects; ++n) {
      ASSERT_TRUE(segments->Append(Id(n), std::string(1000, static_cast<char>('a' + n % 26))));
    }
  });
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      for (int n = 0; n < kObjects;) {
        auto bytes = segments->Read(Id(n));
        ASSERT_TRUE(bytes);
        if (!*bytes) continue;  // not written yet
        ASSERT_EQ(**bytes, std::string(1000, static_cast<char>('a' + n % 26)));
        ++n;
      }
    });
  }
}

}  // namespace
}  // namespace leat::blocks
