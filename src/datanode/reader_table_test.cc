#include "datanode/reader_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace leat::datanode {
namespace {

using std::chrono::milliseconds;

uint32_t OwnThread() { return static_cast<uint32_t>(::gettid()); }

TEST(ReaderTableTest, ThreadsOfOneProcessAreOneRow) {
  ReaderTable table;
  table.CountOpen(OwnThread(), 7);
  table.CountPassthrough(OwnThread());
  std::thread([&] {
    table.CountOpen(OwnThread(), 8);
    table.CountRead(OwnThread(), 100, ReaderTable::Outcome::kHit, milliseconds(3));
    table.CountRead(OwnThread(), 50, ReaderTable::Outcome::kWaited, milliseconds(20));
    table.CountRead(OwnThread(), 0, ReaderTable::Outcome::kFailed, milliseconds(5));
  }).join();

  const auto processes = table.Processes();
  ASSERT_EQ(processes.size(), 1u);
  EXPECT_EQ(processes[0].pid, static_cast<uint32_t>(::getpid()));
  EXPECT_FALSE(processes[0].command.empty());
  EXPECT_EQ(processes[0].opens, 2u);
  EXPECT_EQ(processes[0].passthrough_opens, 1u);
  EXPECT_EQ(processes[0].last_opened, 8u);
  EXPECT_EQ(processes[0].reads, 3u);
  EXPECT_EQ(processes[0].read_bytes, 150u);
  EXPECT_EQ(processes[0].hits, 1u);
  EXPECT_EQ(processes[0].stall, milliseconds(25));
}

TEST(ReaderTableTest, TheOldestProcessIsForgottenAndTheTotalIsNot) {
  ReaderTable table;
  constexpr uint32_t kNoSuchProcess = 1u << 30;  // above the highest that Linux gives
  for (uint32_t n = 0; n < ReaderTable::kMostProcesses + 10; ++n)
    table.CountOpen(kNoSuchProcess + n, n);

  const auto processes = table.Processes();
  ASSERT_EQ(processes.size(), ReaderTable::kMostProcesses);
  EXPECT_EQ(processes.front().last_opened, ReaderTable::kMostProcesses + 9);
  EXPECT_EQ(processes.back().last_opened, 10u);
  EXPECT_EQ(processes.front().command, "");
  EXPECT_EQ(table.Total().opens, ReaderTable::kMostProcesses + 10);
}

TEST(ReaderTableTest, WhoIsInNoNamespaceOfOursIsProcessZero) {
  ReaderTable table;
  table.CountRead(0, 10, ReaderTable::Outcome::kHit, milliseconds(0));
  const auto processes = table.Processes();
  ASSERT_EQ(processes.size(), 1u);
  EXPECT_EQ(processes[0].pid, 0u);
  EXPECT_EQ(processes[0].command, "");
}

}  // namespace
}  // namespace leat::datanode
