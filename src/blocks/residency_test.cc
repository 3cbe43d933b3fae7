#include "blocks/residency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace leat::blocks {
namespace {

ObjectId Id(int n) { return ObjectId::Of("test", std::to_string(n), "", 0); }

// A cache of objects of one size that asks the policy, and counts hits.
class SimulatedCache {
 public:
  SimulatedCache(uint64_t objects, uint64_t object_size)
      : size_(object_size), policy_(objects * object_size) {}

  // Opens the object, and lets it in when the policy agrees; true for a hit.
  bool Open(int n) {
    policy_.Access(Id(n), size_);
    if (inside_.contains(Id(n))) return true;
    if (auto leaving = policy_.Admit(size_)) {
      for (const ObjectId& id : *leaving) {
        policy_.Remove(id);
        inside_.erase(id);
      }
      policy_.Add(Id(n), size_);
      inside_.insert(Id(n));
    }
    EXPECT_LE(policy_.used(), policy_.capacity());
    return false;
  }

  double HitRatio(const std::vector<int>& order) {
    int hits = 0;
    for (int n : order) hits += Open(n);
    return static_cast<double>(hits) / static_cast<double>(order.size());
  }

  Residency& policy() { return policy_; }

 private:
  const uint64_t size_;
  Residency policy_;
  std::set<ObjectId> inside_;
};

std::vector<int> Range(int begin, int end) {
  std::vector<int> order;
  for (int n = begin; n < end; ++n) order.push_back(n);
  return order;
}

std::vector<int> Shuffled(int begin, int end, std::mt19937& random) {
  std::vector<int> order = Range(begin, end);
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

TEST(ResidencyTest, ScanOfTwiceTheCacheHitsHalfFromTheSecondEpochOn) {
  SimulatedCache cache(500, 1000);
  EXPECT_EQ(cache.HitRatio(Range(0, 1000)), 0.0);
  for (int epoch = 0; epoch < 5; ++epoch) EXPECT_GE(cache.HitRatio(Range(0, 1000)), 0.49);
}

TEST(ResidencyTest, ShuffledEpochsOfTwiceTheCacheHitHalf) {
  std::mt19937 random(7);
  SimulatedCache cache(500, 1000);
  cache.HitRatio(Shuffled(0, 1000, random));
  for (int epoch = 0; epoch < 10; ++epoch) {
    EXPECT_GE(cache.HitRatio(Shuffled(0, 1000, random)), 0.45) << "epoch " << epoch;
  }
}

TEST(ResidencyTest, ScanOfTenTimesTheCacheHitsATenth) {
  SimulatedCache cache(100, 1000);
  cache.HitRatio(Range(0, 1000));
  cache.HitRatio(Range(0, 1000));
  for (int epoch = 0; epoch < 5; ++epoch) EXPECT_GE(cache.HitRatio(Range(0, 1000)), 0.09);
}

TEST(ResidencyTest, DataSetThatFitsIsKeptWhole) {
  SimulatedCache cache(1000, 1000);
  cache.HitRatio(Range(0, 1000));
  EXPECT_EQ(cache.HitRatio(Range(0, 1000)), 1.0);
}

TEST(ResidencyTest, NewDataSetTakesOverAfterAFewEpochs) {
  SimulatedCache cache(500, 1000);
  for (int epoch = 0; epoch < 3; ++epoch) cache.HitRatio(Range(0, 500));
  for (int epoch = 0; epoch < 4; ++epoch) cache.HitRatio(Range(10'000, 10'500));
  EXPECT_EQ(cache.HitRatio(Range(10'000, 10'500)), 1.0);
}

TEST(ResidencyTest, FileReadAtEveryStepDoesNotMakeTheScanLookOverdue) {
  SimulatedCache cache(500, 1000);
  auto epoch = [&] {
    int hits = 0;
    for (int n = 0; n < 1000; ++n) {
      hits += cache.Open(n);
      for (int k = 0; k < 20; ++k) cache.policy().Access(Id(-1), 1);
    }
    return hits;
  };
  epoch();
  for (int i = 0; i < 5; ++i) EXPECT_GE(epoch(), 450);
}

TEST(ResidencyTest, HeldObjectsStay) {
  Residency policy(10);
  policy.Add(Id(1), 10);
  policy.Hold(Id(1));
  policy.Access(Id(2), 1000);
  EXPECT_FALSE(policy.Admit(5));
  policy.Unhold(Id(1));
  ASSERT_TRUE(policy.Admit(5));
  EXPECT_EQ(policy.Admit(5)->size(), 1u);
}

TEST(ResidencyTest, WhatGivesBackLittleLeavesForPinnedObjectsOrNotAtAll) {
  Residency policy(300);
  for (int n : {1, 2, 3}) policy.Add(Id(n), 100);
  policy.AddPinned(Id(1), 90);
  policy.AddPinned(Id(2), 80);
  policy.AddPinned(Id(3), 50);
  policy.Access(Id(4), 10'000);
  EXPECT_EQ(policy.Admit(50), std::vector{Id(3)});
  EXPECT_FALSE(policy.Admit(51));
  EXPECT_EQ(policy.Admit(20, Residency::Claim::kPinned), std::vector{Id(2)});
  EXPECT_EQ(policy.Admit(70, Residency::Claim::kPinned), (std::vector{Id(2), Id(3)}));
  EXPECT_FALSE(policy.Admit(71, Residency::Claim::kPinned)) << "copies 90 for 10";
  EXPECT_EQ(policy.Oldest(50), std::vector{Id(3)});
  EXPECT_EQ(policy.Oldest(80), (std::vector{Id(3), Id(1), Id(2)})) << "a limit is a limit";
}

TEST(ResidencyTest, ObjectLargerThanTheCacheIsRefused) {
  Residency policy(10);
  EXPECT_FALSE(policy.Admit(11));
  EXPECT_TRUE(policy.Admit(10));
}

}  // namespace
}  // namespace leat::blocks
