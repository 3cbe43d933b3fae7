#include "datanode/file_order.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace leat::datanode {
namespace {

constexpr uint32_t kMost = 64;

// How many files were said to be needed, and in which places.
struct Told {
  std::vector<uint32_t> places;
  void Take(const Places& told) {
    for (uint32_t place = told.begin; place < told.end; ++place) places.push_back(place);
  }
};

TEST(FileOrder, TwoFilesInOrderAreNoOrder) {
  FileOrder order;
  for (const uint32_t place : {7u, 8u}) {
    const Places told = order.OnRead(place, kMost);
    EXPECT_EQ(told.begin, told.end) << place;
  }
}

TEST(FileOrder, TheThirdFileInOrderAsksForTheNextOnes) {
  FileOrder order;
  order.OnRead(7, kMost);
  order.OnRead(8, kMost);
  const Places told = order.OnRead(9, kMost);
  EXPECT_EQ(told.begin, 10u);
  EXPECT_EQ(told.end, 12u);
}

TEST(FileOrder, InAnOrderEachFileIsToldOnceAndInTime) {
  FileOrder order;
  Told told;
  for (uint32_t place = 100; place < 1100; ++place) {
    if (place > 102) {
      EXPECT_GT(told.places.size(), place - 103) << "not told before it was read: " << place;
    }
    told.Take(order.OnRead(place, kMost));
  }
  for (size_t n = 0; n < told.places.size(); ++n) EXPECT_EQ(told.places[n], 103 + n);
  EXPECT_LE(told.places.back(), 1100 + kMost);
}

TEST(FileOrder, NoMoreIsToldThanIsWanted) {
  FileOrder order;
  for (uint32_t place = 0; place < 100; ++place) {
    const Places told = order.OnRead(place, 1);
    EXPECT_LE(told.end, place + 2);
    EXPECT_TRUE(place < 2 || told.begin == place + 1) << place;
  }
}

TEST(FileOrder, ReadersSideBySideHaveRunsOfTheirOwn) {
  FileOrder order;
  Told told;
  for (uint32_t step = 0; step < 50; ++step) {
    for (uint32_t reader = 0; reader < 8; ++reader)
      told.Take(order.OnRead(reader * 1000 + step, kMost));
  }
  EXPECT_GE(told.places.size(), 8 * 47u);
}

TEST(FileOrder, ReadersMayTakeTheFilesOfOneRunByTurns) {
  FileOrder order;
  Told told;
  for (uint32_t step = 0; step < 50; ++step) {
    for (const uint32_t place : {2u, 0u, 3u, 1u}) told.Take(order.OnRead(4 * step + place, kMost));
  }
  for (size_t n = 1; n < told.places.size(); ++n)
    EXPECT_EQ(told.places[n], told.places[n - 1] + 1) << "once each";
  EXPECT_GE(told.places.back(), 199u);
}

TEST(FileOrder, AFewFilesOfManyAskForNothing) {
  FileOrder order;
  Told told;
  for (uint32_t place = 0; place < 300; place += 5) told.Take(order.OnRead(place, kMost));
  EXPECT_TRUE(told.places.empty());
  // From then on each of them.
  for (uint32_t place = 300; place < 400; ++place) told.Take(order.OnRead(place, kMost));
  EXPECT_GE(told.places.size(), 60u);
}

TEST(FileOrder, AShuffledOrderAsksForNothing) {
  FileOrder order;
  Told told;
  std::mt19937 random(1);
  for (int n = 0; n < 10'000; ++n) told.Take(order.OnRead(random() % 1'000'000, kMost));
  EXPECT_LE(told.places.size(), 50u);
}

TEST(FileOrder, WhatWasToldIsExpectedUntilReadersHaveGonePast) {
  FileOrder order;
  EXPECT_FALSE(order.Expects(0));
  for (uint32_t place = 10; place < 13; ++place) order.OnRead(place, kMost);
  EXPECT_TRUE(order.Expects(13));
  EXPECT_TRUE(order.Expects(14));
  EXPECT_FALSE(order.Expects(15));
  for (uint32_t place = 13; place < 40; ++place) order.OnRead(place, kMost);
  EXPECT_FALSE(order.Expects(13));
  EXPECT_TRUE(order.Expects(40));
}

TEST(FileOrder, TheSameFileAgainAndAgainAsksForNothing) {
  FileOrder order;
  for (int n = 0; n < 10; ++n) {
    const Places told = order.OnRead(5, kMost);
    EXPECT_EQ(told.begin, told.end);
  }
}

}  // namespace
}  // namespace leat::datanode
