#include "algorithms/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leat::algorithms {
namespace {

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

// The name of the metric that is watched, with a '+' when more of it is better; "" when none is.
std::string WatchedIn(std::map<std::string, std::string> given, ContainerRelease release,
                      const std::vector<std::string>& names, bool validation = true) {
  given.insert({{"num_round", "9"}, {"early_stopping_rounds", "2"}});
  const auto parameters = ParseHyperparameters(given, 1, release);
  EXPECT_TRUE(parameters) << parameters.error().message;
  std::vector<MetricValue> values;
  for (const std::string& name : names) values.push_back({name, 0});
  NamedMatrices sets = {{"train", nullptr}};
  if (validation) sets.emplace_back("validation", nullptr);
  const auto watched = WatchedOf(values, sets, *parameters);
  if (!watched) return "";
  return values[watched->index].name + (watched->more_is_better ? "+" : "");
}

constexpr auto kOld = ContainerRelease::kBefore13;
constexpr auto kNew = ContainerRelease::kSince13;

TEST(WatchedMetric, IsTheTunedOneElseTheLastNamed) {
  const std::vector<std::string> both = {"train-auc", "train-error@0.5", "validation-auc",
                                         "validation-error@0.5"};
  for (const auto release : {kOld, kNew}) {
    EXPECT_EQ(WatchedIn({{"eval_metric", "auc,error@0.50"}, {"objective", "binary:logistic"}},
                        release, both),
              "validation-error@0.5");
    EXPECT_EQ(WatchedIn({{"eval_metric", "auc,error@0.50"},
                         {"objective", "binary:logistic"},
                         {"_tuning_objective_metric", "validation:auc"}},
                        release, both),
              "validation-auc+");
  }
}

TEST(WatchedMetric, MayBeAComputedOne) {
  const std::vector<std::string> names = {"train-logloss",      "train-mse",      "train-f1",
                                          "validation-logloss", "validation-mse", "validation-f1"};
  EXPECT_EQ(
      WatchedIn({{"eval_metric", "mse,f1,logloss"}, {"objective", "binary:logistic"}}, kNew, names),
      "validation-logloss");
  EXPECT_EQ(
      WatchedIn({{"eval_metric", "logloss,mse,f1"}, {"objective", "binary:logistic"}}, kNew, names),
      "validation-f1+");
  EXPECT_EQ(WatchedIn({{"eval_metric", "mse,f1"},
                       {"objective", "binary:logistic"},
                       {"_tuning_objective_metric", "validation:mse"}},
                      kNew, names),
            "validation-mse");
}

TEST(WatchedMetric, OfNewReleasesIsNamedAndOfTheValidationChannel) {
  EXPECT_EQ(WatchedIn({}, kNew, {"train-rmse", "validation-rmse"}), "");
  EXPECT_EQ(WatchedIn({}, kOld, {"train-rmse", "validation-rmse"}), "validation-rmse");
  EXPECT_EQ(WatchedIn({{"eval_metric", "rmse"}}, kNew, {"train-rmse"}, false), "");
  EXPECT_EQ(WatchedIn({{"eval_metric", "rmse"}}, kOld, {"train-rmse"}, false), "train-rmse");
}

}  // namespace
}  // namespace leat::algorithms
