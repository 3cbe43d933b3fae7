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
};

class Engine {
 public:
  // Runs its controllers and log collectors from here to destruction. The CRD must be installed.
  static std::unique_ptr<Engine> Start(EngineOptions options, api::ObjectClient& client,
                                       awsserver::LogStore& logs, Clock& clock);
  virtual ~Engine() = default;
};

}  // namespace leat::engine
