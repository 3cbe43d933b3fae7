// The mounts of a data node, by mountpoint. A name is taken from when its mounting begins until all
// that was kept for the mount is forgotten. Internal to the data node.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace leat::datanode {

class LiveMount;

// Thread-safe.
class MountTable {
 public:
  // Takes the name to mount there. Waits up to two seconds for a mount that was detached without
  // asking us. kAlreadyExists tells what is in the way.
  Status Take(const std::string& mountpoint, const std::stop_token& stop);
  // It is mounted. `id`: the record's. It may have ended before.
  void Put(const std::string& mountpoint, const std::string& id,
           std::shared_ptr<LiveMount> mounted);
  // The name is free.
  void Release(const std::string& mountpoint);

  // A mount is gone, by its record's id: another one may have its name.
  void Ended(const std::string& id);
  struct EndedMount {
    std::string mountpoint;  // stays taken
    std::shared_ptr<LiveMount> mounted;
  };
  // The next one that is here and has ended; nullopt on stop.
  std::optional<EndedMount> WaitForEnded(const std::stop_token& stop);

  // Null for what is not mounted.
  std::shared_ptr<LiveMount> Find(const std::string& mountpoint) const;
  std::vector<std::shared_ptr<LiveMount>> All() const;
  bool IsTaken(const std::string& mountpoint) const;
  bool empty() const;
  void WaitUntilReleased(const std::string& mountpoint, std::chrono::seconds limit);
  void WaitUntilEmpty(const std::stop_token& stop);

 private:
  struct Slot {
    std::string id;  // empty while it is being mounted
    std::shared_ptr<LiveMount> mounted;
  };

  mutable Mutex mu_;
  CondVar changed_;
  std::map<std::string, Slot> slots_ GUARDED_BY(mu_);
  std::set<std::string> ended_ GUARDED_BY(mu_);  // ids that WaitForEnded did not tell of
};

}  // namespace leat::datanode
