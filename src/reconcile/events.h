// Events: what `kubectl describe` shows at its end.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace leat::reconcile {

enum class EventType { kNormal, kWarning };

// Thread-safe. An event of the same object, type, reason and message counts up the one that is
// there. Failures are logged, never returned: an event must not stop the work it tells of.
class EventRecorder {
 public:
  EventRecorder(api::ObjectClient& client, Clock& clock, std::string component)
      : client_(client), clock_(clock), component_(std::move(component)) {}

  // Blocks for one API call. `reason` is CamelCase; the message at most 1,024 bytes (then cut).
  void Record(const json::Value& object, EventType type, std::string_view reason,
              std::string_view message);

 private:
  api::ObjectClient& client_;
  Clock& clock_;
  const std::string component_;
  Mutex mu_;
  // Which event object counts which happening; at most 4,096, then all are forgotten.
  std::map<std::string, api::ObjectName> known_ GUARDED_BY(mu_);
};

}  // namespace leat::reconcile
