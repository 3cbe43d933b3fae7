// An object in use. Internal to the fetcher.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "blocks/cache.h"
#include "datanode/fetcher.h"

namespace leat::datanode {

// Somebody who waits for one chunk. Answered once: by the chunk, an error, or Cancel.
struct Wait {
  uint64_t number = 0;
  uint64_t begin = 0;  // within the chunk
  uint64_t end = 0;
  // When a reader began to wait; nullopt: it is part of a larger wait, or nobody's.
  std::optional<std::chrono::steady_clock::time_point> since;
  Fetcher::Done done;
  std::atomic<bool> answered = false;

  void Answer(Result<std::string_view> answer) {
    if (answered.exchange(true)) return;
    // Let go of what it holds: the flight that still knows this wait may be held by that.
    std::exchange(done, nullptr)(std::move(answer));
  }
};

// A chunk that is being fetched or will be.
struct Flight {
  bool taken = false;   // by a thread; a hedge offers it to another
  int gets = 0;         // under way: an error is one when the last of them has failed
  bool hedged = false;  // asked for a second time
  bool read = false;    // somebody has had bytes of it already
  std::vector<std::shared_ptr<Wait>> waits;
};

// Where chunks wait to be fetched, one for each endpoint (without one: for each provider, or path
// of a file source): a store that hangs holds up its own lane only. Under the fetcher's lock.
struct Lane {
  using Place = std::pair<std::weak_ptr<ActiveObject>, uint64_t>;  // and a chunk
  std::deque<Place> demand;
  std::deque<Place> prefetch;
  int running = 0;  // GETs
};

class ActiveObject {
 public:
  ActiveObject(ObjectVersion v, Lane& l) : version(std::move(v)), lane(l) {}

  bool small() const { return version.size < blocks::kPackedBelow; }
  uint64_t chunks() const { return (version.size + blocks::kChunkSize - 1) / blocks::kChunkSize; }
  uint64_t LengthOf(uint64_t chunk) const {
    return std::min(blocks::kChunkSize, version.size - chunk * blocks::kChunkSize);
  }

  const ObjectVersion version;
  Lane& lane;                         // the fetcher's
  blocks::Cache::Handle file;         // empty: small, or the cache did not take it
  std::atomic<bool> through = false;  // bytes are not (or no longer) put into the cache
  // Why; under the fetcher's lock.
  Error refusal{Code::kExhausted, "it has left the cache again"};
  std::atomic<bool> verified = false;                   // IsComplete has checked every chunk
  std::map<uint64_t, std::shared_ptr<Flight>> flights;  // by chunk; under the fetcher's lock
  std::atomic<uint64_t> ended = 0;                      // flights; grows under the fetcher's lock
  // Itself, while what Anticipate asked for is under way; under the fetcher's lock.
  std::shared_ptr<ActiveObject> anticipated;
};

}  // namespace leat::datanode
