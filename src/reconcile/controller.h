// Controllers as one idempotent function from a key to the desired state.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "client/informer.h"
#include "client/work_queue.h"

namespace leat::reconcile {

// What to do after a reconcile that did not fail: nothing, or the same key again after a while.
struct Outcome {
  std::optional<std::chrono::nanoseconds> again_after;
};

class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // Brings the world one step nearer to what the object `key` asks for. Level-based: it reads the
  // present state and never learns which event woke it; running it twice is harmless. An Error is
  // logged and retried with back-off (5 ms to 60 s). Different keys may run in parallel.
  virtual Result<Outcome> Reconcile(const api::ObjectName& key, const std::stop_token& stop) = 0;
};

// A type whose changes wake the controller, and which keys a change concerns.
struct Source {
  api::Gvr type;
  api::ListOptions selection;
  // The keys to reconcile for a changed (or deleted) object; unset: the object's own name.
  std::function<std::vector<api::ObjectName>(const json::Value& object)> keys_of;
};

// For Source::keys_of: the controlling owner of that kind, in the object's namespace.
std::function<std::vector<api::ObjectName>(const json::Value&)> OwnerOfKind(std::string kind);

struct ControllerOptions {
  std::string name;  // for logs
  std::vector<Source> sources;
  int workers = 2;
};

// Runs from construction to destruction, on its own threads.
class Controller {
 public:
  Controller(api::ObjectClient& client, Clock& clock, ControllerOptions options,
             Reconciler& reconciler);
  ~Controller();  // stops and joins

  // Reconciles the key soon, as if one of its objects had changed.
  void Wake(const api::ObjectName& key) { queue_.Add(key); }

 private:
  void Work(const std::stop_token& stop);

  const std::string name_;
  Reconciler& reconciler_;
  client::WorkQueue queue_;
  std::vector<std::unique_ptr<client::Informer>> informers_;
  std::vector<std::jthread> workers_;
};

}  // namespace leat::reconcile
