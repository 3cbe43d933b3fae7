// The Node object: what this machine has, and whether it can run pods.
#pragma once

#include <stop_token>
#include <string>
#include <thread>

#include "api/object_client.h"
#include "base/clock.h"
#include "node/runtime.h"
#include "reconcile/events.h"

namespace leat::node {

// Keeps the Node and its Lease up to date from its own thread: at once, and every ten seconds.
class Registration {
 public:
  Registration(std::string name, api::ObjectClient& client, Clock& clock,
               ContainerRuntime& runtime);

  // The Node's first appearance; errors are those of the API. Then Start renews it.
  Status Register();
  void Start();

 private:
  // The object as it should be: labels, addresses, capacity, conditions.
  json::Value Wanted(const json::Value& present);
  Status RenewLease();
  void Run(const std::stop_token& stop);

  const std::string name_;
  api::ObjectClient& client_;
  Clock& clock_;
  ContainerRuntime& runtime_;
  bool was_ready_ = false;
  std::string runtime_name_ = "unknown", advice_;  // asked once it is ready
  reconcile::EventRecorder events_;
  std::string told_;  // the reason for NotReady that an event told last
  std::jthread thread_;
};

}  // namespace leat::node
