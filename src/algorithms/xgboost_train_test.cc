#include "algorithms/xgboost_train.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>

#include "algorithms/model_file.h"
#include "algorithms/predict.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::algorithms {
namespace {

// Rows of four features whose class is plain to see.
std::string Rows(int count, int seed, int classes = 3) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::string text;
  for (int row = 0; row < count; ++row) {
    const int label = row % classes;
    text += std::to_string(label);
    for (int column = 0; column < 4; ++column) {
      const double noise = static_cast<double>(random() % 1000) / 1000;
      text += "," + std::to_string(column == 3 ? noise : label + noise);
    }
    text += "\n";
  }
  return text;
}

// One training job in a directory of its own.
class TrainingJob : public testing::Test {
 protected:
  TrainingJob() {
    Write("input/config/hyperparameters.json",
          R"({"num_round": "3", "objective": "multi:softmax", "num_class": "3", "eta": "0.5"})");
    Write("input/config/inputdataconfig.json",
          R"({"train": {"ContentType": "text/csv"}, "validation": {"ContentType": "text/csv"}})");
    Write("input/config/resourceconfig.json", R"({"hosts": ["algo-1"]})");
    Write("input/data/train/part-0", Rows(200, 1));
    Write("input/data/train/part-1", Rows(100, 2));
    Write("input/data/validation/part-0", Rows(60, 3));
  }
  void Write(const std::string& name, std::string_view text) {
    const std::string path = dir_.path() + "/" + name;
    ASSERT_TRUE(io::MakeDirs(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(io::WriteFile(path, text));
  }
  std::string Read(const std::string& name) {
    auto text = io::ReadFile(dir_.path() + "/" + name);
    return text ? *text : "(no " + name + ")";
  }
  int Run() {
    const std::string path = dir_.path() + "/log";
    auto fd = io::Open(path, O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_TRUE(fd);
    TrainingLog log(clock_, fd->get());
    const int status = RunTrainingJob(dir_.path(), release_, termination_, log);
    log_ = Read("log");
    return status;
  }
  // The reason the job gave, when it failed as it should.
  std::string Failure() {
    EXPECT_EQ(Run(), 1);
    EXPECT_FALSE(io::Exists(dir_.path() + "/model/xgboost-model"));
    return Read("output/failure");
  }
  bool Logged(std::string_view text) const { return log_.find(text) != std::string::npos; }
  size_t RoundsLogged() const {
    size_t rounds = 0;
    for (const auto line : Split(log_, '\n')) rounds += line.find("#011train-") != line.npos;
    return rounds;
  }
  std::string ModelPath() const { return dir_.path() + "/model/xgboost-model"; }

  io::TempDir dir_;
  FakeClock clock_{*ParseTime("2020-01-29T01:19:40Z")};
  Termination termination_;
  ContainerRelease release_ = ContainerRelease::kBefore13;
  std::string log_;
};

TEST_F(TrainingJob, LogsWhatTheContainerLogsAndSavesAModel) {
  ASSERT_EQ(Run(), 0) << log_;
  const std::string data = dir_.path() + "/input/data/";
  EXPECT_TRUE(log_.starts_with(
      "[2020-01-29:01:19:40:INFO] Running standalone xgboost training.\n"
      "[2020-01-29:01:19:40:INFO] File size need to be processed in the node: 0.01mb. Available "
      "memory size in the node: "))
      << log_;
  EXPECT_TRUE(
      Logged("\n[2020-01-29:01:19:40:INFO] Determined delimiter of CSV input is ','\n"
             "[01:19:40] S3DistributionType set as FullyReplicated\n"
             "[01:19:40] 300x4 matrix with 1200 entries loaded from " +
             data + "train?format=csv&label_column=0&delimiter=,\n"))
      << log_;
  EXPECT_TRUE(Logged("[01:19:40] 60x4 matrix with 240 entries loaded from " + data + "validation?"))
      << log_;
  EXPECT_TRUE(Logged("\n[0]#011train-merror:0#011validation-merror:0\n")) << log_;
  EXPECT_EQ(RoundsLogged(), 3u);
  EXPECT_FALSE(io::Exists(dir_.path() + "/output/failure"));
  auto model = LoadModelFile(dir_.path() + "/model");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(*model->Columns(), 4u);
}

TEST_F(TrainingJob, TheModelPredictsAndIsEvaluated) {
  ASSERT_EQ(Run(), 0) << log_;
  Write("test", "0.5,0.5,0.5,0.5\n2.5,2.5,2.5,0.5\n1.5,1.5,1.5,0.5\n");
  const std::string test = dir_.path() + "/test";
  const std::string out = dir_.path() + "/out";
  ASSERT_TRUE(PredictToFile(ModelPath(), test, out));
  EXPECT_EQ(Read("out"), "0.0\n2.0\n1.0\n");
  Write("labels", std::string("\0\0\x08\x01\0\0\0\x03\0\x02\x02", 11));
  const auto accuracy = Evaluate(ModelPath(), test, dir_.path() + "/labels");
  ASSERT_TRUE(accuracy) << accuracy.error().message;
  EXPECT_EQ(accuracy->ToString(), "accuracy 0.6667 (2 of 3)");
  Write("narrow", "1,2\n");
  EXPECT_NE(PredictToFile(ModelPath(), dir_.path() + "/narrow", out)
                .error()
                .message.find("2 columns and the model was trained with 4"),
            std::string::npos);
}

TEST_F(TrainingJob, ClassProbabilitiesComeOneRowALine) {
  Write("input/config/hyperparameters.json",
        R"({"num_round": "2", "objective": "multi:softprob", "num_class": "3"})");
  ASSERT_EQ(Run(), 0) << log_;
  Write("test", "0.5,0.5,0.5,0.5\n2.5,2.5,2.5,0.5\n");
  ASSERT_TRUE(PredictToFile(ModelPath(), dir_.path() + "/test", dir_.path() + "/out"));
  const std::string out = Read("out");
  const auto lines = Split(out, '\n');
  ASSERT_EQ(lines.size(), 3u);
  const auto last = Split(lines[1], ',');
  ASSERT_EQ(last.size(), 3u);
  EXPECT_GT(*ParseDouble(last[2]), *ParseDouble(last[0]));
}

TEST_F(TrainingJob, TreesFromBinsAndFromValuesAreTheSame) {
  ASSERT_EQ(Run(), 0) << log_;
  const std::string metrics = log_.substr(log_.find("[0]#011"));
  const auto data = ReadDataset({dir_.path() + "/input/data/train/part-0"},
                                {.csv = {}, .threads = 2, .chunk_bytes = 512});
  ASSERT_TRUE(data);
  ASSERT_GT(data->blocks.size(), 3u);
  auto predict = [&](const Matrix& matrix) {
    auto booster = Booster::Create({{"objective", "multi:softprob"},
                                    {"num_class", "3"},
                                    {"tree_method", "hist"},
                                    {"nthread", "2"}},
                                   {&matrix});
    for (int round = 0; round < 5; ++round) EXPECT_TRUE(booster->Update(round, matrix));
    return booster->Predict(data->blocks.front())->values;
  };
  auto bins = Matrix::FromBins(*data, {.threads = 2});
  ASSERT_TRUE(bins) << bins.error().message;
  auto values = Matrix::FromValues(*data, 2);
  ASSERT_TRUE(values) << values.error().message;
  EXPECT_EQ(predict(*bins), predict(*values));
}

TEST_F(TrainingJob, EveryTreeMethodAndBoosterTrains) {
  for (const char* more :
       {R"("tree_method": "exact")", R"("tree_method": "approx")", R"("booster": "gblinear")",
        R"("booster": "dart", "rate_drop": "0.5")", R"("updater": "grow_colmaker,prune")",
        R"("subsample": "0.5", "colsample_bytree": "0.5", "grow_policy": "lossguide")"}) {
    Write("input/config/hyperparameters.json", R"({"num_round": "2", )" + std::string(more) + "}");
    EXPECT_EQ(Run(), 0) << more << "\n" << log_;
    EXPECT_TRUE(Logged("[1]#011train-rmse:")) << log_;
  }
}

TEST_F(TrainingJob, LibsvmIsTheDefaultContentType) {
  Write("input/config/inputdataconfig.json", R"({"train": {}, "validation": {}})");
  std::string text;
  for (int row = 0; row < 90; ++row)
    text += std::to_string(row % 3) + " " + std::to_string(row % 3) + ":1 5:2\n";
  Write("input/data/train/part-0", text);
  Write("input/data/train/part-1", "0 0:1\n");
  Write("input/data/validation/part-0", "1 1:1\n");
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_TRUE(
      Logged("91x6 matrix with 181 entries loaded from " + dir_.path() + "/input/data/train\n"))
      << log_;
  EXPECT_TRUE(Logged("1x6 matrix") || Logged("1x2 matrix")) << log_;
}

TEST_F(TrainingJob, RankingTakesItsGroupsFromLibsvm) {
  Write("input/config/inputdataconfig.json", R"({"train": {"ContentType": "text/libsvm"}})");
  Write("input/config/hyperparameters.json",
        R"({"num_round": "2", "objective": "rank:pairwise", "eval_metric": "ndcg"})");
  std::string text;
  for (int row = 0; row < 60; ++row)
    text += std::to_string(row % 3) + " qid:" + std::to_string(row / 6) +
            " 0:" + std::to_string(row % 3) + " 1:" + std::to_string(row) + "\n";
  Write("input/data/train/part-0", text);
  Write("input/data/train/part-1", "");
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_TRUE(Logged("#011train-ndcg:1")) << log_;
}

TEST_F(TrainingJob, WeightsCount) {
  Write("input/config/hyperparameters.json",
        R"({"num_round": "1", "eta": "1", "lambda": "0", "csv_weights": "1", "max_depth": "1"})");
  Write("input/config/inputdataconfig.json", R"({"train": {"ContentType": "text/csv"}})");
  Write("input/data/train/part-0", "0,3,1\n4,1,1\n");
  Write("input/data/train/part-1", "");
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_TRUE(Logged("2x1 matrix with 2 entries")) << log_;
  EXPECT_TRUE(Logged("train?format=csv&label_column=0&weight_column=1&delimiter=,")) << log_;
  Write("test", "1\n");
  ASSERT_TRUE(PredictToFile(ModelPath(), dir_.path() + "/test", dir_.path() + "/out"));
  EXPECT_EQ(Read("out"), "1.0\n");  // (3*0 + 1*4) / 4
}

TEST_F(TrainingJob, StopsEarlyWhenValidationNoLongerImproves) {
  Write("input/config/hyperparameters.json",
        R"({"num_round": "50", "objective": "multi:softmax", "num_class": "3",
            "early_stopping_rounds": "2"})");
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_EQ(RoundsLogged(), 3u);
  EXPECT_TRUE(Logged("Will train until validation-merror hasn't improved in 2 rounds.")) << log_;
  EXPECT_TRUE(Logged("Stopping in round 2. Best iteration: [0] with validation-merror:0.0"))
      << log_;
}

TEST_F(TrainingJob, TerminationKeepsTheRoundsDone) {
  termination_.requested = true;
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_EQ(RoundsLogged(), 0u);
  EXPECT_FALSE(io::Exists(ModelPath()));
  EXPECT_FALSE(termination_.keeps_model);
  Write("input/config/hyperparameters.json",
        R"({"num_round": "1", "save_model_on_termination": "true"})");
  EXPECT_EQ(Run(), 0) << log_;
  EXPECT_TRUE(termination_.keeps_model);
}

TEST_F(TrainingJob, AWrongHyperparameterIsTheFailure) {
  Write("input/config/hyperparameters.json", R"({"num_round": "3", "max_depth": "deep"})");
  EXPECT_EQ(Failure(),
            "Hyperparameter max_depth: value 'deep' must be a whole number of at least 0 and at "
            "most 1000");
  EXPECT_TRUE(Logged("[2020-01-29:01:19:40:ERROR] Hyperparameter max_depth")) << log_;
}

TEST_F(TrainingJob, AnEmptyChannelIsTheFailure) {
  ASSERT_TRUE(io::RemoveTree(dir_.path() + "/input/data/validation"));
  EXPECT_EQ(Failure(), "Channel validation is empty: there are no data files in " + dir_.path() +
                           "/input/data/validation; check the channel's s3Uri");
}

TEST_F(TrainingJob, ARaggedRowIsTheFailureWithItsFileAndLine) {
  Write("input/data/train/part-1", Rows(10, 1) + "1,2\n" + Rows(10, 1));
  EXPECT_EQ(Failure(), "Channel train: " + dir_.path() +
                           "/input/data/train/part-1 line 11: the row has 2 fields and the first "
                           "row has 5");
}

TEST_F(TrainingJob, ALabelOutOfRangeIsTheFailureWithItsFileAndLine) {
  Write("input/data/validation/part-0", Rows(8, 1, 4));
  EXPECT_EQ(Failure(), "Channel validation: " + dir_.path() +
                           "/input/data/validation/part-0 line 4: label 3 is not a whole number "
                           "from 0 to 2 (num_class is 3)");
}

TEST_F(TrainingJob, DifferentColumnsInValidationAreTheFailure) {
  Write("input/data/validation/part-0", "1,2,3\n");
  EXPECT_EQ(Failure(),
            "Channel validation has 2 feature columns and channel train has 4; they must have the "
            "same");
}

TEST_F(TrainingJob, AnUnsupportedContentTypeIsTheFailure) {
  Write("input/config/inputdataconfig.json",
        R"({"train": {"ContentType": "application/x-parquet"}})");
  EXPECT_NE(Failure().find("content type application/x-parquet is not supported"),
            std::string::npos);
}

TEST_F(TrainingJob, SeveralHostsAreTheFailure) {
  Write("input/config/resourceconfig.json", R"({"hosts": ["algo-1", "algo-2"]})");
  EXPECT_NE(Failure().find("distributed XGBoost training comes in a later version"),
            std::string::npos);
}

TEST_F(TrainingJob, WhatXgboostRefusesIsTheFailureInOneLine) {
  Write("input/config/hyperparameters.json", R"({"num_round": "1", "updater": "coord_descent"})");
  const std::string failure = Failure();
  EXPECT_EQ(failure.find("Stack trace"), std::string::npos) << failure;
  EXPECT_EQ(failure.find('\n'), std::string::npos) << failure;
  EXPECT_TRUE(failure.starts_with("XGBoost ")) << failure;
}

TEST_F(TrainingJob, ConstraintsForOtherColumnsAreTheFailure) {
  Write("input/config/hyperparameters.json",
        R"json({"num_round": "1", "monotone_constraints": "(1,0,-1)"})json");
  EXPECT_EQ(Failure(),
            "Hyperparameter monotone_constraints: (1,0,-1) is for 3 feature columns, and channel "
            "train has 4; give one of -1, 0 and 1 for each");
}

TEST_F(TrainingJob, WithoutAMetricByItsNameNewReleasesDoNotStopEarly) {
  release_ = ContainerRelease::kSince13;
  Write("input/config/hyperparameters.json",
        R"({"num_round": "9", "objective": "multi:softmax", "num_class": "3",
            "early_stopping_rounds": "2"})");
  ASSERT_EQ(Run(), 0) << log_;
  EXPECT_TRUE(Logged("[8]#011train-mlogloss:")) << log_;
  EXPECT_TRUE(Logged("training does not stop early: that needs a channel validation and a metric"))
      << log_;
}

TEST_F(TrainingJob, ALongReasonIsCutAtWhatSagemakerShows) {
  Write("input/config/hyperparameters.json", R"({"num_round": ")" + std::string(3000, '9') + "\"}");
  EXPECT_EQ(Failure().size(), 1024u);
}

}  // namespace
}  // namespace leat::algorithms
