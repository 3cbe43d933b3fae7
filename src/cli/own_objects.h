// The objects that Leat itself keeps in its embedded cluster.
#pragma once

#include <memory>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/result.h"
#include "json/value.h"

namespace leat::cli {

// Not thread-safe.
class OwnObjects {
 public:
  // Both must outlive this.
  OwnObjects(api::ObjectClient& client, Clock& clock);
  ~OwnObjects();  // ends what it does in the background

  // Creates the object, or brings the one that is there to the same content. One that is being
  // deleted (before a crash, say) is created again when it is gone, in the background: what it
  // waits for may be a part that starts later, or a person.
  Status Put(const api::Gvr& type, const json::Value& wanted);

 private:
  class Successor;

  api::ObjectClient& client_;
  Clock& clock_;
  std::vector<std::unique_ptr<Successor>> successors_;
};

}  // namespace leat::cli
