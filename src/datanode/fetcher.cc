#include "datanode/fetcher.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <list>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/chunk_pool.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr uint64_t kMostChunksPerGet = 8;
constexpr size_t kMostPrefetches = 4096;

size_t BuffersOf(const FetcherOptions& options) {
  return std::max<uint64_t>(options.memory, 8_MiB) / kChunkSize;
}

// Joins the pieces of a read that spans chunks.
struct Gather {
  Gather(uint64_t size, int chunks, Fetcher::Done d)
      : size(size), left(chunks), done(std::move(d)) {}

  void Arrive(uint64_t at, const Result<std::string_view>& piece) {
    {
      MutexLock lock(mu);
      if (piece && !error) {
        if (bytes.empty()) bytes.resize(size);
        std::memcpy(bytes.data() + at, piece->data(), piece->size());
      } else if (!piece && !error) {
        error = piece.error();
      }
      if (--left > 0) return;
    }
    if (error) {
      done(*error);
    } else {
      done(std::string_view(bytes));
    }
  }

  Mutex mu;
  const uint64_t size;
  int left;
  std::string bytes;  // made when the first piece is there, so that waiting takes no memory
  std::optional<Error> error;
  Fetcher::Done done;
};

}  // namespace

ObjectVersion MakeVersion(std::shared_ptr<objectstore::ObjectStore> store, std::string key,
                          std::string etag, uint64_t size) {
  const auto id = blocks::ObjectId::Of(store->Name(), key, etag, size);
  return {std::move(store), std::move(key), std::move(etag), size, id};
}

struct Fetcher::State {
  State(blocks::Cache& c, FetcherOptions o, Events e)
      : cache(c), options(o), events(std::move(e)), pool(BuffersOf(o)) {}

  // A run of neighbouring chunks of one object, fetched by one GET.
  struct Job {
    std::shared_ptr<ActiveObject> object;
    uint64_t first = 0;
    uint64_t chunks = 0;
  };

  std::shared_ptr<ActiveObject> FindActive(const blocks::ObjectId& id);
  std::shared_ptr<ActiveObject> KeepActive(std::shared_ptr<ActiveObject> object);
  uint64_t ReadChunk(const std::shared_ptr<ActiveObject>& object, uint64_t chunk, uint64_t begin,
                     uint64_t end, uint64_t number, Done done);
  bool AnswerFromCache(ActiveObject& object, uint64_t offset, uint64_t size, const Done& done);
  void Work(const std::stop_token& stop);
  std::optional<Job> Next(const std::stop_token& stop);
  void Run(const Job& job, const std::stop_token& stop);
  void Arrived(const std::shared_ptr<ActiveObject>& object, uint64_t index,
               std::shared_ptr<Chunk> chunk);
  void Failed(const Job& job, uint64_t from, const Error& error);
  std::vector<std::shared_ptr<Wait>> TakeWaits(ActiveObject& object, uint64_t chunk) REQUIRES(mu);
  void Learn(SteadyTime began, SteadyTime first_byte, uint64_t bytes);
  void Hedge(const std::stop_token& stop);

  blocks::Cache& cache;
  const FetcherOptions options;
  const Events events;
  ChunkPool pool;

  Mutex mu;
  CondVar wanted;
  using Place = std::pair<std::weak_ptr<ActiveObject>, uint64_t>;  // and a chunk
  std::deque<Place> demand GUARDED_BY(mu);
  std::deque<Place> prefetch GUARDED_BY(mu);
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
  std::vector<std::jthread> threads;  // last: they end before what they use
};

Fetcher::Fetcher(blocks::Cache& cache, FetcherOptions options, Events events)
    : state_(new State(cache, options, std::move(events))) {
  const int most = static_cast<int>(BuffersOf(options) / 2);
  for (int n = 0; n < std::clamp(options.connections, 2, most); ++n) {
    state_->threads.emplace_back([this](const std::stop_token& stop) { state_->Work(stop); });
  }
  state_->threads.emplace_back([this](const std::stop_token& stop) { state_->Hedge(stop); });
}

Fetcher::~Fetcher() { Stop(); }

void Fetcher::Stop() {
  for (std::jthread& thread : state_->threads) thread.request_stop();
  state_->threads.clear();
  std::vector<std::shared_ptr<Wait>> left;
  {
    MutexLock lock(state_->mu);
    for (auto& [number, wait] : state_->waits) left.push_back(wait);
    state_->waits.clear();
  }
  for (const auto& wait : left) wait->Answer(Error{Code::kCancelled, "the mount is being stopped"});
}

std::shared_ptr<ActiveObject> Fetcher::Activate(const ObjectVersion& version) {
  state_->cache.Access(version.id, version.size);
  if (auto object = state_->FindActive(version.id)) return object;
  auto object = std::shared_ptr<ActiveObject>(
      new ActiveObject(version), [state = state_.get()](ActiveObject* ended) {
        {
          MutexLock lock(state->mu);
          auto found = state->active.find(ended->version.id);
          if (found != state->active.end() && found->second.expired()) state->active.erase(found);
        }
        delete ended;
      });
  if (!object->small()) {
    auto file = state_->cache.FindOrCreate(version.id, version.size);
    if (file) object->file = std::move(*file);
    object->through = !file;
  }
  // Another thread may have made one meanwhile; ours then ends outside the lock, by its parameter.
  return state_->KeepActive(std::move(object));
}

std::shared_ptr<ActiveObject> Fetcher::State::FindActive(const blocks::ObjectId& id) {
  MutexLock lock(mu);
  auto found = active.find(id);
  return found == active.end() ? nullptr : found->second.lock();
}

std::shared_ptr<ActiveObject> Fetcher::State::KeepActive(std::shared_ptr<ActiveObject> object) {
  MutexLock lock(mu);
  std::weak_ptr<ActiveObject>& slot = active[object->version.id];
  if (auto other = slot.lock()) return other;
  slot = object;
  return object;
}

bool Fetcher::IsComplete(ActiveObject& object) {
  if (!object.file || !object.file->complete()) return false;
  if (object.verified) return true;
  const auto dropped = object.file->VerifyAll();
  if (!dropped || !object.file->complete()) return false;
  object.verified = true;
  return true;
}

int Fetcher::File(const ActiveObject& object) { return object.file ? object.file->fd() : -1; }

bool Fetcher::State::AnswerFromCache(ActiveObject& object, uint64_t offset, uint64_t size,
                                     const Done& done) {
  if (object.small()) {
    const auto bytes = cache.ReadSmall(object.version.id);
    if (!bytes || !*bytes || (*bytes)->size() != object.version.size) return false;
    hit_bytes += size;
    done(std::string_view(**bytes).substr(offset, size));
    return true;
  }
  if (!object.file || !object.file->Has(offset / kChunkSize)) return false;
  thread_local std::string buffer;
  if (buffer.size() < size) buffer.resize(size);
  const auto read = object.file->Read(offset, {buffer.data(), size});
  if (!read || *read != size) return false;
  hit_bytes += size;
  done(std::string_view(buffer).substr(0, size));
  return true;
}

uint64_t Fetcher::Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset, uint64_t size,
                       Done done) {
  if (offset >= object->version.size || size == 0) {
    done(std::string_view());
    return 0;
  }
  size = std::min(size, object->version.size - offset);
  if (state_->AnswerFromCache(*object, offset, size, done)) return 0;
  uint64_t number;
  {
    MutexLock lock(state_->mu);
    number = state_->next_wait++;
  }
  const uint64_t first = offset / kChunkSize;
  const uint64_t last = (offset + size - 1) / kChunkSize;
  if (first == last) {
    const uint64_t begin = offset - first * kChunkSize;
    return state_->ReadChunk(object, first, begin, begin + size, number, std::move(done));
  }
  auto gather = std::make_shared<Gather>(size, static_cast<int>(last - first + 1), std::move(done));
  for (uint64_t chunk = first; chunk <= last; ++chunk) {
    const uint64_t start = chunk * kChunkSize;
    const uint64_t begin = std::max(offset, start);
    const uint64_t end = std::min(offset + size, start + kChunkSize);
    state_->ReadChunk(object, chunk, begin - start, end - start, number,
                      [gather, at = begin - offset](const Result<std::string_view>& piece) {
                        gather->Arrive(at, piece);
                      });
  }
  return number;
}

uint64_t Fetcher::State::ReadChunk(const std::shared_ptr<ActiveObject>& object, uint64_t chunk,
                                   uint64_t begin, uint64_t end, uint64_t number, Done done) {
  auto wait = std::make_shared<Wait>();
  wait->number = number;
  wait->begin = begin;
  wait->end = end;
  wait->since = std::chrono::steady_clock::now();
  wait->done = std::move(done);
  while (true) {
    if (AnswerFromCache(*object, chunk * kChunkSize + begin, end - begin, wait->done)) return 0;
    if (auto kept = pool.Find({object->version.id, chunk})) {
      wait->Answer(kept->bytes().substr(begin, end - begin));
      return 0;
    }
    MutexLock lock(mu);
    // It may have come between the looks above and the lock.
    if (object->file && object->file->Has(chunk)) continue;
    Flight& flight = object->flights[chunk];
    flight.waits.push_back(wait);
    waits.emplace(number, wait);
    if (!flight.running) demand.emplace_back(object, chunk);
    wanted.NotifyOne();
    return number;
  }
}

void Fetcher::Cancel(uint64_t number) {
  std::vector<std::shared_ptr<Wait>> cancelled;
  {
    MutexLock lock(state_->mu);
    const auto [begin, end] = state_->waits.equal_range(number);
    for (auto wait = begin; wait != end; ++wait) cancelled.push_back(wait->second);
    state_->waits.erase(begin, end);
  }
  for (const auto& wait : cancelled) wait->Answer(Error{Code::kCancelled, "the read was given up"});
}

void Fetcher::Prefetch(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end) {
  end = std::min(end, object->version.size);
  MutexLock lock(state_->mu);
  // Without a place in the cache, only as much as can be kept in memory.
  if (object->through) end = std::min(end, begin + state_->options.memory / 8);
  for (uint64_t chunk = begin / kChunkSize; chunk * kChunkSize < end; ++chunk) {
    if (state_->prefetch.size() >= kMostPrefetches) return;
    if (object->file && object->file->Has(chunk)) continue;
    if (object->through && state_->pool.Find({object->version.id, chunk})) continue;
    if (!object->flights.try_emplace(chunk).second) continue;
    state_->prefetch.emplace_back(object, chunk);
    state_->wanted.NotifyOne();
  }
}

std::optional<Fetcher::State::Job> Fetcher::State::Next(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<ActiveObject> passed_over;  // may be the last reference: ends outside the lock
    MutexLock lock(mu);
    wanted.Wait(mu, stop, [&]() REQUIRES(mu) { return !demand.empty() || !prefetch.empty(); });
    if (stop.stop_requested()) return std::nullopt;
    std::deque<Place>& queue = demand.empty() ? prefetch : demand;
    Job job{.object = queue.front().first.lock(), .first = queue.front().second, .chunks = 1};
    queue.pop_front();
    if (!job.object) continue;
    auto& flights = job.object->flights;
    auto flight = flights.find(job.first);
    if (flight == flights.end() || flight->second.running) {  // a neighbour's job took it along
      passed_over = std::move(job.object);
      continue;
    }
    flight->second.running = true;
    for (++flight; flight != flights.end() && job.chunks < kMostChunksPerGet &&
                   flight->first == job.first + job.chunks && !flight->second.running;
         ++flight) {
      flight->second.running = true;
      ++job.chunks;
    }
    return job;
  }
}

void Fetcher::State::Work(const std::stop_token& stop) {
  while (auto job = Next(stop)) Run(*job, stop);
}

void Fetcher::State::Run(const Job& job, const std::stop_token& stop) {
  const ObjectVersion& version = job.object->version;
  const uint64_t offset = job.first * kChunkSize;
  const uint64_t size = std::min(job.chunks * kChunkSize, version.size - offset);
  const auto began = std::chrono::steady_clock::now();
  SteadyTime first_byte = began;
  std::list<Silent> here;  // our place in `silent`, until the first byte or the end
  here.push_back({.object = job.object, .first = job.first, .chunks = job.chunks, .began = began});
  const auto place = here.begin();
  {
    MutexLock lock(mu);
    silent.splice(silent.end(), here);
    began_silent.NotifyOne();
  }
  bool is_silent = true;
  const auto speak = [&] {
    if (!std::exchange(is_silent, false)) return;
    MutexLock lock(mu);
    here.splice(here.end(), silent, place);
  };
  uint64_t index = job.first;
  std::shared_ptr<Chunk> chunk;
  const Error too_long{Code::kCorrupt, version.key + ": the store gave more than was asked for"};
  const auto take = [&](std::string_view bytes) -> Status {
    if (is_silent) {
      first_byte = std::chrono::steady_clock::now();
      speak();
    }
    while (!bytes.empty()) {
      if (index == job.first + job.chunks) return too_long;
      if (!chunk) chunk = pool.Take(stop);
      if (!chunk) return Error{Code::kCancelled, "the mount is being stopped"};
      const size_t room = job.object->LengthOf(index) - chunk->size;
      const size_t n = std::min(room, bytes.size());
      std::memcpy(chunk->data.get() + chunk->size, bytes.data(), n);
      chunk->size += n;
      bytes.remove_prefix(n);
      if (n < room) break;
      Arrived(job.object, index++, std::move(chunk));
      chunk = nullptr;
    }
    return {};
  };
  auto got = version.store->Get(version.key, version.etag, offset, size, take, stop);
  if (got && index != job.first + job.chunks) {
    got = Error{Code::kCorrupt, version.key + ": the store gave less than was asked for"};
  }
  speak();
  if (got) {
    Learn(began, first_byte, size);
    return;
  }
  ++errors;
  Failed(job, index, got.error());
}

std::vector<std::shared_ptr<Wait>> Fetcher::State::TakeWaits(ActiveObject& object, uint64_t chunk) {
  auto flight = object.flights.find(chunk);
  if (flight == object.flights.end()) return {};
  std::vector<std::shared_ptr<Wait>> taken = std::move(flight->second.waits);
  object.flights.erase(flight);
  const auto now = std::chrono::steady_clock::now();
  for (const auto& wait : taken) {
    stall_ns += static_cast<uint64_t>((now - wait->since).count());
    const auto [begin, end] = waits.equal_range(wait->number);
    const auto found =
        std::find_if(begin, end, [&](const auto& entry) { return entry.second == wait; });
    if (found != end) waits.erase(found);
  }
  return taken;
}

void Fetcher::State::Arrived(const std::shared_ptr<ActiveObject>& object, uint64_t index,
                             std::shared_ptr<Chunk> chunk) {
  const std::string_view bytes = chunk->bytes();
  Status kept = object->through ? Status(Error{Code::kExhausted, "not cached"}) : Status();
  if (kept) {
    kept = object->small() ? cache.PutSmall(object->version.id, bytes)
                           : object->file->Fill(index, bytes);
    if (!kept && !object->through.exchange(true)) {
      LogWarning("the cache takes no more of an object; it is read through",
                 {{"key", object->version.key}, {"error", kept.error()}});
    }
  }
  (kept ? fill_bytes : through_bytes) += bytes.size();
  if (!kept) pool.Keep({object->version.id, index}, chunk);
  std::vector<std::shared_ptr<Wait>> waiting;
  {
    MutexLock lock(mu);
    waiting = TakeWaits(*object, index);
  }
  for (const auto& wait : waiting) {
    wait->Answer(bytes.substr(wait->begin, wait->end - wait->begin));
  }
  if (kept && events.on_complete && (object->small() || object->file->complete())) {
    events.on_complete(object->version);
  }
}

void Fetcher::State::Failed(const Job& job, uint64_t from, const Error& error) {
  std::vector<std::shared_ptr<Wait>> waiting;
  {
    MutexLock lock(mu);
    for (uint64_t chunk = from; chunk < job.first + job.chunks; ++chunk) {
      const auto taken = TakeWaits(*job.object, chunk);
      waiting.insert(waiting.end(), taken.begin(), taken.end());
    }
  }
  if (events.on_changed && (error.code == Code::kConflict || error.code == Code::kNotFound)) {
    events.on_changed(job.object->version, error);
  }
  for (const auto& wait : waiting) wait->Answer(error);
}

Status Fetcher::LoadPart(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end,
                         const std::function<void(uint64_t)>& progress,
                         const std::stop_token& stop) {
  const ObjectVersion& version = object->version;
  const Error full{Code::kExhausted, version.key + ": the cache has no room for it"};
  if (!object->small() && !object->file) return full;
  const uint64_t most = 2 * kMostChunksPerGet * state_->threads.size();
  struct Progress {
    Mutex mu;
    CondVar changed;
    uint64_t outstanding = 0;
    std::optional<Error> error;
    bool ended = false;  // Load has returned: what `progress` refers to may be gone
  };
  auto shared = std::make_shared<Progress>();
  end = std::min(end, version.size);
  for (uint64_t chunk = begin / kChunkSize; chunk * kChunkSize < end; ++chunk) {
    {
      MutexLock lock(shared->mu);
      shared->changed.Wait(shared->mu, stop, [&] { return shared->outstanding < most; });
      if (shared->error || stop.stop_requested()) break;
      ++shared->outstanding;
    }
    Read(object, chunk * kChunkSize, 1,
         [shared, progress, size = object->LengthOf(chunk)](const Result<std::string_view>& byte) {
           MutexLock lock(shared->mu);
           if (byte && !shared->ended) progress(size);
           --shared->outstanding;
           if (!byte && !shared->error) shared->error = byte.error();
           shared->changed.NotifyOne();
         });
  }
  MutexLock lock(shared->mu);
  shared->changed.Wait(shared->mu, stop, [&] { return shared->outstanding == 0; });
  shared->ended = true;
  if (shared->error) return *shared->error;
  if (stop.stop_requested()) return Error{Code::kCancelled, version.key + ": stopped"};
  if (object->through) return full;
  return {};
}

void Fetcher::State::Learn(SteadyTime began, SteadyTime first_byte, uint64_t bytes) {
  const auto now = std::chrono::steady_clock::now();
  MutexLock lock(mu);
  const double waited = std::chrono::duration<double>(first_byte - began).count();
  latency += (waited - latency) / 8;
  latencies[next_latency++ % latencies.size()] = waited;
  const double seconds = std::chrono::duration<double>(now - window_began).count();
  window_bytes += static_cast<double>(bytes);
  if (seconds < 0.25) return;
  // A pause is not a slow store: only what a busy quarter of a second brought counts.
  if (seconds < 2) bandwidth += (window_bytes / seconds - bandwidth) / 4;
  window_bytes = 0;
  window_began = now;
}

void Fetcher::State::Hedge(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<std::shared_ptr<ActiveObject>> held;  // let go outside the lock
    std::chrono::nanoseconds patience;
    {
      MutexLock lock(mu);
      began_silent.Wait(mu, stop, [&]() REQUIRES(mu) { return !silent.empty(); });
      const double slowest = *std::max_element(latencies.begin(), latencies.end());
      patience = std::max<std::chrono::nanoseconds>(
          options.hedge_after, std::chrono::nanoseconds(static_cast<int64_t>(slowest * 1e9)));
      const auto now = std::chrono::steady_clock::now();
      for (Silent& one : silent) {
        if (now - one.began < patience) continue;
        const auto& object = held.emplace_back(one.object.lock());
        if (!object) continue;
        for (uint64_t chunk = one.first; chunk < one.first + one.chunks; ++chunk) {
          const auto flight = object->flights.find(chunk);
          if (flight == object->flights.end()) continue;
          // Once each: a store that hangs must not get every connection.
          if (flight->second.waits.empty() || std::exchange(flight->second.hedged, true)) continue;
          // Another thread takes it; what comes first answers, and the second finds nobody waiting.
          flight->second.running = false;
          demand.emplace_front(object, chunk);
          ++hedges;
          wanted.NotifyOne();
        }
      }
    }
    held.clear();
    MutexLock lock(mu);
    began_silent.WaitFor(mu, stop, patience / 4, [] { return false; });
  }
}

uint64_t Fetcher::Ahead() const {
  MutexLock lock(state_->mu);
  const uint64_t product = static_cast<uint64_t>(2 * state_->latency * state_->bandwidth);
  return std::clamp<uint64_t>(product, 8_MiB, 256_MiB);
}

FetcherStats Fetcher::Stats() const {
  return {.hit_bytes = state_->hit_bytes,
          .fill_bytes = state_->fill_bytes,
          .through_bytes = state_->through_bytes,
          .stall_ms = state_->stall_ns / 1'000'000,
          .store_errors = state_->errors,
          .hedges = state_->hedges};
}

}  // namespace leat::datanode
