#include "datanode/access_pattern.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kAhead = 16_MiB;

TEST(AccessPatternTest, SmallObjectIsWantedWhole) {
  AccessPattern pattern(3_MiB);
  const Window window = pattern.OnRead(1_MiB, 4096, kAhead);
  EXPECT_EQ(window.begin, 0u);
  EXPECT_EQ(window.end, 3_MiB);
}

TEST(AccessPatternTest, WindowDoublesAlongARunUpToFourTimesAhead) {
  AccessPattern pattern(10_GiB);
  EXPECT_EQ(pattern.OnRead(0, 1_MiB, kAhead).end, 5_MiB);
  uint64_t widest = 0;
  for (uint64_t n = 1; n < 500; ++n) {
    const Window window = pattern.OnRead(n * 1_MiB, 1_MiB, kAhead);
    EXPECT_EQ(window.begin, n * 1_MiB);
    EXPECT_GE(window.end, (n + 1) * 1_MiB);
    widest = std::max(widest, window.end - window.begin);
  }
  EXPECT_EQ(widest, 4 * kAhead + 1_MiB);
}

TEST(AccessPatternTest, RunOfSmallReadsAsksSeldom) {
  AccessPattern pattern(1_GiB);
  int asked = 0;
  for (uint64_t offset = 0; offset < 256_MiB; offset += 128_KiB) {
    if (pattern.OnRead(offset, 128_KiB, kAhead).end > offset + 128_KiB) ++asked;
  }
  EXPECT_LT(asked, 20);
}

TEST(AccessPatternTest, ReadsThatOvertakeEachOtherAreStillARun) {
  AccessPattern pattern(1_GiB);
  pattern.OnRead(0, 1_MiB, kAhead);
  pattern.OnRead(2_MiB, 1_MiB, kAhead);
  pattern.OnRead(1_MiB, 1_MiB, kAhead);
  EXPECT_GT(pattern.OnRead(3_MiB, 1_MiB, kAhead).end, 8_MiB);
}

TEST(AccessPatternTest, RandomReadsWantNothingMore) {
  AccessPattern pattern(10_GiB);
  for (uint64_t offset : {5_GiB, 1_GiB, 7_GiB, 3_GiB, 2_GiB}) {
    const Window window = pattern.OnRead(offset, 4096, kAhead);
    EXPECT_EQ(window.begin, offset);
    EXPECT_EQ(window.end, offset + 4096);
  }
}

TEST(AccessPatternTest, StrideIsSeenAtTheThirdEqualDistance) {
  AccessPattern pattern(10_GiB);
  Window window;
  for (uint64_t n = 1; n <= 4; ++n) window = pattern.OnRead(n * 100_MiB, 256_KiB, kAhead);
  EXPECT_EQ(window.stride, 100_MiB);
  EXPECT_EQ(window.piece, 256_KiB);
  EXPECT_EQ(window.begin, 400_MiB);
  EXPECT_EQ(window.end, 400_MiB + 64 * 100_MiB);
}

TEST(AccessPatternTest, ManyRandomReadsOfOneObjectWantItWhole) {
  AccessPattern pattern(64_MiB);
  Window window;
  for (uint64_t n = 0; n < 20; ++n) window = pattern.OnRead((n * 37 % 61) * 1_MiB, 1_MiB, kAhead);
  EXPECT_EQ(window.begin, 0u);
  EXPECT_EQ(window.end, 64_MiB);
}

TEST(AccessPatternTest, NothingIsWantedBeyondTheEnd) {
  AccessPattern pattern(5_MiB);
  EXPECT_EQ(pattern.OnRead(0, 1_MiB, kAhead).end, 5_MiB);
  EXPECT_EQ(pattern.OnRead(4_MiB, 4_MiB, kAhead).end, 5_MiB);
}

}  // namespace
}  // namespace leat::datanode
