#include "algorithms/computed_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leat::algorithms {
namespace {

double Classes(std::string_view metric, const std::vector<float>& labels,
               const std::vector<float>& said, int num_class = 3) {
  return ComputeMetric(metric, {"multi:softmax", num_class}, {1, said}, labels);
}

// By hand: class 0 is hit 1 of 1 said and 2 real; class 1, 1 of 2 and 2; class 2, 1 of 2 and 1.
TEST(ComputedMetrics, OfThreeClasses) {
  const std::vector<float> labels = {0, 0, 1, 1, 2}, said = {0, 1, 1, 2, 2};
  EXPECT_DOUBLE_EQ(Classes("accuracy", labels, said), 0.6);
  EXPECT_DOUBLE_EQ(Classes("balanced_accuracy", labels, said), 2.0 / 3);
  EXPECT_DOUBLE_EQ(Classes("precision_macro", labels, said), 2.0 / 3);
  EXPECT_DOUBLE_EQ(Classes("recall_macro", labels, said), 2.0 / 3);
  EXPECT_DOUBLE_EQ(Classes("precision_micro", labels, said), 0.6);
  EXPECT_DOUBLE_EQ(Classes("recall_micro", labels, said), 0.6);
  EXPECT_NEAR(Classes("f1", labels, said), (2.0 / 3 + 0.5 + 2.0 / 3) / 3, 1e-12);
  EXPECT_EQ(Classes("f1", labels, said), Classes("f1_macro", labels, said));
}

TEST(ComputedMetrics, LeaveOutClassesThatDoNotOccur) {
  const std::vector<float> labels = {0, 0, 1}, said = {0, 2, 1};
  EXPECT_DOUBLE_EQ(Classes("balanced_accuracy", labels, said, 9), 0.75);  // of the labels' two
  EXPECT_NEAR(Classes("recall_macro", labels, said, 9), 0.5, 1e-12);      // class 2 counts as 0
  EXPECT_NEAR(Classes("f1_macro", labels, said, 9), (2.0 / 3 + 1 + 0) / 3, 1e-12);
}

TEST(ComputedMetrics, OfProbabilitiesAndMargins) {
  const std::vector<float> labels = {0, 1, 1, 0}, probability = {0.5F, 0.51F, 0.2F, 0.9F};
  const auto binary = [&](std::string_view metric, const char* objective,
                          const std::vector<float>& said) {
    return ComputeMetric(metric, {objective, 0}, {1, said}, labels);
  };
  EXPECT_DOUBLE_EQ(binary("precision", "binary:logistic", probability), 0.5);
  EXPECT_DOUBLE_EQ(binary("recall", "binary:logistic", probability), 0.5);
  EXPECT_DOUBLE_EQ(binary("f1_binary", "binary:logistic", probability), 0.5);
  EXPECT_DOUBLE_EQ(binary("accuracy", "binary:logistic", probability), 0.5);
  EXPECT_DOUBLE_EQ(binary("recall", "binary:logitraw", {-1, 0.1F, 0.2F, -0.1F}), 1);
  EXPECT_DOUBLE_EQ(binary("precision", "binary:hinge", {0, 0, 0, 0}), 0);  // nothing was said
  EXPECT_NEAR(binary("mse", "binary:logistic", {0.5F, 0.5F, 1, 0}), 0.125, 1e-12);
  const Prediction softprob{2, {0.6F, 0.4F, 0.4F, 0.6F, 0.1F, 0.9F, 0.7F, 0.3F}};
  EXPECT_DOUBLE_EQ(ComputeMetric("accuracy", {"multi:softprob", 2}, softprob, labels), 1);
}

TEST(ComputedMetrics, R2IsTheShareOfTheSpreadThatIsExplained) {
  const auto r2 = [](const std::vector<float>& labels, const std::vector<float>& said) {
    return ComputeMetric("r2", {"reg:squarederror", 0}, {1, said}, labels);
  };
  EXPECT_DOUBLE_EQ(r2({1, 2, 3}, {1, 2, 3}), 1);
  EXPECT_DOUBLE_EQ(r2({1, 2, 3}, {2, 2, 2}), 0);
  EXPECT_DOUBLE_EQ(r2({1, 2, 3}, {3, 2, 1}), -3);
  EXPECT_DOUBLE_EQ(r2({2, 2}, {2, 2}), 1);
  EXPECT_DOUBLE_EQ(r2({2, 2}, {2, 3}), 0);
  EXPECT_TRUE(std::isnan(r2({2}, {2})));
}

TEST(ComputedMetrics, AreForSomeObjectives) {
  EXPECT_TRUE(CheckComputedMetric("f1", {"multi:softprob", 9}));
  EXPECT_TRUE(CheckComputedMetric("f1_binary", {"multi:softmax", 2}));
  EXPECT_FALSE(CheckComputedMetric("f1_binary", {"multi:softmax", 3}));
  EXPECT_FALSE(CheckComputedMetric("accuracy", {"reg:squarederror", 0}));
  EXPECT_TRUE(CheckComputedMetric("mse", {"reg:squarederror", 0}));
  EXPECT_TRUE(CheckComputedMetric("r2", {"count:poisson", 0}));
  for (const char* objective : {"multi:softmax", "rank:pairwise", "survival:cox"})
    EXPECT_FALSE(CheckComputedMetric("mse", {objective, 3})) << objective;
}

TEST(MoreIsBetter, IsSoOfScoresAndNotOfErrors) {
  for (const char* metric : {"auc", "aucpr", "map", "map-", "ndcg@5-", "ndcg@10", "accuracy",
                             "balanced_accuracy", "f1", "precision", "recall_micro", "r2"})
    EXPECT_TRUE(MoreIsBetter(metric)) << metric;
  for (const char* metric :
       {"mse", "mape", "rmse", "error@0.7", "logloss", "mphe", "poisson-nloglik"})
    EXPECT_FALSE(MoreIsBetter(metric)) << metric;
}

}  // namespace
}  // namespace leat::algorithms
