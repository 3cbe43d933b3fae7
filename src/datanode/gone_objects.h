// Objects that a store called gone, looked for again: a load balancer or a store that is slow to
// agree with itself may have said so for a moment.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "datanode/tree.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

// Of one mount. Of one thread, but for empty().
class GoneObjects {
 public:
  bool empty() const { return count_ == 0; }
  // A file, by the tree's id, that is gone.
  void Add(uint64_t id, MonoTime now) { Plan(now, {id}); }
  // It is time to ask for all of them: the store was listed, and so is up. A listing does not bring
  // back what it saw, since it may have looked before the object went.
  void AllDue(MonoTime now);
  // Asks for each one second after it went, and again after twice as long each time, up to an hour;
  // at most 64 at once. Those that are there again are amended, and the changes returned. A store
  // that cannot answer is left alone for two minutes.
  std::vector<Change> Look(Tree& tree, objectstore::ObjectStore& store,
                           const std::string& amendments, MonoTime now,
                           const std::stop_token& stop);

 private:
  struct Turn {
    uint64_t id = 0;
    std::chrono::seconds pause{1};  // before it
  };
  void Plan(MonoTime now, const Turn& turn);

  std::multimap<MonoTime, Turn> turns_;
  MonoTime not_before_;
  std::atomic<size_t> count_ = 0;
};

}  // namespace leat::datanode
