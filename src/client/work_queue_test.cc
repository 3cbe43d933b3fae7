#include "client/work_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace leat::client {
namespace {

using namespace std::chrono_literals;

const api::ObjectName kA{"ns", "a"}, kB{"ns", "b"};

TEST(WorkQueue, GivesEachKeyOnceHoweverOftenItWasAdded) {
  RealClock clock;
  WorkQueue queue(clock);
  queue.Add(kA);
  queue.Add(kA);
  queue.Add(kB);
  EXPECT_EQ(queue.Take({}), kA);
  EXPECT_EQ(queue.Take({}), kB);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(queue.Take(stop.get_token()), std::nullopt);
}

TEST(WorkQueue, AKeyAddedWhileItIsWorkedOnComesAgainAfterwards) {
  RealClock clock;
  WorkQueue queue(clock);
  queue.Add(kA);
  ASSERT_EQ(queue.Take({}), kA);
  queue.Add(kA);
  queue.Add(kB);
  EXPECT_EQ(queue.Take({}), kB);  // not kA: a worker has it
  queue.Done(kA);
  EXPECT_EQ(queue.Take({}), kA);
}

TEST(WorkQueue, DelayedKeysComeInTheirTime) {
  RealClock clock;
  WorkQueue queue(clock);
  queue.AddAfter(kB, 30ms);
  queue.AddAfter(kA, 10ms);
  const MonoTime start = clock.Monotonic();
  EXPECT_EQ(queue.Take({}), kA);
  EXPECT_EQ(queue.Take({}), kB);
  EXPECT_GE(clock.Monotonic() - start, 30ms);
}

TEST(WorkQueue, OfSeveralDelaysOfOneKeyTheEarliestCounts) {
  FakeClock clock;
  WorkQueue queue(clock);
  for (const auto delay : {20ms, 10ms, 30ms}) queue.AddAfter(kA, delay);
  queue.AddAfter(kB, 40ms);
  clock.Advance(10ms);
  ASSERT_EQ(queue.Take({}), kA);
  queue.Done(kA);
  clock.Advance(30ms);
  EXPECT_EQ(queue.Take({}), kB);  // and not kA once more
  queue.AddAfter(kA, 10ms);
  clock.Advance(10ms);
  EXPECT_EQ(queue.Take({}), kA);
}

TEST(WorkQueue, FailuresBackOffUntilForgotten) {
  FakeClock clock;
  WorkQueue queue(clock);
  std::stop_source stop;
  stop.request_stop();
  for (const auto delay : {5ms, 10ms, 20ms}) {
    queue.AddBackingOff(kA);
    clock.Advance(delay - 1ms);
    queue.Add(kB);
    ASSERT_EQ(queue.Take({}), kB);
    queue.Done(kB);
    clock.Advance(1ms);
    ASSERT_EQ(queue.Take({}), kA);
    queue.Done(kA);
  }
  queue.Forget(kA);
  queue.AddBackingOff(kA);
  clock.Advance(5ms);
  EXPECT_EQ(queue.Take({}), kA);
}

TEST(WorkQueue, AStopWakesTheWorker) {
  RealClock clock;
  WorkQueue queue(clock);
  std::jthread worker(
      [&](const std::stop_token& stop) { EXPECT_EQ(queue.Take(stop), std::nullopt); });
  worker.request_stop();
}

}  // namespace
}  // namespace leat::client
