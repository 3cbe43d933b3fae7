// The text of an access trace, as docs/semantics/mount.md has it: one line an event.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::cli {

struct TraceEvent {
  std::chrono::microseconds at{0};
  uint64_t file = 0;
  bool open = false;  // else a read:
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct Trace {
  std::map<uint64_t, std::string> paths;                // of files, below the mountpoint
  std::map<uint64_t, std::vector<TraceEvent>> threads;  // in order of time
};

// kInvalid names the line that is none of a trace, `name` the file.
Result<Trace> ParseTrace(std::string_view text, std::string_view name);

}  // namespace leat::cli
