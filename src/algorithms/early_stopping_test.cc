#include "algorithms/early_stopping.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leat::algorithms {
namespace {

std::vector<MetricValue> Validation(const std::string& metric, double value) {
  return {{"train-" + metric, 0}, {"validation-" + metric, value}};
}

TEST(Evaluation, IsReadFromXgboostsLine) {
  const auto values =
      ParseEvaluation("[3]\ttrain-ndcg@5:0.25\tvalidation-tweedie-nloglik@1.5:-2e-3");
  ASSERT_TRUE(values);
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ((*values)[0].name, "train-ndcg@5");
  EXPECT_EQ((*values)[1].name, "validation-tweedie-nloglik@1.5");
  EXPECT_EQ((*values)[1].value, -2e-3);
  EXPECT_TRUE(std::isnan((*ParseEvaluation("[0]\ttrain-auc:-nan"))[0].value));
  EXPECT_FALSE(ParseEvaluation("[3]"));
  EXPECT_FALSE(ParseEvaluation("[3]\ttrain-rmse"));
}

TEST(EarlyStopping, EndsAfterThatManyRoundsWithoutABetterValue) {
  EarlyStopping stopping(2);
  EXPECT_FALSE(stopping.ShouldStop(0, Validation("rmse", 3)));
  EXPECT_FALSE(stopping.ShouldStop(1, Validation("rmse", 2)));
  EXPECT_FALSE(stopping.ShouldStop(2, Validation("rmse", 2)));  // the same is not better
  EXPECT_TRUE(stopping.ShouldStop(3, Validation("rmse", 2.5)));
  EXPECT_EQ(stopping.best_round(), 1);
  EXPECT_EQ(stopping.best_score(), 2);
  EXPECT_EQ(stopping.metric(), "validation-rmse");
}

TEST(EarlyStopping, WantsMoreOfSomeMetrics) {
  EarlyStopping auc(1);
  EXPECT_FALSE(auc.ShouldStop(0, Validation("auc", 0.5)));
  EXPECT_FALSE(auc.ShouldStop(1, Validation("auc", 0.6)));
  EXPECT_TRUE(auc.ShouldStop(2, Validation("auc", 0.55)));
  EarlyStopping mape(1);
  EXPECT_FALSE(mape.ShouldStop(0, Validation("mape", 0.5)));
  EXPECT_TRUE(mape.ShouldStop(1, Validation("mape", 0.6)));
}

TEST(EarlyStopping, NeverEndsWhenItIsOff) {
  EarlyStopping off(0);
  for (int round = 0; round < 10; ++round)
    EXPECT_FALSE(off.ShouldStop(round, Validation("rmse", round)));
}

}  // namespace
}  // namespace leat::algorithms
