// Objects that a store called gone, looked for again: a load balancer or a store that is slow to
// agree with itself may have said so for a moment.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "datanode/tree.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

// Of one mount; one thread.
class GoneObjects {
 public:
  // Asks for each of the tree's gone objects one second after it was first seen here, and again
  // after twice as long each time, up to an hour; at most 64 at once. Those that are there are
  // amended, the changes returned. A store that cannot answer is left alone for two minutes.
  std::vector<Change> Look(Tree& tree, objectstore::ObjectStore& store,
                           const std::string& amendments, MonoTime now,
                           const std::stop_token& stop);

 private:
  struct Turn {
    MonoTime next;
    std::chrono::seconds pause{1};
  };
  std::unordered_map<uint64_t, Turn> turns_;  // by the tree's id
  MonoTime not_before_;
};

}  // namespace leat::datanode
