#include "datanode/fetcher.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/mutex.h"
#include "datanode/active_object.h"
#include "datanode/fetcher_state.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;

constexpr size_t kMostPrefetches = 4096;

size_t BuffersOf(const FetcherOptions& options) {
  return std::max<uint64_t>(options.memory, 8_MiB) / kChunkSize;
}

int ConnectionsOf(const FetcherOptions& options) {
  return std::clamp(options.connections, 2, static_cast<int>(BuffersOf(options) / 2));
}

// With a third more, one lane alone gets all its connections by NextLane's rule.
int ThreadsFor(int connections) { return connections + (connections + 2) / 3; }

}  // namespace

Fetcher::State::State(blocks::Cache& c, FetcherOptions o, Events e)
    : cache(c),
      options(o),
      events(std::move(e)),
      connections(ConnectionsOf(o)),
      pool(BuffersOf(o)),
      idle(ThreadsFor(connections)) {}

Lane& Fetcher::State::LaneOf(const objectstore::ObjectStore& store) {
  const std::string& name = store.Name();
  const bool path = name.starts_with("file://");
  const std::string provider = name.substr(0, name.find("://"));
  MutexLock lock(mu);
  return lanes[!store.Endpoint().empty() ? store.Endpoint() : path ? name : provider];
}

Fetcher::Fetcher(blocks::Cache& cache, FetcherOptions options, Events events)
    : state_(new State(cache, options, std::move(events))) {
  for (int n = 0; n < ThreadsFor(state_->connections); ++n) {
    state_->threads.emplace_back([this](const std::stop_token& stop) { state_->Work(stop); });
  }
  state_->threads.emplace_back([this](const std::stop_token& stop) { state_->Hedge(stop); });
}

Fetcher::~Fetcher() { Stop(); }

void Fetcher::Stop() {
  for (std::jthread& thread : state_->threads) thread.request_stop();
  state_->threads.clear();
  std::vector<std::shared_ptr<Wait>> left;
  std::vector<std::shared_ptr<ActiveObject>> held;  // let go outside the lock
  {
    MutexLock lock(state_->mu);
    for (auto& [id, object] : state_->active) {
      if (held.emplace_back(object.lock())) held.back()->anticipated = nullptr;
    }
    for (auto& [number, wait] : state_->waits) left.push_back(wait);
    state_->waits.clear();
  }
  for (const auto& wait : left) wait->Answer(Error{Code::kCancelled, "the mount is being stopped"});
}

std::shared_ptr<ActiveObject> Fetcher::Activate(const ObjectVersion& version) {
  state_->cache.Access(version.id, version.size);
  return state_->ActiveOf(version);
}

std::shared_ptr<ActiveObject> Fetcher::State::ActiveOf(const ObjectVersion& version) {
  if (auto object = FindActive(version.id)) return object;
  const auto end = [this](ActiveObject* ended) {
    {
      MutexLock lock(mu);
      auto found = active.find(ended->version.id);
      if (found != active.end() && found->second.expired()) active.erase(found);
    }
    delete ended;
  };
  auto object =
      std::shared_ptr<ActiveObject>(new ActiveObject(version, LaneOf(*version.store)), end);
  if (!object->small()) {
    auto file = cache.FindOrCreate(version.id, version.size);
    if (file) {
      object->file = std::move(*file);
    } else {
      object->refusal = file.error();
      object->through = true;
    }
  }
  // Another thread may have made one meanwhile; ours then ends outside the lock, by its parameter.
  return KeepActive(std::move(object));
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

void Fetcher::Prefetch(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end) {
  end = std::min(end, object->version.size);
  MutexLock lock(state_->mu);
  // Without a place in the cache, only as much as can be kept in memory.
  if (object->through) end = std::min(end, begin + state_->options.MostPerRead());
  for (uint64_t chunk = begin / kChunkSize; chunk * kChunkSize < end; ++chunk) {
    if (object->lane.prefetch.size() >= kMostPrefetches) break;
    if (object->file && object->file->Has(chunk)) continue;
    if (object->small() && state_->cache.HasSmall(object->version.id)) continue;
    const bool in_memory_only = object->through || object->small();
    if (in_memory_only && state_->pool.Find({object->version.id, chunk})) continue;
    const auto [flight, is_new] = object->flights.try_emplace(chunk);
    if (!is_new) continue;
    flight->second = std::make_shared<Flight>();
    object->lane.prefetch.emplace_back(object, chunk);
  }
  // One thread takes a run of chunks, and wakes the next one when more is left.
  state_->wanted.NotifyOne();
}

void Fetcher::ForgetKept(const blocks::ObjectId& id) { state_->pool.ForgetObject(id); }

void Fetcher::Anticipate(const ObjectVersion& version, uint64_t bytes) {
  blocks::Cache& cache = state_->cache;
  if (cache.HasSmall(version.id) || cache.IsComplete(version.id)) return;
  const auto object = state_->ActiveOf(version);
  if (object->small() ? state_->small_refused : object->through) return;
  Prefetch(object, 0, bytes);
  MutexLock lock(state_->mu);
  if (!object->flights.empty()) object->anticipated = object;
}

Status Fetcher::LoadPart(const std::shared_ptr<ActiveObject>& object, uint64_t begin, uint64_t end,
                         const std::function<void(uint64_t)>& progress,
                         const std::stop_token& stop) {
  const ObjectVersion& version = object->version;
  end = std::min(end, version.size);
  if (begin >= end) return {};
  const auto refusal = [&]() -> Error {
    MutexLock lock(state_->mu);
    return object->refusal.Within(version.key);
  };
  if (!object->small() && !object->file) {
    return state_->cache.IsComplete(version.id) ? Status() : refusal();
  }
  object->through = false;  // what the cache did not take before it may take now
  const uint64_t most = 2 * kMostChunksPerGet * static_cast<uint64_t>(state_->connections);
  struct Progress {
    Mutex mu;
    CondVar changed;
    uint64_t outstanding = 0;
    std::optional<Error> error;
    bool ended = false;  // Load has returned: what `progress` refers to may be gone
  };
  auto shared = std::make_shared<Progress>();
  for (uint64_t chunk = begin / kChunkSize; chunk * kChunkSize < end; ++chunk) {
    {
      MutexLock lock(shared->mu);
      shared->changed.Wait(shared->mu, stop, [&] { return shared->outstanding < most; });
      if (shared->error || object->through || stop.stop_requested()) break;
      ++shared->outstanding;
    }
    state_->Read(
        object, chunk * kChunkSize, 1, std::nullopt,
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
  for (uint64_t chunk = begin / kChunkSize; chunk * kChunkSize < end; ++chunk) {
    const bool there =
        object->small() ? state_->cache.HasSmall(version.id) : object->file->Has(chunk);
    if (!there) return refusal();
  }
  return {};
}

FetcherStats Fetcher::Stats() const {
  return {.hit_bytes = state_->hit_bytes,
          .fill_bytes = state_->fill_bytes,
          .through_bytes = state_->through_bytes,
          .stall_ms = state_->stall_ns / 1'000'000,
          .store_errors = state_->errors,
          .hedges = state_->hedges,
          .gathered_bytes = state_->gathered};
}

}  // namespace leat::datanode
