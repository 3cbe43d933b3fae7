// A fixed number of chunk-sized buffers: all the memory that object bytes may take.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "blocks/object_id.h"

namespace leat::datanode {

struct Chunk {
  std::unique_ptr<char[]> data;  // of kChunkSize
  size_t size = 0;               // bytes in it
  std::string_view bytes() const { return {data.get(), size}; }
};

// Thread-safe; outlives its chunks.
class ChunkPool {
 public:
  explicit ChunkPool(size_t buffers) : free_(buffers), most_kept_(buffers / 2) {}

  // An empty buffer, its own again when the last reference goes. Takes back the chunk that was kept
  // longest when all are in use; waits when that does not help. Null on stop.
  std::shared_ptr<Chunk> Take(const std::stop_token& stop);

  // Keeps a chunk for the reads that follow soon. At most half of the buffers are kept, the most
  // recently found ones.
  using Key = std::pair<blocks::ObjectId, uint64_t>;
  void Keep(const Key& key, std::shared_ptr<Chunk> chunk);
  std::shared_ptr<Chunk> Find(const Key& key);
  void Forget(const Key& key);
  void ForgetObject(const blocks::ObjectId& id);  // all of its chunks

 private:
  struct Kept {
    std::shared_ptr<Chunk> chunk;
    std::list<Key>::iterator age;
  };

  void GiveBack(std::unique_ptr<Chunk> chunk);
  std::shared_ptr<Chunk> ForgetOldest() REQUIRES(mu_);
  // To be let go of outside the lock.
  std::shared_ptr<Chunk> LetGo(std::map<Key, Kept>::iterator kept) REQUIRES(mu_);

  Mutex mu_;
  CondVar changed_;
  size_t free_ GUARDED_BY(mu_);                                // buffers that may be taken
  std::vector<std::unique_ptr<Chunk>> spare_ GUARDED_BY(mu_);  // of those, what has memory already
  const size_t most_kept_;
  std::map<Key, Kept> kept_ GUARDED_BY(mu_);
  std::list<Key> by_age_ GUARDED_BY(mu_);  // longest not found first
};

}  // namespace leat::datanode
