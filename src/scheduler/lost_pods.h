// Pods that are bound to a node which is not there any more.
#pragma once

#include <map>
#include <string>
#include <thread>

#include "api/object_client.h"
#include "base/clock.h"
#include "client/informer.h"

namespace leat::scheduler {

// Nobody would ever say how such a pod ends, nor finish its deletion, which its node's agent does.
// So once the node has been missing for 40 seconds, as upstream's pod garbage collector waits, the
// pod is marked Failed and deleted without a grace period. A node that is there and not ready keeps
// its pods.
class LostPods {
 public:
  // Looks every 20 seconds from here to destruction, in a thread of its own. All must outlive this;
  // the informers are those of all nodes and all pods.
  LostPods(api::ObjectClient& client, Clock& clock, client::Informer& nodes,
           client::Informer& pods);

 private:
  void Run(const std::stop_token& stop);
  void Look();
  Status End(const json::Value& pod);

  api::ObjectClient& client_;
  Clock& clock_;
  client::Informer& nodes_;
  client::Informer& pods_;
  std::map<std::string, MonoTime> missing_;  // nodes that pods name, and since when; Run's thread
  std::jthread thread_;                      // last: stops first
};

}  // namespace leat::scheduler
