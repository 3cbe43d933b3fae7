#include "datanode/backings.h"

#include <utility>

#include "base/log.h"

namespace leat::datanode {

std::string Backings::NameOf(fuse::NodeId node) const {
  return "backing:" + mount_ + ":" + std::to_string(node);
}

void Backings::Inherit(fuse::NodeId node, int32_t id, std::shared_ptr<ActiveObject> object) {
  MutexLock lock(mu_);
  backings_[node] = {.id = id, .opens = 0, .inherited = true, .object = std::move(object)};
}

std::optional<int32_t> Backings::Find(fuse::NodeId node,
                                      const std::shared_ptr<ActiveObject>& object) {
  if (auto found = backings_.find(node); found != backings_.end()) {
    ++found->second.opens;
    return found->second.id;
  }
  if (direct_.contains(node)) return std::nullopt;
  // A chunk may have been found rotten since all were verified.
  if (!object->verified || !object->file->complete()) return std::nullopt;
  const auto id = session_->OpenBacking(Fetcher::File(*object));
  if (!id) {
    LogWarning("a cached file cannot be passed through; it is read by the worker",
               {{"key", object->version.key}, {"error", id.error()}});
    return std::nullopt;
  }
  // Before the answer: a successor must know it once the kernel does. Without a supervisor there
  // will be none.
  const auto kept = keeper_.Keep(NameOf(node), std::to_string(*id));
  if (!kept && kept.error().code != Code::kUnavailable) {
    session_->CloseBacking(*id);
    return std::nullopt;
  }
  backings_[node] = {.id = *id, .opens = 1, .inherited = false, .object = object};
  return *id;
}

void Backings::Open(fuse::NodeId node, const std::shared_ptr<ActiveObject>& object,
                    const Answer& answer) {
  MutexLock lock(mu_);
  const auto id = Find(node, object);
  if (!id) ++direct_[node];
  answer(id ? Opened::kPassthrough : Opened::kDirect, id.value_or(0));
}

void Backings::Close(fuse::NodeId node, Opened opened) {
  if (opened == Opened::kUncounted) return;
  std::shared_ptr<ActiveObject> object;  // ends outside the lock
  MutexLock lock(mu_);
  if (opened == Opened::kDirect) {
    if (auto direct = direct_.find(node); --direct->second == 0) direct_.erase(direct);
    return;
  }
  auto backing = backings_.find(node);
  if (--backing->second.opens > 0 || backing->second.inherited) return;
  object = backing->second.object;
  End(node);
}

void Backings::Forget(fuse::NodeId node) {
  std::shared_ptr<ActiveObject> object;  // ends outside the lock
  MutexLock lock(mu_);
  auto backing = backings_.find(node);
  if (backing == backings_.end() || backing->second.opens > 0) return;
  object = backing->second.object;
  End(node);
}

void Backings::End(fuse::NodeId node) {
  auto found = backings_.find(node);
  // In this order: a successor that knew a closed id could not open the file any more.
  (void)keeper_.Forget(NameOf(node));
  session_->CloseBacking(found->second.id);
  backings_.erase(found);
}

void Backings::ForgetAll() {
  MutexLock lock(mu_);
  for (const auto& [node, backing] : backings_) (void)keeper_.Forget(NameOf(node));
}

}  // namespace leat::datanode
