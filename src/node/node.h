// The embedded node.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/object_client.h"
#include "api/pod_logs.h"
#include "base/clock.h"
#include "base/result.h"

namespace leat::node {

struct Options {
  std::string data_dir;      // DIR/node: bundles, volumes, logs, exit files; survives restarts
  std::string name;          // the Node object; the host name when empty
  std::string programs_dir;  // where leat, leat-ml, kubectl-smlogs are; bound into containers
  // Of the volumes of data.leat.dev, as for `leat mount --cache-dir`; DIR/node/cache when empty.
  std::vector<std::string> cache_dirs;
};

// Runs from Start to destruction, which leaves containers running; a new Node with the same
// data_dir finds them again. Without root, or without runc and conmon, it registers NotReady and
// says why in its Ready condition and in an event; pods start once they are there.
class Node : public api::PodLogs {
 public:
  static Result<std::unique_ptr<Node>> Start(const Options& options, api::ObjectClient& client,
                                             Clock& clock);
  // For `leat up --stop-pods`: ends every container with its pod's own grace period; returns when
  // all are gone or on stop. The pods' objects stay.
  virtual void StopPods(const std::stop_token& stop) = 0;
};

}  // namespace leat::node
