// How far one host of a run is, read from its pod. A pure function of the object.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "json/value.h"

namespace leat::engine {

enum class HostPhase {
  kPending,    // waits for a node, an image, ...
  kStaging,    // the input is being downloaded
  kTraining,   // the algorithm runs
  kUploading,  // the algorithm has ended, its results have not been uploaded
  kEnded,      // nothing more will come from this pod
};

// How the algorithm ended.
struct AlgorithmEnd {
  int exit_code = 0;
  bool out_of_memory = false;
  std::string message;  // why it could not be started, else ""
  WallTime at;
};

struct HostState {
  std::string host;  // "algo-1"
  std::string pod;
  HostPhase phase = HostPhase::kPending;
  // Before training: why it does not go on; "" while it just takes its time.
  std::string waiting;
  bool stuck = false;    // `waiting` tells that an image or a volume cannot be had,
  WallTime stuck_since;  // and no attempt to get it began before this
  std::optional<WallTime> staging_at, training_at;
  std::optional<AlgorithmEnd> end;
  std::string stop;  // the stop annotation: why the host was asked to end
  bool exit_code_told = false;
  json::Value result;        // upload's report, null until it ended
  std::string failure;       // why the host failed beside the algorithm's own end: a FailureReason
  std::string memory_limit;  // of the algorithm
};

HostState ReadHost(const json::Value& pod);

}  // namespace leat::engine
