// The scheduler of an embedded cluster: one loop, one pod at a time, from a snapshot of nodes.
#pragma once

#include <memory>

#include "api/object_client.h"
#include "base/clock.h"

namespace leat::scheduler {

class Scheduler {
 public:
  // Runs from here to destruction: binds each pending pod of schedulerName "default-scheduler" (or
  // none) to a node where its requests fit, and otherwise sets PodScheduled=False and records
  // FailedScheduling with the reason ("0/1 nodes are available: 1 Insufficient cpu.").
  static std::unique_ptr<Scheduler> Start(api::ObjectClient& client, Clock& clock);
  virtual ~Scheduler() = default;
};

}  // namespace leat::scheduler
