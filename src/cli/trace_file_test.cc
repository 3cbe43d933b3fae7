#include "cli/trace_file.h"

#include <gtest/gtest.h>

namespace leat::cli {
namespace {

TEST(TraceFileTest, EventsAreOrderedByThreadAndTime) {
  const auto trace = ParseTrace(
      "# a comment\n"
      "file 7 dir/a b\\012c\n"
      "open 10 100 7\n"
      "read 40 100 7 4096 512 wait\n"
      "read 20 100 7 0 4096 hit\n"
      "open 30 101 7\n",
      "t");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->paths.at(7), "dir/a b\nc");
  ASSERT_EQ(trace->threads.size(), 2u);
  const auto& events = trace->threads.at(100);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(events[0].open);
  EXPECT_EQ(events[1].size, 4096u);
  EXPECT_EQ(events[2].offset, 4096u);
  EXPECT_EQ(events[2].at, std::chrono::microseconds(40));
}

TEST(TraceFileTest, ALineThatIsNoneIsToldOf) {
  for (const char* wrong :
       {"write 1 2 3", "open 1 2", "open x 2 3", "read 1 2 3 4", "file 3", "read 1 2 3 -4 5 hit"}) {
    const auto trace = ParseTrace(std::string("\n") + wrong, "my.trace");
    ASSERT_FALSE(trace) << wrong;
    EXPECT_EQ(trace.error().code, Code::kInvalid);
    EXPECT_NE(trace.error().message.find("my.trace line 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace leat::cli
