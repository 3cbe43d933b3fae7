// Who reads how much of a mount: counters per process, for `leat data top` and the metrics.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace leat::datanode {

// Reads by passthrough are the kernel's own; only their opens are seen.
struct ReaderStats {
  uint32_t pid = 0;     // 0: the kernel itself, or a process of another pid namespace
  std::string command;  // as /proc/PID/comm has it; "" when the process had gone already
  uint64_t opens = 0;
  uint64_t passthrough_opens = 0;
  uint64_t reads = 0;  // that reached the worker, failed ones included
  uint64_t read_bytes = 0;
  uint64_t hits = 0;  // reads that did not wait for the store
  std::chrono::nanoseconds stall{0};
  uint64_t last_opened = 0;  // the tree's id of the file
};

// Thread-safe. Remembers the 256 processes that were seen last.
class ReaderTable {
 public:
  static constexpr size_t kMostProcesses = 256;

  // `thread`: as the kernel names who asks, which is one thread of a process. To be called before
  // the request is answered: who asks is there until then.
  void CountOpen(uint32_t thread, uint64_t file);
  void CountPassthrough(uint32_t thread);  // that open got it
  enum class Outcome { kHit, kWaited, kFailed };
  void CountRead(uint32_t thread, uint64_t bytes, Outcome outcome, std::chrono::nanoseconds took);

  std::vector<ReaderStats> Processes() const;  // last seen first
  ReaderStats Total() const;                   // since the start, also of forgotten processes

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Thread {
    uint32_t pid = 0;
    Time looked_up;
  };
  struct Row {
    ReaderStats stats;
    Time seen;
  };

  // Adds to the total and to the thread's process.
  template <class Count>
  void CountFor(uint32_t thread, Count count);
  // The row of the thread's process; null when /proc must be asked (again).
  Row* Find(uint32_t thread, Time now) REQUIRES(mu_);
  Row& Remember(uint32_t thread, uint32_t pid, std::string command, Time now) REQUIRES(mu_);

  mutable Mutex mu_;
  ReaderStats total_ GUARDED_BY(mu_);
  std::unordered_map<uint32_t, Row> processes_ GUARDED_BY(mu_);
  std::unordered_map<uint32_t, Thread> threads_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
