// The status of a TrainingRun: what follows from its pods. Pure functions;
// docs/semantics/training.md is their specification.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/host_state.h"
#include "engine/job.h"

namespace leat::engine {

// How long an image or a volume may be missing before the run fails: a second attempt is made
// within it.
inline constexpr std::chrono::seconds kStuckPatience{15};

struct RunFacts {
  const json::Value& run;
  const Job& job;
  std::vector<HostState> hosts;       // of the pods that are there
  std::vector<std::string> vanished;  // hosts whose pod was made and is gone
  std::string starting_message;       // what to say while pods wait: the adaptation, missing nodes
  std::string unmet;                  // as HostResources::unmet, while the run starts
  WallTime unmet_since;               // since when it was seen to be, meaningless while it is not
  std::chrono::seconds capacity_wait{0};  // as EngineOptions
  json::Value metrics;                    // as MetricLines::Points; null keeps those in the status
  WallTime now;
};

inline constexpr char kStopAsked[] = "StopTrainingJob";
inline constexpr char kMaxRuntime[] = "MaxRuntimeExceeded";
// Why the run must end early; "" when it need not.
std::string StopReason(const RunFacts& facts);
// When its time is over; nullopt before it trains.
std::optional<WallTime> RuntimeDeadline(const RunFacts& facts);
// True once the host's algorithm began: then a stop leaves it its 120 s, else its pod just goes.
bool HasTrained(const HostState& host);
// True once any host's did.
bool HasTrained(const RunFacts& facts);
// When capacity_wait ends, while devices are unmet.
WallTime CapacityDeadline(const RunFacts& facts);

struct RunEnd {
  std::string status;     // Completed, Failed, Stopped
  std::string secondary;  // the same, or MaxRuntimeExceeded
  std::string message;
  std::string failure;  // FailureReason
  std::string model;    // S3 url, or ""
};
// How the run ended, once it has. `last_lines` gives the end of a host's log.
std::optional<RunEnd> EndOf(const RunFacts& facts,
                            const std::function<std::string(const HostState&)>& last_lines);

// The status of a run that nobody has looked at.
json::Value FirstStatus(const json::Value& run, WallTime now);
// The status now. It only goes forward: steps that were passed unseen get the times their
// containers tell.
json::Value NextStatus(const RunFacts& facts, const std::optional<RunEnd>& end);
// "<job>/algo-1-<seconds>", once the algorithm has started.
std::string LogStreamOf(const Job& job, const HostState& host);

}  // namespace leat::engine
