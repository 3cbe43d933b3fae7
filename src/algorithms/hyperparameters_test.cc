#include "algorithms/hyperparameters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "algorithms/hyperparameter_table.h"

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
  EXPECT_EQ(Passed(*parsed, "eval_metric"), "merror");
  EXPECT_EQ(Passed(*parsed, "silent"), "");
  EXPECT_TRUE(parsed->GrowsFromBins());
}

TEST(Hyperparameters, TheTableIsSortedSoThatRowsAreFound) {
  const auto table = HyperparameterTable();
  EXPECT_TRUE(std::is_sorted(table.begin(), table.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const HyperparameterRow& row : table) EXPECT_EQ(FindHyperparameter(row.name), &row);
}

TEST(Hyperparameters, EvalMetricDefaultsToWhatTheContainerPrinted) {
  EXPECT_EQ(
      ParseHyperparameters({{"num_round", "1"}, {"objective", "binary:logistic"}}, 1)->eval_metrics,
      (std::vector<std::string>{"error"}));
  EXPECT_TRUE(ParseHyperparameters({{"num_round", "1"}}, 1)->eval_metrics.empty());
  EXPECT_EQ(
      ParseHyperparameters({{"num_round", "1"}, {"eval_metric", "rmse, mae,error@0.7,ndcg@5-"}}, 1)
          ->eval_metrics,
      (std::vector<std::string>{"rmse", "mae", "error@0.7", "ndcg@5-"}));
}

TEST(Hyperparameters, ATuningJobsMetricIsAdded) {
  const auto parsed = ParseHyperparameters({{"num_round", "1"},
                                            {"objective", "binary:logistic"},
                                            {"_tuning_objective_metric", "validation:auc"}},
                                           1);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->eval_metrics, (std::vector<std::string>{"error", "auc"}));
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
  EXPECT_FALSE(rule("binary:logistic").Allows(2));
  EXPECT_FALSE(rule("reg:gamma").Allows(0));
  EXPECT_FALSE(rule("count:poisson").Allows(-1));
  EXPECT_TRUE(rule("reg:squarederror").Allows(-1e30));
  EXPECT_EQ(rule("binary:logistic").Explain(2),
            "label 2 is not a number from 0 to 1 (objective is binary:logistic)");
}

}  // namespace
}  // namespace leat::algorithms
