// Which opens of complete files the kernel passes through to the cached file itself.
//
// What the kernel demands (docs/adr/0005-data-path.md), and what follows from it here:
// - Until a node's last close all its passthrough opens name one backing id, also when its object
//   was evicted meanwhile. So the id is the node's, and the object is held as long as the id is.
// - Once a node is passed through, a direct open of it is refused until the last close. So a node
//   that has a backing id gives it to every open.
// - A direct open may stand before passthrough, unless somebody maps it shared, of which nobody
//   tells us. So while a complete node has a direct open, all its opens are direct.
// - Ids are the connection's: they outlive this process, and its successor must give the same. So
//   they are kept at the keeper.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/keeper.h"
#include "fuse/filesystem.h"
#include "fuse/session.h"

namespace leat::datanode {

// Thread-safe. Of complete nodes only (IsComplete in tree.h): others are never passed through.
class Backings {
 public:
  // `mount`: how the mount is called in names at the keeper.
  Backings(Keeper& keeper, std::string mount) : keeper_(keeper), mount_(std::move(mount)) {}

  // Before the first open; `session` outlives them all.
  void Begin(fuse::Session& session) { session_ = &session; }
  // An id that a predecessor kept; before the first open, too.
  void Inherit(fuse::NodeId node, int32_t id, std::shared_ptr<ActiveObject> object);

  // kUncounted: not by Open below, so that Close has nothing to do.
  enum class Opened { kUncounted, kDirect, kPassthrough };
  // Decides how the node is opened, and calls `answer` with that and with the id of kPassthrough.
  // Under the lock: the kernel must learn of opens in the order in which they were decided.
  using Answer = std::function<void(Opened, int32_t id)>;
  void Open(fuse::NodeId node, const std::shared_ptr<ActiveObject>& object, const Answer& answer);
  void Close(fuse::NodeId node, Opened opened);
  // The kernel knows the node no longer: what a predecessor opened is closed, too.
  void Forget(fuse::NodeId node);
  // The mount is gone: the keeper forgets all ids.
  void ForgetAll();

 private:
  struct Backing {
    int32_t id = 0;
    int opens = 0;
    bool inherited = false;  // a predecessor opened it: how often is not known; ends with Forget
    std::shared_ptr<ActiveObject> object;
  };

  std::string NameOf(fuse::NodeId node) const;
  std::optional<int32_t> Find(fuse::NodeId node, const std::shared_ptr<ActiveObject>& object)
      REQUIRES(mu_);
  void End(fuse::NodeId node) REQUIRES(mu_);

  Keeper& keeper_;
  const std::string mount_;
  fuse::Session* session_ = nullptr;

  Mutex mu_;
  std::unordered_map<fuse::NodeId, Backing> backings_ GUARDED_BY(mu_);
  // How many direct opens a node has: its object was evicted, or could not be passed through.
  std::unordered_map<fuse::NodeId, int> direct_ GUARDED_BY(mu_);
};

}  // namespace leat::datanode
