#include "datanode/stale_names.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace leat::datanode {
namespace {

using Time = std::chrono::steady_clock::time_point;
constexpr std::chrono::seconds kLong{30};

// What was told, and when. Can hold back who tells.
struct Told {
  void Tell(const std::string& path) {
    MutexLock lock(mu);
    const size_t number = paths.size();
    paths.push_back(path);
    times.push_back(std::chrono::steady_clock::now());
    changed.NotifyAll();
    changed.WaitFor(mu, {}, kLong, [&] { return number < held_from; });
  }
  bool Await(const std::vector<std::string>& wanted) {
    MutexLock lock(mu);
    return changed.WaitFor(mu, {}, kLong, [&] { return paths == wanted; });
  }
  // Who tells the name of this number, from 0 on, or a later one is held back.
  void HoldFrom(size_t number) {
    MutexLock lock(mu);
    held_from = number;
    changed.NotifyAll();
  }
  Mutex mu;
  CondVar changed;
  std::vector<std::string> paths;
  std::vector<Time> times;
  size_t held_from = SIZE_MAX;
};

TEST(StaleNamesTest, WhatComesMeanwhileIsToldTogetherAndOnceAPause) {
  Told told;
  constexpr std::chrono::milliseconds kPause{200};
  StaleNames names([&](const std::string& path) { told.Tell(path); }, kPause);
  told.HoldFrom(0);
  names.Add("a");
  ASSERT_TRUE(told.Await({"a"}));
  for (const char* path : {"c", "b", "c", "b"}) names.Add(path);
  const Time released = std::chrono::steady_clock::now();
  told.HoldFrom(1);
  ASSERT_TRUE(told.Await({"a", "b"}));
  names.Add("bb");  // comes before "c", but is of the next batch
  told.HoldFrom(SIZE_MAX);
  ASSERT_TRUE(told.Await({"a", "b", "c", "bb"}));
  EXPECT_GE(told.times[1] - released, kPause);
  EXPECT_GE(told.times[3] - told.times[2], kPause);
}

TEST(StaleNamesTest, ANameThatWasToldCanBecomeStaleAgain) {
  Told told;
  StaleNames names([&](const std::string& path) { told.Tell(path); }, {});
  names.Add("a");
  ASSERT_TRUE(told.Await({"a"}));
  names.Add("a");
  EXPECT_TRUE(told.Await({"a", "a"}));
}

TEST(StaleNamesTest, NothingIsToldAfterTheStop) {
  Told told;
  StaleNames names([&](const std::string& path) { told.Tell(path); }, 2 * kLong);
  names.Add("a");
  ASSERT_TRUE(told.Await({"a"}));
  names.Add("b");  // waits for the end of the pause
  names.Stop();
  names.Add("c");
  names.Stop();
  EXPECT_TRUE(told.Await({"a"}));
}

}  // namespace
}  // namespace leat::datanode
