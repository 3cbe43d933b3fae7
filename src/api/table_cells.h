// The cells of built-in kinds.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "json/value.h"

namespace leat::api {

// "3m12s" between the two; what is older than a century shows as a century.
std::string AgeOf(WallTime then, WallTime now);
// "3m12s" since an RFC 3339 time; "<unknown>" when there is none, "<invalid>" when it is not one.
std::string AgeSince(const json::Value& time, WallTime now);
// The text, or "<none>" for an empty one.
std::string OrNone(std::string_view text);

// What the STATUS column says a pod is doing, and the figures beside it.
struct PodSummary {
  std::string reason;  // Running, Init:0/1, CrashLoopBackOff, Completed, Terminating, ...
  int64_t ready = 0;
  int64_t total = 0;
  std::string restarts;  // "2 (3m ago)"
};
PodSummary SummarizePod(const json::Value& pod, WallTime now);

// One cell for each column of the kind's row, in its order; empty for a kind without such cells.
json::ArrayItems BuiltinCells(std::string_view group, std::string_view kind,
                              const json::Value& object, WallTime now);

}  // namespace leat::api
