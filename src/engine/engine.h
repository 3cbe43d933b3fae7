// The training engine. docs/semantics/training.md is its specification.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "api/object_client.h"
#include "awsserver/log_store.h"
#include "base/clock.h"

namespace leat::engine {

struct EngineOptions {
  std::string aws_endpoint;                   // AWS_ENDPOINT_URL of the containers
  std::string aws_ca_pem;                     // when that is https with our own CA
  std::chrono::hours keep_finished{24 * 30};  // TrainingRuns (and their logs) after their end
  // How long devices may be missing that no node has, counted from when this engine first saw it:
  // a node's device plugin needs a moment to tell of them, a cluster that adds nodes on demand far
  // longer.
  std::chrono::seconds capacity_wait{30};
};

class Engine {
 public:
  // Runs its controllers and log collectors from here to destruction. The CRD must be installed.
  static std::unique_ptr<Engine> Start(EngineOptions options, api::ObjectClient& client,
                                       awsserver::LogStore& logs, Clock& clock);
  virtual ~Engine() = default;
};

}  // namespace leat::engine
