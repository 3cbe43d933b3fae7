#include "datanode/access_trace.h"

#include <gtest/gtest.h>

namespace leat::datanode {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

TEST(AccessTraceTest, EventsAreLines) {
  AccessEvent event{.at = microseconds(1500), .thread = 42, .file = 7, .open = true};
  EXPECT_EQ(event.ToLine(), "open 1500 42 7");
  event.open = false;
  event.offset = 4096;
  event.size = 100;
  EXPECT_EQ(event.ToLine(), "read 1500 42 7 4096 100 hit");
  event.outcome = ReaderTable::Outcome::kWaited;
  EXPECT_EQ(event.ToLine(), "read 1500 42 7 4096 100 wait");
  event.outcome = ReaderTable::Outcome::kFailed;
  EXPECT_EQ(event.ToLine(), "read 1500 42 7 4096 100 fail");
}

TEST(AccessTraceTest, OnlyWhatIsAskedWhileRecordingIsKept) {
  AccessTrace trace;
  trace.Add(steady_clock::now(), {.thread = 1});
  const auto early = steady_clock::now();
  ASSERT_TRUE(trace.Begin());
  EXPECT_EQ(trace.Begin().error().code, Code::kConflict);
  trace.Add(early - microseconds(1), {.thread = 2});
  trace.Add(steady_clock::now(), {.thread = 3});
  const auto events = trace.Take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].thread, 3u);
  EXPECT_GE(events[0].at.count(), 0);
  EXPECT_TRUE(trace.Take().empty());
  trace.End();
  trace.Add(steady_clock::now(), {.thread = 4});
  EXPECT_TRUE(trace.Take().empty());
  EXPECT_TRUE(trace.Begin());
}

TEST(AccessTraceTest, WhatDoesNotFitIsCounted) {
  AccessTrace trace;
  ASSERT_TRUE(trace.Begin());
  for (size_t n = 0; n < AccessTrace::kMostEvents + 3; ++n) trace.Add(steady_clock::now(), {});
  EXPECT_EQ(trace.lost(), 3u);
  EXPECT_EQ(trace.Take().size(), AccessTrace::kMostEvents);
  trace.Add(steady_clock::now(), {});
  EXPECT_EQ(trace.Take().size(), 1u);
}

}  // namespace
}  // namespace leat::datanode
