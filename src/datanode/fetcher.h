// Gets bytes of objects to whoever waits for them: from the cache, else from the store into the
// cache, else (no room, sick disk) from the store alone.
//
// Each chunk is fetched once however many wait for it. Neighbouring chunks travel as one ranged GET
// of up to 8 MiB, several side by side; each chunk is written, checksummed and handed to its
// waiters as it arrives (one that travels alone as far as it has come); one that was fetched ahead
// stays in memory until its reader has come to its end, or its buffer is needed. Demand goes before
// prefetch. Chunks wait in lanes, one for each endpoint (without one: for each provider, or path of
// a file source): a store that hangs holds up its own lane only. Memory is a fixed number of chunk
// buffers: when they are all in use, fetches wait.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blocks/cache.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

// One version of an object.
struct ObjectVersion {
  std::shared_ptr<objectstore::ObjectStore> store;
  std::string key;
  std::string etag;
  uint64_t size = 0;
  blocks::ObjectId id;
};

struct FetcherOptions {
  // For chunk buffers; at least 8 MiB. Reads that span chunks which the cache does not take may
  // hold an eighth more, all together; and each thread that asks or answers has two buffers as long
  // as the longest read it had (1 MiB each where only the kernel reads).
  uint64_t memory = 128ull << 20;
  // The longest read, in bytes: what could not be held until its last chunk comes would be fetched
  // again and again.
  uint64_t MostPerRead() const { return std::max<uint64_t>(memory, 8 << 20) / 8; }
  // GETs side by side of one lane; at most half as many as there are buffers.
  int connections = 16;
  // A GET that somebody waits for and that has not begun to answer is asked a second time when it
  // takes longer than all of the last 128 did, and than this.
  std::chrono::milliseconds hedge_after{100};
};

struct FetcherStats {
  uint64_t hit_bytes = 0;      // given out of the cache
  uint64_t fill_bytes = 0;     // from the store into the cache
  uint64_t through_bytes = 0;  // from the store, not cached
  uint64_t stall_ms = 0;       // that reads waited, added up; Load's do not count
  uint64_t store_errors = 0;
  uint64_t hedges = 0;          // second requests, for ones that were slow to begin
  uint64_t gathered_bytes = 0;  // now in memory for reads that wait for more chunks
};

// An object in use: shared by its open files and its fetches. Holds the cache's handle, so that it
// is not evicted. May not outlive the fetcher.
class ActiveObject;

// Thread-safe.
class Fetcher {
 public:
  struct Events {
    // Called from any thread. An object was found changed (kConflict) or gone (kNotFound) at the
    // store; may be told repeatedly.
    std::function<void(const ObjectVersion&, const Error&)> on_changed;
  };

  Fetcher(blocks::Cache& cache, FetcherOptions options, Events events);
  ~Fetcher();  // stops
  // Cancels what is under way; every waiter gets kCancelled, from this thread. Nothing may be asked
  // of it afterwards.
  void Stop();

  // The same ActiveObject for the same id while anybody holds it. Tells the cache of the access.
  std::shared_ptr<ActiveObject> Activate(const ObjectVersion& version);
  // True once every byte is in the cache and checked; the first call checks, which may take as long
  // as reading the object. File() is then what a passthrough open needs: -1 for small objects.
  static bool IsComplete(ActiveObject& object);
  static int File(const ActiveObject& object);

  // Calls `done` once with the bytes of [offset, offset + size), cut at the end of the object: on
  // this thread when they are at hand, else from a fetch thread. The view is good during the call.
  // Errors as ObjectStore::Get; kInvalid: longer than MostPerRead. The number names the wait for
  // Cancel; 0: `done` was called.
  using Done = std::function<void(Result<std::string_view>)>;
  uint64_t Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset, uint64_t size,
                Done done);
  // Ends a wait with kCancelled, unless it was answered.
  void Cancel(uint64_t wait);
  // Fetches what is not there of [begin, end) when nothing is waiting for other bytes. Dropped when
  // its store's queue (4,096 chunks) is full, or once nobody holds the object any more.
  void Prefetch(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end);
  // Lets go of its chunks that are in memory for readers to come.
  void ForgetKept(const blocks::ObjectId& id);
  // Prefetches the first `bytes` of an object that nobody may have open; no access for the cache's
  // policy. Nothing when they are there, or when the cache takes no more.
  void Anticipate(const ObjectVersion& version, uint64_t bytes);
  // Fetches all of it and waits; `progress` gets the bytes of each step, one call at a time.
  // kExhausted when the cache has no room for it, kInternal when its disk does not take it.
  Status Load(const ObjectVersion& version, const std::function<void(uint64_t)>& progress,
              const std::stop_token& stop) {
    return LoadPart(Activate(version), 0, version.size, progress, stop);
  }
  // The same for the chunks that [begin, end), cut at the end of the object, touches; maybe none.
  Status LoadPart(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end,
                  const std::function<void(uint64_t)>& progress, const std::stop_token& stop);

  // Bandwidth-delay product of what was seen lately, in bytes: how far ahead pays.
  uint64_t Ahead() const;
  FetcherStats Stats() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace leat::datanode
