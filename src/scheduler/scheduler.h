// The scheduler of an embedded cluster: one loop, which tries the pods that wait one by one.
#pragma once

#include <memory>

#include "api/object_client.h"
#include "base/clock.h"

namespace leat::scheduler {

class Scheduler {
 public:
  // Runs from here to destruction: binds each pending pod of schedulerName "default-scheduler" (or
  // none) to a node where its requests fit, and otherwise sets PodScheduled=False and records
  // FailedScheduling with the reason ("0/1 nodes are available: 1 Insufficient cpu."). Pods are
  // tried in the order of start_order.h; one that does not fit lets later and smaller ones pass, as
  // in Kubernetes, and so may wait for as long as such pods come. Ends the pods of nodes that are
  // gone (lost_pods.h).
  static std::unique_ptr<Scheduler> Start(api::ObjectClient& client, Clock& clock);
  virtual ~Scheduler() = default;
};

}  // namespace leat::scheduler
