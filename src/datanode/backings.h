// Which opens of large files the kernel passes through to the cached file itself.
//
// What the kernel demands (docs/adr/0005-data-path.md), and what follows from it here:
// - Until a node's last close all its passthrough opens name one backing id, also when its object
//   was evicted meanwhile. So the id is the node's, and the object is held as long as the id is.
// - Once a node is passed through, a direct open of it is refused until the last close.
// - A direct open may stand before passthrough, unless somebody maps it shared, of which nobody
//   tells us.
// So how the first open of a node was answered is how all are, until the last close: direct, which
// is through the worker, where the object was not complete then, though it may be by now.
// - Ids, and open files, are the connection's: they outlive this process, and its successor must
//   go on in the same way. So each node's is kept at the keeper. Where that takes no more, opens
//   are direct, and by a successor, too, until it takes more again. Only then may passthrough
//   follow direct opens that nobody kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/keeper.h"
#include "fuse/filesystem.h"
#include "fuse/session.h"

namespace leat::datanode {

// Thread-safe. Of files that are large enough for it: others are never passed through.
class Backings {
 public:
  // The id that stands for "opened direct", in answers and at the keeper; the kernel's begin at 1.
  static constexpr int32_t kDirect = 0;

  // `mount`: how the mount is called in names at the keeper.
  Backings(Keeper& keeper, std::string mount) : keeper_(keeper), mount_(std::move(mount)) {}

  // Before the first open; `session` outlives them all.
  void Begin(fuse::Session& session) { session_ = &session; }
  // What a predecessor kept; before the first open, too. How often it opened the node is not known:
  // it stays as it is until the kernel forgets the node.
  void Inherit(fuse::NodeId node, int32_t id, std::shared_ptr<ActiveObject> object);

  // Decides how the node is opened, and calls `answer` with the backing id or kDirect. Under the
  // lock: the kernel must learn of opens in the order in which they were decided.
  void Open(fuse::NodeId node, const std::shared_ptr<ActiveObject>& object,
            const std::function<void(int32_t id)>& answer);
  // Of an open that was answered here, or else by a predecessor. True when nobody but predecessors
  // may have it open now: it is worth while to make the kernel forget the node, if nobody does.
  enum class Opener { kUs, kPredecessor };
  bool Close(fuse::NodeId node, Opener opener);
  // The kernel is about to be told of a node, once: counted for Forget.
  void CountLookup(fuse::NodeId node);
  // The kernel drops so many of the times that it was told. It also does so with a node that it
  // had just looked up and has no use for, while that is open; but never with what a predecessor
  // told, as long as the node is open.
  void Forget(fuse::NodeId node, uint64_t count);
  // The mount is gone: the keeper forgets all.
  void ForgetAll();

 private:
  struct Backing {
    int32_t id = kDirect;
    int opens = 0;  // answered here
    bool inherited = false;
    uint64_t lookups = 0;  // of an inherited one, that were told here and are not forgotten
    std::shared_ptr<ActiveObject> object;
  };

  std::string NameOf(fuse::NodeId node) const;
  int32_t RegisterFile(const ActiveObject& object);
  void End(fuse::NodeId node) REQUIRES(mu_);

  Keeper& keeper_;
  const std::string mount_;
  fuse::Session* session_ = nullptr;
  std::atomic<size_t> inherited_ = 0;  // nodes that are: mostly none, and no lock is needed

  Mutex mu_;
  std::unordered_map<fuse::NodeId, Backing> backings_ GUARDED_BY(mu_);  // of nodes that are open
};

}  // namespace leat::datanode
