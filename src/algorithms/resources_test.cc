#include "algorithms/resources.h"

#include <gtest/gtest.h>

#include "io/file.h"

namespace leat::algorithms {
namespace {

class ResourcesTest : public testing::Test {
 protected:
  void Write(const std::string& path, std::string_view text) {
    const std::string full = dir_.path() + path;
    ASSERT_TRUE(io::MakeDirs(full.substr(0, full.rfind('/'))));
    ASSERT_TRUE(io::WriteFile(full, text));
  }
  io::TempDir dir_;
};

TEST_F(ResourcesTest, WithoutLimitsAllCoresAreOurs) {
  EXPECT_GE(CoresAvailable(dir_.path()), 1);
  EXPECT_EQ(MemoryAvailable(dir_.path()), 0u);
}

TEST_F(ResourcesTest, TheTightestQuotaAboveUsCountsInVersion2) {
  Write("/proc/self/cgroup", "0::/pods/train\n");
  Write("/sys/fs/cgroup/pods/train/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/pods/cpu.max", "50000 100000\n");
  Write("/sys/fs/cgroup/pods/memory.max", "1048576\n");
  Write("/sys/fs/cgroup/pods/train/memory.max", "max\n");
  Write("/proc/meminfo", "MemTotal: 100 kB\nMemAvailable:    4096 kB\n");
  EXPECT_EQ(CoresAvailable(dir_.path()), 1);
  EXPECT_EQ(MemoryAvailable(dir_.path()), 1048576u);
}

TEST_F(ResourcesTest, Version1HasItsOwnFiles) {
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n");
  Write("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "30000\n");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2048\n");
  Write("/proc/meminfo", "MemAvailable:    4096 kB\n");
  EXPECT_EQ(CoresAvailable(dir_.path()), 1);
  EXPECT_EQ(MemoryAvailable(dir_.path()), 2048u);
}

}  // namespace
}  // namespace leat::algorithms
