#include "engine/metric_reader.h"

#include <gtest/gtest.h>

#include "awsserver/training_run.h"
#include "engine/testing/engine_fixture.h"

namespace leat::engine {
namespace {

constexpr char kStream[] = "xgb/algo-1-1";

class MetricReaderTest : public EngineTest {
 protected:
  MetricReaderTest() {
    job_.region = "us-east-1";
    job_.metrics = {{"loss", R"(loss=(\S+))"}};
  }
  // Lines "loss=<from>" and on, one a millisecond.
  void Log(int from, int to) {
    std::vector<awsserver::NewLogEvent> events;
    for (int i = from; i < to; ++i)
      events.push_back({.timestamp_ms = i, .message = "loss=" + std::to_string(i)});
    ASSERT_TRUE(logs().Append(awsserver::TrainingLogs("us-east-1"), kStream, events));
  }
  MetricReader::Reading Read(bool at_end = false) {
    return reader_.Read(run_, job_, {kStream}, at_end);
  }

  json::Value run_ = MakeRun("xgb", XgboostRequest());
  Job job_;
  MetricReader reader_{logs(), clock_};
};

TEST_F(MetricReaderTest, AJobWithoutMetricsIsNotLookedAtAgain) {
  job_.metrics.clear();
  const auto reading = Read();
  EXPECT_TRUE(reading.complete);
  EXPECT_FALSE(reading.again_after);
  EXPECT_TRUE(reading.points.IsNull());
}

TEST_F(MetricReaderTest, ItLooksOnceInAWhileAndAtTheEnd) {
  Log(1, 2);
  EXPECT_EQ(Read().points[0]["value"].AsInt(), 1);
  EXPECT_EQ(Read().again_after, kReadMetricsEvery);
  Log(2, 3);
  EXPECT_EQ(Read().points[0]["value"].AsInt(), 1);
  clock_.Advance(kReadMetricsEvery);
  EXPECT_EQ(Read().points[0]["value"].AsInt(), 2);
  Log(3, 4);
  EXPECT_EQ(Read(true).points[0]["value"].AsInt(), 3);
}

TEST_F(MetricReaderTest, ALongLogIsReadInSeveralSteps) {
  Log(1, 25'001);
  auto reading = Read();
  EXPECT_FALSE(reading.complete);
  EXPECT_TRUE(reading.points.IsNull());  // older numbers than those that were told before
  EXPECT_EQ(reading.again_after, std::chrono::nanoseconds(0));
  EXPECT_FALSE(Read().complete);
  reading = Read();
  EXPECT_TRUE(reading.complete);
  EXPECT_EQ(reading.points[0]["value"].AsInt(), 25'000);
}

TEST_F(MetricReaderTest, AnotherRunOfThatNameStartsAnew) {
  Log(1, 2);
  run_.Mut("metadata").Set("uid", "a");
  EXPECT_EQ(Read().points.size(), 1u);
  run_.Mut("metadata").Set("uid", "b");
  job_.metrics = {{"other", "(?=x)"}};
  EXPECT_EQ(Read().mistakes.size(), 1u);
  EXPECT_TRUE(Read().mistakes.empty());  // told once
}

TEST_F(MetricReaderTest, AJobWithoutALogYetHasNoNumbers) {
  const auto reading = Read();
  EXPECT_TRUE(reading.complete);
  EXPECT_TRUE(reading.points.IsNull());
}

}  // namespace
}  // namespace leat::engine
