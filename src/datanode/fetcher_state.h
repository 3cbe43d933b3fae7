// What the fetcher's threads share. Internal to the fetcher, which is in four files: fetcher.cc
// (objects in use, prefetch, load), fetcher_read.cc (reads and what they wait for), fetcher_work.cc
// (the threads that fetch), fetcher_pace.cc (how fast the store is, and second requests).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/chunk_pool.h"
#include "datanode/fetcher.h"

namespace leat::datanode {

inline constexpr uint64_t kMostChunksPerGet = 8;

struct Fetcher::State {
  using SteadyTime = std::chrono::steady_clock::time_point;

  State(blocks::Cache& c, FetcherOptions o, Events e);
  Lane& LaneOf(const objectstore::ObjectStore& store);

  // A run of neighbouring chunks of one object, fetched by one GET.
  struct Job {
    std::shared_ptr<ActiveObject> object;
    uint64_t first = 0;
    std::vector<std::shared_ptr<Flight>> flights;  // of each chunk
    uint64_t end() const { return first + flights.size(); }
  };

  // fetcher.cc
  std::shared_ptr<ActiveObject> ActiveOf(const ObjectVersion& version);
  std::shared_ptr<ActiveObject> FindActive(const blocks::ObjectId& id);
  std::shared_ptr<ActiveObject> KeepActive(std::shared_ptr<ActiveObject> object);

  // fetcher_read.cc
  bool AnswerFromCache(ActiveObject& object, uint64_t offset, uint64_t size, const Done& done);
  // `since`: when a reader began to wait, if one does; also of what follows.
  uint64_t Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset, uint64_t size,
                std::optional<SteadyTime> since, Done done);
  uint64_t ReadChunk(const std::shared_ptr<ActiveObject>& object, uint64_t chunk, uint64_t begin,
                     uint64_t end, uint64_t number, std::optional<SteadyTime> since, Done done);
  void CountStall(std::optional<SteadyTime> since);
  struct Gather;
  // Asks for what it has not.
  void Collect(const std::shared_ptr<Gather>& gather);
  void TakePiece(const std::shared_ptr<Gather>& gather, uint64_t chunk,
                 const Result<std::string_view>& piece);
  // Answers, unless bytes that came earlier are no longer there.
  bool Join(Gather& gather, uint64_t at_hand, std::string_view piece);
  void Answer(Gather& gather, Result<std::string_view> answer);
  // Of one chunk, from the cache file or the pool; false when they have it not.
  bool CopyOfKept(ActiveObject& object, uint64_t offset, std::span<char> to);
  // Ends the chunk's flight: who waited for it, to be answered outside the lock. The caller holds
  // the object, which nobody else may do afterwards.
  std::vector<std::shared_ptr<Wait>> TakeWaits(ActiveObject& object, uint64_t chunk) REQUIRES(mu);
  void Forget(const std::shared_ptr<Wait>& wait) REQUIRES(mu);  // in `waits`

  // fetcher_work.cc
  void Work(const std::stop_token& stop);
  std::optional<Job> Next(const std::stop_token& stop);
  // The lane that may begin a GET and should before others; null when none may.
  Lane* NextLane() REQUIRES(mu);
  void Run(const Job& job, const std::stop_token& stop);
  bool ReadWholeFile(const ActiveObject& object, uint64_t offset, uint64_t size,
                     const std::function<Status(std::string_view)>& take);
  struct Patience {
    std::chrono::milliseconds pause{20};
    std::chrono::milliseconds waited{0};
  };
  bool AwaitDescriptors(Patience& patience, const std::stop_token& stop);
  // Answers who needs no more of the chunk than has come of it.
  void AnswerEarly(ActiveObject& object, uint64_t index, const Chunk& chunk);
  // Counts what the cache does not take as `bytes_not_kept`.
  void Arrived(const std::shared_ptr<ActiveObject>& object, uint64_t index,
               std::shared_ptr<Chunk> chunk, std::atomic<uint64_t>& bytes_not_kept);
  // False when the cache does not take it, which is then known of the object.
  bool PutIntoCache(ActiveObject& object, uint64_t index, std::string_view bytes);
  void Failed(const Job& job, uint64_t from, const Error& error);

  // fetcher_pace.cc
  void Learn(SteadyTime began, SteadyTime first_byte, uint64_t bytes);
  void Hedge(const std::stop_token& stop);

  blocks::Cache& cache;
  const FetcherOptions options;
  const Events events;
  const int connections;  // that one lane may have
  ChunkPool pool;

  Mutex mu;
  CondVar wanted;                                    // something may begin
  std::map<std::string, Lane> lanes GUARDED_BY(mu);  // few, and none ever goes
  int idle GUARDED_BY(mu);                           // threads without a job
  std::unordered_map<blocks::ObjectId, std::weak_ptr<ActiveObject>> active GUARDED_BY(mu);
  std::unordered_multimap<uint64_t, std::shared_ptr<Wait>> waits GUARDED_BY(mu);
  uint64_t next_wait GUARDED_BY(mu) = 1;
  // GETs that have not answered a byte yet: what a second one may be asked for.
  struct Silent {
    std::weak_ptr<ActiveObject> object;
    uint64_t first = 0;
    uint64_t chunks = 0;
    SteadyTime began;
  };
  std::list<Silent> silent GUARDED_BY(mu);
  CondVar began_silent;
  std::array<double, 128> latencies GUARDED_BY(mu) = {};  // the last ones, in seconds
  size_t next_latency GUARDED_BY(mu) = 0;
  double latency GUARDED_BY(mu) = 0.02;     // seconds to the first byte, lately
  double bandwidth GUARDED_BY(mu) = 100e6;  // bytes per second of all GETs together, lately
  double window_bytes GUARDED_BY(mu) = 0;
  SteadyTime window_began GUARDED_BY(mu);

  std::atomic<uint64_t> hit_bytes = 0, fill_bytes = 0, through_bytes = 0, stall_ns = 0;
  std::atomic<uint64_t> errors = 0, hedges = 0;
  std::atomic<bool> small_refused = false;  // the last small object that came
  std::atomic<uint64_t> gathered = 0;       // bytes of copies in gathers
  std::vector<std::jthread> threads;        // last: they end before what they use
};

}  // namespace leat::datanode
