#include "engine/log_collector.h"

#include <fmt/format.h>

#include "awsserver/training_run.h"
#include "engine/testing/engine_fixture.h"

namespace leat::engine {
namespace {

const LogSource kSource{.pod = {"leat-engine", "p"},
                        .container = "algorithm",
                        .region = "us-east-1",
                        .stream = "job/algo-1-1"};

std::string Line(int number) {
  return fmt::format("2020-09-13T12:26:{:02}.{:09}Z line {}", number / 1000, number % 1000, number);
}

class LogCollectorTest : public EngineTest {
 protected:
  LogCollectorTest() { Restart(); }
  void Restart() {
    collector_.reset();
    collector_ = std::make_unique<LogCollector>(client(), logs(), real_clock_);
  }
  std::vector<std::string> Stored(const std::string& region = kSource.region) {
    auto events =
        logs().Query({.group = awsserver::TrainingLogs(region), .streams = {kSource.stream}});
    std::vector<std::string> messages;
    if (events)
      for (const auto& event : *events) messages.push_back(event.message);
    return messages;
  }
  // Waits until the store holds n lines.
  void AwaitStored(size_t n) {
    const MonoTime deadline = real_clock_.Monotonic() + std::chrono::seconds(20);
    while (Stored().size() < n && real_clock_.Monotonic() < deadline)
      real_clock_.SleepFor(std::chrono::milliseconds(5), {});
    EXPECT_EQ(Stored().size(), n);
  }
  void AwaitComplete() {
    const MonoTime deadline = real_clock_.Monotonic() + std::chrono::seconds(20);
    while (!collector_->IsComplete(kSource) && real_clock_.Monotonic() < deadline)
      real_clock_.SleepFor(std::chrono::milliseconds(5), {});
    EXPECT_TRUE(collector_->IsComplete(kSource));
  }
  void WriteLines(int from, int to) {
    std::vector<std::string> lines;
    for (int i = from; i < to; ++i) lines.push_back(Line(i));
    pod_logs_.Write("p", lines);
  }
  std::vector<std::string> Expected(int count) {
    std::vector<std::string> messages;
    for (int i = 0; i < count; ++i) messages.push_back(fmt::format("line {}", i));
    return messages;
  }

  std::unique_ptr<LogCollector> collector_;
};

TEST_F(LogCollectorTest, LinesArriveWhileTheContainerRuns) {
  pod_logs_.HoldOpen("p");
  WriteLines(0, 3);
  collector_->Follow(kSource);
  AwaitStored(3);
  EXPECT_FALSE(collector_->IsComplete(kSource));
  WriteLines(3, 4);
  pod_logs_.End("p");
  AwaitComplete();
  EXPECT_EQ(Stored(), Expected(4));
}

TEST_F(LogCollectorTest, JobsOfOneNameInTwoRegionsHaveLogsOfTheirOwn) {
  LogSource west = kSource;
  west.pod.name = "q";
  west.region = "eu-west-1";
  WriteLines(0, 3);
  pod_logs_.Write("q", {Line(1)});
  collector_->Follow(kSource);
  collector_->Follow(west);
  AwaitComplete();
  const MonoTime deadline = real_clock_.Monotonic() + std::chrono::seconds(20);
  while (!collector_->IsComplete(west) && real_clock_.Monotonic() < deadline)
    real_clock_.SleepFor(std::chrono::milliseconds(5), {});
  EXPECT_EQ(Stored(), Expected(3));
  EXPECT_EQ(Stored(west.region), std::vector<std::string>{"line 1"});
}

TEST_F(LogCollectorTest, ManyLinesComeThroughInOrder) {
  WriteLines(0, 5000);
  collector_->Follow(kSource);
  AwaitComplete();
  EXPECT_EQ(Stored(), Expected(5000));
}

TEST_F(LogCollectorTest, ARestartLosesNothingAndRepeatsNothing) {
  pod_logs_.HoldOpen("p");
  WriteLines(0, 10);
  collector_->Follow(kSource);
  AwaitStored(10);
  Restart();
  WriteLines(10, 2500);
  collector_->Follow(kSource);
  pod_logs_.End("p");
  AwaitComplete();
  EXPECT_EQ(Stored(), Expected(2500));
}

TEST_F(LogCollectorTest, ANodeThatGoesAwayIsAskedAgain) {
  pod_logs_.HoldOpen("p");
  WriteLines(0, 10);
  collector_->Follow(kSource);
  AwaitStored(10);
  pod_logs_.CutOff();
  WriteLines(10, 20);
  pod_logs_.End("p");
  AwaitComplete();
  EXPECT_EQ(Stored(), Expected(20));
}

TEST_F(LogCollectorTest, EqualTimeStampsAreTwoLinesAlsoAfterARestart) {
  pod_logs_.HoldOpen("p");
  const std::string time = "2020-09-13T12:26:40.000000007Z ";
  pod_logs_.Write("p", {time + "a", time + "b"});
  collector_->Follow(kSource);
  AwaitStored(2);
  Restart();
  pod_logs_.Write("p", {time + "c", "2020-09-13T12:26:40.000000008Z d"});
  collector_->Follow(kSource);
  pod_logs_.End("p");
  AwaitComplete();
  EXPECT_EQ(Stored(), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(ParseLogLine, TakesTheTimeOff) {
  auto event = ParseLogLine("1970-01-01T00:00:01.000000002Z  two words", 0);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->timestamp_ms, 1000);
  EXPECT_EQ(event->position, 1'000'000'002);
  EXPECT_EQ(event->message, " two words");
  EXPECT_EQ(ParseLogLine("1970-01-01T00:00:01.000000002Z", 5'000'000'000)->position, 5'000'000'001);
  EXPECT_FALSE(ParseLogLine("no time", 0));
}

}  // namespace
}  // namespace leat::engine
