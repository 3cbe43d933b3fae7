#include "algorithms/hyperparameters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "algorithms/hyperparameter_table.h"
#include "base/strings.h"

namespace leat::algorithms {
namespace {

using Given = std::map<std::string, std::string>;

// The parameters that XGBoost gets under that name, joined.
std::string Passed(const Hyperparameters& parameters, std::string_view name) {
  std::string values;
  for (const auto& [each, value] : parameters.booster_parameters)
    if (each == name) values += (values.empty() ? "" : ",") + value;
  return values;
}

TEST(Hyperparameters, ReadsTheManifestOfTheMnistExample) {
  const auto parsed = ParseHyperparameters({{"max_depth", "5"},
                                            {"eta", "0.2"},
                                            {"gamma", "4"},
                                            {"min_child_weight", "6"},
                                            {"silent", "0"},
                                            {"objective", "multi:softmax"},
                                            {"num_class", "10"},
                                            {"num_round", "10"}},
                                           2);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->num_round, 10);
  EXPECT_EQ(parsed->num_class, 10);
  EXPECT_EQ(Passed(*parsed, "eta"), "0.2");
  EXPECT_EQ(Passed(*parsed, "tree_method"), "hist");
  EXPECT_EQ(Passed(*parsed, "nthread"), "2");
  EXPECT_EQ(Passed(*parsed, "verbosity"), "1");
  EXPECT_EQ(Passed(*parsed, "eval_metric"), "");
  EXPECT_EQ(Passed(*parsed, "silent"), "");
  EXPECT_TRUE(parsed->GrowsFromBins());
}

TEST(Hyperparameters, TheTableIsSortedSoThatRowsAreFound) {
  const auto table = HyperparameterTable();
  EXPECT_TRUE(std::is_sorted(table.begin(), table.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const HyperparameterRow& row : table) EXPECT_EQ(FindHyperparameter(row.name), &row);
}

using Names = std::vector<std::string>;
constexpr auto kOld = ContainerRelease::kBefore13;

TEST(Hyperparameters, EvalMetricDefaultsToWhatTheContainerPrinted) {
  const Given logistic = {{"num_round", "1"}, {"objective", "binary:logistic"}};
  EXPECT_EQ(ParseHyperparameters(logistic, 1, kOld)->eval_metrics, Names{"error"});
  EXPECT_TRUE(ParseHyperparameters(logistic, 1)->eval_metrics.empty());  // XGBoost's is logloss
  const Given multi = {{"num_round", "1"}, {"objective", "multi:softprob"}, {"num_class", "3"}};
  EXPECT_EQ(ParseHyperparameters(multi, 1, kOld)->eval_metrics, Names{"merror"});
  EXPECT_TRUE(ParseHyperparameters(multi, 1)->eval_metrics.empty());
  EXPECT_TRUE(ParseHyperparameters({{"num_round", "1"}}, 1, kOld)->eval_metrics.empty());
}

TEST(Hyperparameters, EvalMetricMayNameSeveral) {
  EXPECT_EQ(
      ParseHyperparameters({{"num_round", "1"}, {"eval_metric", "rmse, mae,error@0.7,ndcg@5-"}}, 1)
          ->eval_metrics,
      (Names{"rmse", "mae", "error@0.7", "ndcg@5-"}));
  const auto parsed = ParseHyperparameters(
      {{"num_round", "1"}, {"objective", "binary:logistic"}, {"eval_metric", "f1,auc,accuracy,f1"}},
      1);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->eval_metrics, Names{"auc"});
  EXPECT_EQ(parsed->computed_metrics, (Names{"f1", "accuracy"}));
  EXPECT_EQ(Passed(*parsed, "eval_metric"), "auc");
}

TEST(Hyperparameters, ATuningJobsMetricIsAddedAndWatched) {
  Given given = {{"num_round", "1"},
                 {"objective", "binary:logistic"},
                 {"_tuning_objective_metric", "validation:auc"}};
  EXPECT_EQ(ParseHyperparameters(given, 1, kOld)->eval_metrics, (Names{"error", "auc"}));
  EXPECT_EQ(ParseHyperparameters(given, 1)->eval_metrics, Names{"auc"});
  given["eval_metric"] = "auc,logloss";
  const auto listed = ParseHyperparameters(given, 1);
  EXPECT_EQ(listed->eval_metrics, (Names{"auc", "logloss"}));
  EXPECT_EQ(listed->watched_metric, "auc");
  given["_tuning_objective_metric"] = "validation:f1";
  EXPECT_EQ(ParseHyperparameters(given, 1)->computed_metrics, Names{"f1"});
  EXPECT_EQ(ParseHyperparameters(given, 1)->watched_metric, "f1");
}

TEST(Hyperparameters, WhatHasNoEffectIsNoted) {
  const auto notes = [](Given given) {
    given["num_round"] = "1";
    const auto parsed = ParseHyperparameters(given, 1);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return Join(parsed->notes, " ");
  };
  EXPECT_EQ(notes({{"rate_drop", "0.5"}}),
            "Hyperparameter rate_drop has no effect: it works only with booster dart.");
  EXPECT_EQ(notes({{"rate_drop", "0.5"}, {"booster", "dart"}}), "");
  EXPECT_EQ(notes({{"max_bin", "16"}, {"tree_method", "exact"}}),
            "Hyperparameter max_bin has no effect: it works only with tree_method approx or hist.");
  EXPECT_EQ(notes({{"max_bin", "16"}, {"tree_method", "auto"}}), "");
  EXPECT_EQ(notes({{"max_bin", "16"}, {"booster", "gblinear"}}),
            "Hyperparameter max_bin has no effect: it works only with booster dart or gbtree.");
  EXPECT_EQ(notes({{"top_k", "2"}, {"feature_selector", "greedy"}, {"booster", "gblinear"}}), "");
  EXPECT_EQ(notes({{"scale_pos_weight", "2"}, {"objective", "reg:linear"}}), "");
  EXPECT_NE(notes({{"scale_pos_weight", "2"}, {"objective", "count:poisson"}}), "");
}

TEST(Hyperparameters, ConstraintsArePassedOnInXgboostsForm) {
  const auto parsed = ParseHyperparameters({{"num_round", "1"},
                                            {"monotone_constraints", "[1, 0]"},
                                            {"interaction_constraints", "[[0, 1]]"}},
                                           1);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(Passed(*parsed, "monotone_constraints"), "(1,0)");
  EXPECT_EQ(Passed(*parsed, "interaction_constraints"), "[[0,1]]");
}

TEST(Hyperparameters, OldNamesAndValuesBecomeTodays) {
  const auto parsed = ParseHyperparameters(
      {{"num_round", "1"}, {"objective", "reg:linear"}, {"silent", "1"}, {"sketch_eps", "0.03"}},
      1);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(Passed(*parsed, "objective"), "reg:squarederror");
  EXPECT_EQ(Passed(*parsed, "verbosity"), "0");
  EXPECT_EQ(Passed(*parsed, "sketch_eps"), "");
  ASSERT_EQ(parsed->notes.size(), 1u);
  EXPECT_NE(parsed->notes[0].find("sketch_eps"), std::string::npos);
}

TEST(Hyperparameters, OnlyHistTreesGrowFromBins) {
  const auto grows = [](Given given) {
    given["num_round"] = "1";
    return ParseHyperparameters(given, 1)->GrowsFromBins();
  };
  EXPECT_TRUE(grows({{"tree_method", "auto"}}));
  EXPECT_TRUE(grows({{"booster", "dart"}}));
  EXPECT_FALSE(grows({{"tree_method", "exact"}}));
  EXPECT_FALSE(grows({{"booster", "gblinear"}}));
  EXPECT_FALSE(grows({{"updater", "grow_colmaker,prune"}}));
}

struct Bad {
  Given given;
  const char* message;
};

class HyperparametersRefuse : public testing::TestWithParam<Bad> {};

TEST_P(HyperparametersRefuse, NamingWhatIsWrong) {
  const auto parsed = ParseHyperparameters(GetParam().given, 1);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kInvalid);
  EXPECT_NE(parsed.error().message.find(GetParam().message), std::string::npos)
      << parsed.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Values, HyperparametersRefuse,
    testing::Values(
        Bad{{}, "Missing required hyperparameter: num_round"},
        Bad{{{"num_round", "0"}}, "num_round: value '0' must be a whole number of at least 1"},
        Bad{{{"num_round", "ten"}}, "num_round: value 'ten'"},
        Bad{{{"num_round", "1.5"}}, "num_round: value '1.5'"},
        Bad{{{"num_round", ""}}, "num_round: value ''"},
        Bad{{{"num_round", "1"}, {"eta", "1.5"}},
            "eta: value '1.5' must be a number of at least 0 and at most 1"},
        Bad{{{"num_round", "1"}, {"eta", "nan"}}, "eta: value 'nan'"},
        Bad{{{"num_round", "1"}, {"gamma", "inf"}}, "gamma: value 'inf'"},
        Bad{{{"num_round", "1"}, {"subsample", "0"}},
            "subsample: value '0' must be a number "
            "greater than 0 and at most 1"},
        Bad{{{"num_round", "1"}, {"max_depth", "-1"}}, "max_depth: value '-1'"},
        Bad{{{"num_round", "1"}, {"max_dept", "5"}},
            "Extraneous hyperparameter found: max_dept; did you mean max_depth?"},
        Bad{{{"num_round", "1"}, {"colour", "red"}}, "Extraneous hyperparameter found: colour"},
        Bad{{{"num_round", "1"}, {"objective", "multi:softmax"}},
            "Missing required hyperparameter: num_class"},
        Bad{{{"num_round", "1"}, {"num_class", "3"}}, "objective is reg:squarederror"},
        Bad{{{"num_round", "1"}, {"objective", "multi:soft"}}, "must be one of: binary:hinge"},
        Bad{{{"num_round", "1"}, {"objective", "survival:aft"}}, "survival:cox"},
        Bad{{{"num_round", "1"}, {"tree_method", "gpu_hist"}}, "use hist"},
        Bad{{{"num_round", "1"}, {"process_type", "update"}}, "needs a model to start from"},
        Bad{{{"num_round", "1"}, {"eval_metric", "rmse,accurate"}}, "eval_metric: value"},
        Bad{{{"num_round", "1"}, {"eval_metric", "rmse@3"}}, "eval_metric: value"},
        Bad{{{"num_round", "1"}, {"eval_metric", "auc@3"}}, "eval_metric: value"},
        Bad{{{"num_round", "1"}, {"eval_metric", "ndcg@0.5"}}, "eval_metric: value"},
        Bad{{{"num_round", "1"}, {"eval_metric", "f1"}},
            "eval_metric: metric f1 is for the objectives binary:* and multi:*, and objective is "
            "reg:squarederror"},
        Bad{{{"num_round", "1"},
             {"objective", "multi:softmax"},
             {"num_class", "3"},
             {"eval_metric", "precision"}},
            "precision is for two classes"},
        Bad{{{"num_round", "1"}, {"objective", "rank:ndcg"}, {"eval_metric", "mse"}},
            "mse is for the objectives reg:*"},
        Bad{{{"num_round", "1"}, {"_tuning_objective_metric", "validation:fast"}},
            "_tuning_objective_metric: value 'validation:fast' must be validation: and one of"},
        Bad{{{"num_round", "1"}, {"_tuning_objective_metric", "rmse"}},
            "_tuning_objective_metric: value 'rmse'"},
        Bad{{{"num_round", "1"}, {"_tuning_objective_metric", "train:rmse"}},
            "_tuning_objective_metric: value 'train:rmse'"},
        Bad{{{"num_round", "1"}, {"_tuning_objective_metric", "validation:f1"}},
            "_tuning_objective_metric: metric f1 is for"},
        Bad{{{"num_round", "1"}, {"monotone_constraints", "(1,5,0,0)"}},
            "monotone_constraints: value '(1,5,0,0)'"},
        Bad{{{"num_round", "1"}, {"interaction_constraints", "[[-1]]"}},
            "interaction_constraints: value '[[-1]]'"},
        Bad{{{"num_round", "1"}, {"booster", "gblinear"}, {"monotone_constraints", "(1)"}},
            "monotone_constraints: booster gblinear"},
        Bad{{{"num_round", "1"}, {"updater", "grow_colmaker, grow_histmaker"}},
            "names several that grow trees"},
        Bad{{{"num_round", "1"}, {"objective", "count:poisson"}, {"base_score", "0"}},
            "base_score: value '0' must be greater than 0 for count:poisson"},
        Bad{{{"num_round", "1"}, {"scale_pos_weight", "0"}},
            "scale_pos_weight: value '0' must be a number greater than 0"},
        Bad{{{"num_round", "1"}, {"silent", "2"}}, "silent: value '2' must be one of: 0, 1"},
        Bad{{{"num_round", "1"}, {"_kfold", "5"}}, "cross-validation is not supported"},
        Bad{{{"num_round", "1"}, {"sagemaker_program", "x.py"}}, "script mode"},
        Bad{{{"num_round", "1"}, {"objective", "binary:logistic"}, {"base_score", "1"}},
            "base_score: value '1'"}));

TEST(Labels, FollowTheObjective) {
  const auto rule = [](const char* objective, const char* num_class = nullptr) {
    Given given = {{"num_round", "1"}, {"objective", objective}};
    if (num_class) given["num_class"] = num_class;
    return LabelsFor(*ParseHyperparameters(given, 1));
  };
  EXPECT_TRUE(rule("multi:softmax", "3").Allows(2));
  EXPECT_FALSE(rule("multi:softmax", "3").Allows(3));
  EXPECT_FALSE(rule("multi:softprob", "3").Allows(0.5));
  EXPECT_TRUE(rule("binary:logistic").Allows(0.5));
  EXPECT_FALSE(LabelsFor(*ParseHyperparameters({{"num_round", "1"},
                                                {"objective", "binary:logistic"},
                                                {"eval_metric", "logloss,f1"}},
                                               1))
                   .Allows(0.5));
  EXPECT_FALSE(rule("binary:logistic").Allows(2));
  EXPECT_FALSE(rule("reg:gamma").Allows(0));
  EXPECT_FALSE(rule("count:poisson").Allows(-1));
  EXPECT_TRUE(rule("reg:squarederror").Allows(-1e30));
  EXPECT_EQ(rule("binary:logistic").Explain(2),
            "label 2 is not a number from 0 to 1 (objective is binary:logistic)");
}

}  // namespace
}  // namespace leat::algorithms
