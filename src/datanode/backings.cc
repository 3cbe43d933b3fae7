#include "datanode/backings.h"

#include "base/log.h"

namespace leat::datanode {

std::string Backings::NameOf(fuse::NodeId node) const {
  return "backing:" + mount_ + ":" + std::to_string(node);
}

void Backings::Inherit(fuse::NodeId node, int32_t id, std::shared_ptr<ActiveObject> object) {
  MutexLock lock(mu_);
  ++inherited_;
  backings_[node] = {.id = id, .inherited = true, .object = std::move(object)};
}

int32_t Backings::RegisterFile(const ActiveObject& object) {
  // A chunk may have been found rotten since all were verified.
  if (!object.verified || !object.file->complete()) return kDirect;
  const auto id = session_->OpenBacking(Fetcher::File(object));
  if (id) return *id;
  LogWarning("a cached file cannot be passed through; it is read by the worker",
             {{"key", object.version.key}, {"error", id.error()}});
  return kDirect;
}

void Backings::Open(fuse::NodeId node, const std::shared_ptr<ActiveObject>& object,
                    const std::function<void(int32_t id)>& answer) {
  MutexLock lock(mu_);
  const auto [found, added] = backings_.try_emplace(node);
  Backing& backing = found->second;
  if (added) {
    backing = {.id = RegisterFile(*object), .object = object};
    // Before the answer: a successor must know it once the kernel does. Without a supervisor there
    // will be none; where it keeps too much already, the open is direct and goes unkept.
    const auto kept = keeper_.Keep(NameOf(node), std::to_string(backing.id));
    if (!kept && kept.error().code != Code::kUnavailable && backing.id != kDirect) {
      session_->CloseBacking(std::exchange(backing.id, kDirect));
    }
  }
  ++backing.opens;
  answer(backing.id);
}

bool Backings::Close(fuse::NodeId node, Opener opener) {
  std::shared_ptr<ActiveObject> object;  // ends outside the lock
  MutexLock lock(mu_);
  auto found = backings_.find(node);
  if (found == backings_.end()) return false;
  Backing& backing = found->second;
  if (opener == Opener::kUs) --backing.opens;
  if (backing.opens > 0) return false;
  if (backing.inherited) return true;
  object = backing.object;
  End(node);
  return false;
}

void Backings::CountLookup(fuse::NodeId node) {
  if (inherited_ == 0) return;
  MutexLock lock(mu_);
  if (auto found = backings_.find(node); found != backings_.end()) ++found->second.lookups;
}

void Backings::Forget(fuse::NodeId node, uint64_t count) {
  if (inherited_ == 0) return;
  std::shared_ptr<ActiveObject> object;  // ends outside the lock
  MutexLock lock(mu_);
  auto found = backings_.find(node);
  if (found == backings_.end() || !found->second.inherited) return;
  Backing& backing = found->second;
  if (count <= backing.lookups) {
    backing.lookups -= count;
    return;
  }
  --inherited_;
  backing.inherited = false;  // what a predecessor opened is closed
  if (backing.opens > 0) return;
  object = backing.object;
  End(node);
}

void Backings::End(fuse::NodeId node) {
  auto found = backings_.find(node);
  // In this order: a successor that knew a closed id could not open the file any more.
  (void)keeper_.Forget(NameOf(node));
  if (found->second.id != kDirect) session_->CloseBacking(found->second.id);
  backings_.erase(found);
}

void Backings::ForgetAll() {
  MutexLock lock(mu_);
  for (const auto& [node, backing] : backings_) (void)keeper_.Forget(NameOf(node));
}

}  // namespace leat::datanode
