// The opens and reads of a mount that reach the worker, recorded while somebody asks for them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/reader_table.h"

namespace leat::datanode {

struct AccessEvent {
  std::chrono::nanoseconds at{0};  // since Begin, when it was asked for
  uint32_t thread = 0;             // who asks; see ReaderTable
  uint64_t file = 0;               // the tree's id
  bool open = false;               // else a read:
  uint64_t offset = 0;
  uint64_t size = 0;  // asked for
  ReaderTable::Outcome outcome = ReaderTable::Outcome::kHit;

  // "open MICROSECONDS THREAD FILE" or "read MICROSECONDS THREAD FILE OFFSET SIZE hit|wait|fail".
  std::string ToLine() const;
};

// Thread-safe. Costs nothing but a look at a flag while nobody records.
class AccessTrace {
 public:
  // Events that wait for Take; what comes when there are so many is counted as lost.
  static constexpr size_t kMostEvents = 1 << 16;

  Status Begin();  // kConflict when it is being recorded
  void End();
  bool recording() const { return recording_; }

  using Time = std::chrono::steady_clock::time_point;
  // `event.at` is made of `asked`. Nothing unless it is being recorded.
  void Add(Time asked, AccessEvent event);
  std::vector<AccessEvent> Take();  // in order of their answers
  uint64_t lost() const;            // since Begin

 private:
  std::atomic<bool> recording_ = false;
  mutable Mutex mu_;
  Time began_ GUARDED_BY(mu_);
  std::vector<AccessEvent> events_ GUARDED_BY(mu_);
  uint64_t lost_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::datanode
