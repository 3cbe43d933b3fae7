#include "node/pids_limit.h"

#include <gtest/gtest.h>

#include "io/file.h"

namespace leat::node {
namespace {

class PidsLimitTest : public testing::Test {
 protected:
  int64_t Limit(const std::string& pid_max, const std::string& threads, const std::string& cgroup) {
    const auto file = [&](const char* name, const std::string& text) {
      const std::string path = dir_.path() + "/" + name;
      if (!text.empty() && !io::WriteFile(path, text + "\n")) ADD_FAILURE() << path;
      return path;
    };
    return PodPidsLimit({.pid_max = file("pid_max", pid_max),
                         .threads_max = file("threads", threads),
                         .cgroup_max = {file("cgroup", cgroup), dir_.path() + "/none"}});
  }
  io::TempDir dir_;
};

TEST_F(PidsLimitTest, IsAQuarterOfTheLeastThatTheMachineCanHave) {
  EXPECT_EQ(Limit("4194304", "255000", "max"), 63'750);
  EXPECT_EQ(Limit("32768", "255000", "max"), 8192);
  EXPECT_EQ(Limit("32768", "255000", "20000"), 5000);
}

TEST_F(PidsLimitTest, LeavesAPodEnoughToRun) { EXPECT_EQ(Limit("32768", "255000", "400"), 1024); }

TEST_F(PidsLimitTest, WhatCannotBeReadIsTakenAsOnASmallMachine) {
  EXPECT_EQ(Limit("", "", ""), 8192);
}

}  // namespace
}  // namespace leat::node
