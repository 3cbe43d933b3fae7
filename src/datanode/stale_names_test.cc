#include "datanode/stale_names.h"

#include <gtest/gtest.h>

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
    paths.push_back(path);
    times.push_back(std::chrono::steady_clock::now());
    changed.NotifyAll();
    changed.WaitFor(mu, {}, kLong, [&] { return !held; });
  }
  bool Await(const std::vector<std::string>& wanted) {
    MutexLock lock(mu);
    return changed.WaitFor(mu, {}, kLong, [&] { return paths == wanted; });
  }
  void Hold(bool hold) {
    MutexLock lock(mu);
    held = hold;
    changed.NotifyAll();
  }
  Mutex mu;
  CondVar changed;
  std::vector<std::string> paths;
  std::vector<Time> times;
  bool held = false;
};

TEST(StaleNamesTest, WhatComesMeanwhileIsToldTogetherAndOnceAPause) {
  Told told;
  constexpr std::chrono::milliseconds kPause{200};
  StaleNames names([&](const std::string& path) { told.Tell(path); }, kPause);
  told.Hold(true);
  names.Add("a");
  ASSERT_TRUE(told.Await({"a"}));
  for (const char* path : {"c", "b", "c", "b"}) names.Add(path);
  const Time released = std::chrono::steady_clock::now();
  told.Hold(false);
  ASSERT_TRUE(told.Await({"a", "b", "c"}));
  EXPECT_GE(told.times[1] - released, kPause);
  EXPECT_LT(told.times[2] - told.times[1], kPause);
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
  StaleNames names([&](const std::string& path) { told.Tell(path); });
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
