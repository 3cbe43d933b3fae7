// Progress of long work on a terminal: one line, redrawn a few times a second; plain lines every 10
// % when stderr is not a terminal.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace leat::cli {

class Progress {
 public:
  Progress(std::string title, uint64_t total_bytes);
  // Thread-safe.
  void Add(uint64_t bytes);
  // Draws the last state and ends the line.
  void Finish();

 private:
  void Draw(uint64_t done, bool last) REQUIRES(mu_);

  const std::string title_;
  const uint64_t total_;
  const bool terminal_;
  const MonoTime start_;
  std::atomic<uint64_t> done_{0};
  Mutex mu_;
  MonoTime drawn_ GUARDED_BY(mu_);
  uint64_t drawn_tenths_ GUARDED_BY(mu_) = 0;
};

}  // namespace leat::cli
