#include "engine/metric_lines.h"

#include <gtest/gtest.h>

namespace leat::engine {
namespace {

constexpr char kXgboost[] = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1";

Job With(std::vector<MetricDefinition> metrics, std::string image = "example.com/own:1") {
  Job job;
  job.image = std::move(image);
  job.metrics = std::move(metrics);
  return job;
}

void Say(MetricLines& lines, const std::string& message, int64_t ms = 1000) {
  lines.Read({.timestamp_ms = ms, .message = message});
}

// "name=value name=value"
std::string Text(const MetricLines& lines) {
  std::string text;
  const json::Value points = lines.Points();
  for (const json::Value& point : points.Items())
    text +=
        (text.empty() ? "" : " ") + point["metricName"].Str() + "=" + json::Print(point["value"]);
  return text;
}

TEST(MetricLines, TheLastNumberOfEachDefinitionCounts) {
  MetricLines lines(With({{"loss", R"(loss: (\S+);)"}, {"accuracy", R"(accuracy: ([0-9.]+))"}}));
  EXPECT_TRUE(lines.any());
  Say(lines, "epoch 1: loss: 0.9; accuracy: 0.5", 1000);
  Say(lines, "epoch 2: loss: 8e-1;", 2500);
  EXPECT_EQ(Text(lines), "accuracy=0.5 loss=0.8");
  EXPECT_EQ(lines.Points()[1]["timestamp"].AsString(), "1970-01-01T00:00:02.500000Z");
}

TEST(MetricLines, OfSeveralHostsTheNewestLineCounts) {
  MetricLines lines(With({{"loss", "loss=(.*)"}}));
  Say(lines, "loss=2", 2000);
  Say(lines, "loss=1", 1000);
  EXPECT_EQ(Text(lines), "loss=2");
}

TEST(MetricLines, WhatIsNoNumberIsNotTaken) {
  MetricLines lines(With({{"loss", "loss=(.*)"}}));
  for (const char* text : {"loss=", "loss=0.5 and more", "loss=nan", "loss=inf", "lost=1"})
    Say(lines, text);
  EXPECT_EQ(Text(lines), "");
  Say(lines, "loss= 0.5\t");
  EXPECT_EQ(Text(lines), "loss=0.5");
}

TEST(MetricLines, ADefinitionThatIsNoExpressionIsNamedAndTheOthersWork) {
  MetricLines lines(With({{"bad", "(?=x)"}, {"good", "good=(.*)"}}));
  ASSERT_EQ(lines.mistakes().size(), 1u);
  EXPECT_TRUE(lines.mistakes()[0].starts_with("metric bad cannot be read from the log: \"(?=x)\""));
  Say(lines, "good=1");
  EXPECT_EQ(Text(lines), "good=1");
}

TEST(MetricLines, XgboostsRoundsNeedNoDefinition) {
  MetricLines lines(With({}, kXgboost));
  Say(lines, "[09:01:01] S3DistributionType set as FullyReplicated");
  Say(lines, "[0]#011train-merror:0.25#011validation-merror:0.5");
  Say(lines, "[10]#011train-merror:0.125#011validation-ndcg@5-:0.75");
  Say(lines, "[x]#011train-merror:9");
  Say(lines, "[11]#011#011train:9#011train-:#011-");
  EXPECT_EQ(Text(lines), "train:merror=0.125 validation:merror=0.5 validation:ndcg@5-=0.75");
}

TEST(MetricLines, AnotherImagesRoundsAreJustLines) {
  MetricLines lines(With({}));
  EXPECT_FALSE(lines.any());
  Say(lines, "[0]#011train-merror:0.25");
  EXPECT_EQ(Text(lines), "");
}

TEST(IsBuiltInXgboost, KnowsTheNamesThatSageMakerGivesIt) {
  for (const char* image : {kXgboost, "1.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                            "1.dkr.ecr.eu-west-1.amazonaws.com/xgboost", "leat.dev/xgboost:1.7"})
    EXPECT_TRUE(IsBuiltInXgboost(image)) << image;
  for (const char* image :
       {"example.com/xgboost:1", "xgboost", "1.dkr.ecr.x.amazonaws.com/my-xgboost",
        "1.dkr.ecr.x.amazonaws.com/team/xgboost-mine:1"})
    EXPECT_FALSE(IsBuiltInXgboost(image)) << image;
}

}  // namespace
}  // namespace leat::engine
