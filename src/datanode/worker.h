// The process that does all the work of a data node. It may die at any line: the supervisor starts
// another, which goes on with the mounts.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "datanode/data_node.h"
#include "io/fd.h"

namespace leat::datanode {

struct WorkerOptions {
  DataNodeOptions node;
  io::UniqueFd keeper;   // connected to the supervisor
  io::UniqueFd control;  // listens at ControlSocketOf the first directory
  // How long it stays without mounts and clients.
  std::chrono::milliseconds linger{2000};
  // How long it waits for what another process holds (a predecessor that drains, the cache's lock),
  // and then how long it tells clients why it cannot start.
  std::chrono::milliseconds patience{3000};
};

// The exit status of a worker that leaves so that another data node can take the cache directory:
// its supervisor ends though clients wait.
inline constexpr int kLeftToOther = 3;

// Runs until nothing is mounted and nobody asks for anything, or the supervisor is dead and the
// last open file is closed. Returns the exit status: 0 when there was nothing left to do, 1 when it
// could not take over what the supervisor kept, kLeftToOther.
int RunWorker(WorkerOptions options, Clock& clock);

}  // namespace leat::datanode
