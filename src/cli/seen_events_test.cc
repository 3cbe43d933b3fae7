#include "cli/seen_events.h"

#include <gtest/gtest.h>

namespace leat::cli {
namespace {

TEST(SeenEvents, EachIsNewOnce) {
  SeenEvents seen;
  EXPECT_EQ(seen.AskFromMs(), 0);
  EXPECT_TRUE(seen.Add(100'000, "a"));
  EXPECT_TRUE(seen.Add(100'000, "b"));
  EXPECT_FALSE(seen.Add(100'000, "a"));
}

TEST(SeenEvents, AHostThatIsBehindAnotherLosesNoLine) {
  SeenEvents seen;
  EXPECT_TRUE(seen.Add(100'000, "of algo-1"));
  EXPECT_LE(seen.AskFromMs(), 98'000);
  EXPECT_TRUE(seen.Add(98'000, "of algo-2"));
  EXPECT_FALSE(seen.Add(98'000, "of algo-2"));
  EXPECT_FALSE(seen.Add(100'000, "of algo-1"));
}

TEST(SeenEvents, WhatIsAskedForAgainIsStillKnown) {
  SeenEvents seen;
  for (int64_t ms = 0; ms < 60'000; ms += 100) EXPECT_TRUE(seen.Add(ms, "e"));
  for (int64_t ms = seen.AskFromMs(); ms < 60'000; ms += 100) EXPECT_FALSE(seen.Add(ms, "e"));
}

}  // namespace
}  // namespace leat::cli
