#include "datanode/chunk_pool.h"

namespace leat::datanode {

std::shared_ptr<Chunk> ChunkPool::ForgetOldest() {
  if (by_age_.empty()) return nullptr;
  return LetGo(kept_.find(by_age_.front()));
}

std::shared_ptr<Chunk> ChunkPool::Take(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<Chunk> forgotten;  // comes back to the pool below, unless a reader has it still
    {
      MutexLock lock(mu_);
      changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return free_ > 0 || !by_age_.empty(); });
      if (stop.stop_requested()) return nullptr;
      if (free_ > 0) {
        --free_;
        std::unique_ptr<Chunk> chunk;
        if (spare_.empty()) {
          chunk = std::make_unique<Chunk>();
          chunk->data = std::make_unique_for_overwrite<char[]>(blocks::kChunkSize);
        } else {
          chunk = std::move(spare_.back());
          spare_.pop_back();
        }
        chunk->size = 0;
        return {chunk.release(), [this](Chunk* used) { GiveBack(std::unique_ptr<Chunk>(used)); }};
      }
      forgotten = ForgetOldest();
    }
  }
}

void ChunkPool::GiveBack(std::unique_ptr<Chunk> chunk) {
  {
    MutexLock lock(mu_);
    ++free_;
    spare_.push_back(std::move(chunk));
  }
  changed_.NotifyOne();
}

void ChunkPool::Keep(const Key& key, std::shared_ptr<Chunk> chunk) {
  std::shared_ptr<Chunk> forgotten;
  {
    MutexLock lock(mu_);
    auto [entry, added] = kept_.try_emplace(key);
    if (!added) return;
    entry->second = {std::move(chunk), by_age_.insert(by_age_.end(), key)};
    if (kept_.size() > most_kept_) forgotten = ForgetOldest();
  }
  changed_.NotifyOne();
}

std::shared_ptr<Chunk> ChunkPool::Find(const Key& key) {
  MutexLock lock(mu_);
  auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  by_age_.splice(by_age_.end(), by_age_, found->second.age);
  return found->second.chunk;
}

void ChunkPool::Forget(const Key& key) {
  std::shared_ptr<Chunk> forgotten;
  MutexLock lock(mu_);
  if (auto found = kept_.find(key); found != kept_.end()) forgotten = LetGo(found);
}

void ChunkPool::ForgetObject(const blocks::ObjectId& id) {
  std::vector<std::shared_ptr<Chunk>> forgotten;
  MutexLock lock(mu_);
  auto next = kept_.lower_bound({id, 0});
  while (next != kept_.end() && next->first.first == id) forgotten.push_back(LetGo(next++));
}

std::shared_ptr<Chunk> ChunkPool::LetGo(std::map<Key, Kept>::iterator kept) {
  std::shared_ptr<Chunk> chunk = std::move(kept->second.chunk);
  by_age_.erase(kept->second.age);
  kept_.erase(kept);
  return chunk;
}

}  // namespace leat::datanode
