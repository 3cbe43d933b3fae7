// What a model holds after early stopping, and what is said of it, against numbers that Python's
// xgboost 1.7.4 and scikit-learn gave for the same rows.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/model_file.h"
#include "algorithms/predict.h"
#include "algorithms/xgboost_train.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  double Next() {
    state_ = (state_ * 1103515245 + 12345) % 2147483648;
    return static_cast<double>(state_) / 2147483648.0;
  }

 private:
  uint64_t state_;
};

struct Rows {
  std::string labelled, plain;
};

// Three features of three decimals, and a class that depends on two of them and on chance.
Rows MakeRows(int count, uint64_t seed) {
  Random random(seed);
  Rows rows;
  for (int row = 0; row < count; ++row) {
    double x[3];
    for (double& value : x) value = std::round(random.Next() * 1000) / 1000;
    const int label = x[0] + 0.6 * x[1] + 0.5 * random.Next() > 1.05 ? 1 : 0;
    char text[64];
    std::snprintf(text, sizeof text, "%.3f,%.3f,%.3f\n", x[0], x[1], x[2]);
    rows.plain += text;
    rows.labelled += std::to_string(label) + "," + text;
  }
  return rows;
}

class BestRounds : public testing::Test {
 protected:
  BestRounds() {
    const Rows validation = MakeRows(60, 11);
    Write("input/config/inputdataconfig.json",
          R"({"train": {"ContentType": "text/csv"}, "validation": {"ContentType": "text/csv"}})");
    Write("input/data/train/part", MakeRows(150, 6).labelled);
    Write("input/data/validation/part", validation.labelled);
    Write("plain", validation.plain);
  }
  void Write(const std::string& name, std::string_view text) {
    const std::string path = Path(name);
    ASSERT_TRUE(io::MakeDirs(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(io::WriteFile(path, text));
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  // Trains with these hyperparameters, as JSON without braces.
  void Train(const std::string& more) {
    Write("input/config/hyperparameters.json", R"({"nthread": "1", )" + more + "}");
    auto fd = io::Open(Path("log"), O_WRONLY | O_CREAT | O_TRUNC);
    ASSERT_TRUE(fd);
    TrainingLog log(clock_, fd->get());
    Termination termination;
    const int status = RunTrainingJob(dir_.path(), ContainerRelease::kSince13, termination, log);
    log_ = io::ReadFile(Path("log")).value_or("");
    ASSERT_EQ(status, 0) << log_;
  }
  // What the model says of the first row of the validation data.
  double First(const std::string& model = "model") {
    const auto done = PredictToFile(Path(model), Path("plain"), Path("out"));
    EXPECT_TRUE(done) << done.error().message;
    const std::string out = io::ReadFile(Path("out")).value_or("");
    return ParseDouble(Split(out, '\n').front()).value_or(-1);
  }
  // The number of a metric in a round's line of the log.
  double Logged(const std::string& round, const std::string& metric) {
    for (const auto line : Split(log_, '\n')) {
      const size_t at = line.find("#011" + metric + ":");
      if (!line.starts_with("[" + round + "]") || at == line.npos) continue;
      const auto rest = line.substr(at + 4 + metric.size() + 1);
      return ParseDouble(rest.substr(0, rest.find("#011"))).value_or(-1);
    }
    ADD_FAILURE() << "no " << metric << " of round " << round << " in\n" << log_;
    return -1;
  }
  bool Said(std::string_view text) const { return log_.find(text) != std::string::npos; }

  io::TempDir dir_;
  FakeClock clock_{*ParseTime("2020-01-29T01:19:40Z")};
  std::string log_;
};

constexpr char kOverfits[] =
    R"("objective": "binary:logistic", "max_depth": "6", "eta": "0.9", "num_round": "60",
       "early_stopping_rounds": "3")";

TEST_F(BestRounds, AreAllThatTheModelHolds) {
  Train(std::string(kOverfits) + R"(, "eval_metric": "logloss,auc")");
  EXPECT_TRUE(Said("Stopping in round 6. Best iteration: [3] with validation-auc:")) << log_;
  EXPECT_TRUE(Said("The model is that of round 3, the best by validation-auc;")) << log_;
  EXPECT_NEAR(First(), 0.948841, 1e-6);
  auto model = LoadModelFile(Path("model"));
  ASSERT_TRUE(model);
  EXPECT_EQ(*model->Rounds(), 4);
  EXPECT_EQ(model->Attribute("best_iteration"), "3");
  EXPECT_EQ(model->Attribute("best_ntree_limit"), "4");
  EXPECT_NEAR(*ParseDouble(model->Attribute("best_score")), 0.887668, 1e-6);
}

TEST_F(BestRounds, AreThoseOfTheTunedMetric) {
  Train(std::string(kOverfits) +
        R"(, "eval_metric": "auc,logloss", "_tuning_objective_metric": "validation:auc")");
  EXPECT_TRUE(Said("Stopping in round 6. Best iteration: [3] with validation-auc:")) << log_;
  EXPECT_NEAR(First(), 0.948841, 1e-6);
  Train(std::string(kOverfits) + R"(, "eval_metric": "auc,logloss")");
  EXPECT_TRUE(Said("Stopping in round 3. Best iteration: [0] with validation-logloss:")) << log_;
  EXPECT_NEAR(First(), 0.829462, 1e-6);
}

TEST_F(BestRounds, MayBeThoseOfAComputedMetric) {
  Train(std::string(kOverfits) + R"(, "_tuning_objective_metric": "validation:mse")");
  EXPECT_TRUE(Said("with validation-mse:")) << log_;
  Train(std::string(kOverfits) + R"(, "eval_metric": "mse,f1")");
  EXPECT_TRUE(Said("with validation-f1:")) << log_;
}

// A model says the same whether its training stopped early or went no further in the first place.
TEST_F(BestRounds, AreAModelOfSoManyRounds) {
  for (const char* more :
       {R"("objective": "binary:logistic", "num_parallel_tree": "3", "subsample": "0.7")",
        R"("objective": "multi:softprob", "num_class": "2")",
        R"("objective": "binary:logistic", "booster": "dart", "rate_drop": "0.5")",
        R"("objective": "binary:logistic", "booster": "gblinear", "updater": "coord_descent")"}) {
    const std::string common = std::string(more) + R"(, "eta": "0.9", "eval_metric": "auc")";
    Train(common + R"(, "num_round": "40", "early_stopping_rounds": "2")");
    ASSERT_TRUE(Said("The model is that of round ")) << more << "\n" << log_;
    auto model = LoadModelFile(Path("model"));
    ASSERT_TRUE(model);
    const std::string best = model->Attribute("best_iteration");
    const double first = First();
    const int rounds = static_cast<int>(ParseInt(best).value_or(-1)) + 1;
    Train(common + R"(, "num_round": ")" + std::to_string(rounds) + "\"");
    EXPECT_EQ(First(), first) << more;
  }
}

TEST_F(BestRounds, AreUsedOfModelsThatHoldMore) {
  const std::string trains = R"("objective": "binary:logistic", "max_depth": "6", "eta": "0.9",
                                "eval_metric": "auc", "num_round": ")";
  for (const char* more : {"\"", R"(", "num_parallel_tree": "3", "subsample": "0.7")",
                           R"(", "booster": "dart", "rate_drop": "0")"}) {
    Train(trains + "4" + more);
    const double four = First();
    Train(trains + "7" + more);
    const double seven = First();
    ASSERT_NE(four, seven);
    const auto bytes = io::ReadFile(Path("model/xgboost-model"));
    ASSERT_TRUE(bytes);
    auto model = Booster::Load(*bytes);
    ASSERT_TRUE(model);
    const auto save = [&] { Write("old/xgboost-model", *model->Save()); };
    ASSERT_TRUE(model->SetAttribute("best_iteration", "3"));
    save();
    EXPECT_EQ(First("old"), four) << more;
    ASSERT_TRUE(model->SetAttribute("best_iteration", "99"));  // more than it has
    save();
    EXPECT_EQ(First("old"), seven) << more;
    ASSERT_TRUE(model->SetAttribute("best_iteration", ""));
    const bool forest = std::string_view(more).find("parallel") != std::string_view::npos;
    ASSERT_TRUE(model->SetAttribute("best_ntree_limit", forest ? "12" : "4"));
    save();
    EXPECT_EQ(First("old"), four) << more;
  }
}

TEST_F(BestRounds, ComputedMetricsAreThoseOfScikitLearn) {
  Train(R"("objective": "binary:logistic", "num_round": "3", "max_depth": "3", "eta": "0.3",
           "eval_metric": "accuracy,balanced_accuracy,f1,f1_binary,f1_macro,precision,recall,mse")");
  for (const auto& [metric, value] : std::vector<std::pair<std::string, double>>{
           {"logloss", Logged("2", "validation-logloss")},  // XGBoost's default is there, too
           {"accuracy", 0.783333},
           {"balanced_accuracy", 0.767399},
           {"f1", 0.764422},
           {"f1_macro", 0.764422},
           {"f1_binary", 0.697674},
           {"precision", 0.681818},
           {"recall", 0.714286},
           {"mse", 0.151633}})
    EXPECT_NEAR(Logged("2", "validation-" + metric), value, 1e-6) << metric;
  EXPECT_GT(Logged("2", "train-f1"), Logged("2", "validation-f1"));
}

}  // namespace
}  // namespace leat::algorithms
