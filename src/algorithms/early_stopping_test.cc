#include "algorithms/early_stopping.h"

#include <gtest/gtest.h>

namespace leat::algorithms {
namespace {

TEST(EarlyStopping, EndsAfterThatManyRoundsWithoutABetterValue) {
  EarlyStopping stopping({.rounds = 2});
  EXPECT_FALSE(stopping.ShouldStop(0, 3));
  EXPECT_FALSE(stopping.ShouldStop(1, 2));
  EXPECT_FALSE(stopping.ShouldStop(2, 2));  // the same is not better
  EXPECT_TRUE(stopping.ShouldStop(3, 2.5));
  EXPECT_EQ(stopping.best_round(), 1);
  EXPECT_EQ(stopping.best_score(), 2);
}

TEST(EarlyStopping, WantsMoreOfSomeMetrics) {
  EarlyStopping auc({.rounds = 1, .more_is_better = true});
  EXPECT_FALSE(auc.ShouldStop(0, 0.5));
  EXPECT_FALSE(auc.ShouldStop(1, 0.6));
  EXPECT_TRUE(auc.ShouldStop(2, 0.55));
  EXPECT_EQ(auc.best_round(), 1);
}

}  // namespace
}  // namespace leat::algorithms
