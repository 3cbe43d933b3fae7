// What the threads that fetch do.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "datanode/fetcher_state.h"

namespace leat::datanode {

using blocks::kChunkSize;

namespace {

// Readers that have every descriptor are expected to come to their end.
constexpr std::chrono::seconds kMostWaitForDescriptors{20};

}  // namespace

Lane* Fetcher::State::NextLane() {
  Lane* next = nullptr;
  for (auto& [name, lane] : lanes) {
    if (lane.demand.empty() && lane.prefetch.empty()) continue;
    // Up to thrice as many as are left idle: whatever hangs, there is a thread for a lane that has
    // none, and lanes that all have much to do get equal shares.
    const bool may = lane.running == 0 ? idle > 0 : lane.running < 3 * (idle - 1);
    if (!may) continue;
    const auto rank = [](const Lane& one) { return std::pair(one.demand.empty(), one.running); };
    if (!next || rank(lane) < rank(*next)) next = &lane;
  }
  return next;
}

std::optional<Fetcher::State::Job> Fetcher::State::Next(const std::stop_token& stop) {
  while (true) {
    std::shared_ptr<ActiveObject> passed_over;  // may be the last reference: ends outside the lock
    MutexLock lock(mu);
    wanted.Wait(mu, stop, [&]() REQUIRES(mu) { return NextLane() != nullptr; });
    if (stop.stop_requested()) return std::nullopt;
    Lane& lane = *NextLane();
    std::deque<Lane::Place>& queue = lane.demand.empty() ? lane.prefetch : lane.demand;
    Job job{.object = queue.front().first.lock(), .first = queue.front().second, .flights = {}};
    queue.pop_front();
    if (!job.object) continue;
    auto& flights = job.object->flights;
    bool second = false;
    for (auto flight = flights.find(job.first);
         flight != flights.end() && flight->first == job.end() && !flight->second->taken &&
         job.flights.size() < kMostChunksPerGet;
         ++flight) {
      flight->second->taken = true;
      ++flight->second->gets;
      second |= flight->second->hedged;
      job.flights.push_back(flight->second);
    }
    if (job.flights.empty()) {  // a neighbour's job took it along
      passed_over = std::move(job.object);
      continue;
    }
    if (second) ++hedges;
    ++lane.running;
    --idle;
    if (NextLane()) wanted.NotifyOne();
    return job;
  }
}

void Fetcher::State::Work(const std::stop_token& stop) {
  while (auto job = Next(stop)) {
    Run(*job, stop);
    MutexLock lock(mu);
    --job->object->lane.running;
    ++idle;
  }
}

// Bytes of an object that is in the cache as a whole, though its file could not be kept open. False
// when not all of them were given.
bool Fetcher::State::ReadWholeFile(const ActiveObject& object, uint64_t offset, uint64_t size,
                                   const std::function<Status(std::string_view)>& take) {
  if (object.file || object.small() || !cache.IsComplete(object.version.id)) return false;
  const auto file = cache.FindBriefly(object.version.id);
  if (!file || file->size() != object.version.size) return false;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kChunkSize);
  for (const uint64_t end = offset + size; offset < end;) {
    const size_t wanted = std::min(kChunkSize - offset % kChunkSize, end - offset);
    const auto read = file->Read(offset, {buffer.get(), wanted});
    if (!read || *read == 0 || !take({buffer.get(), *read})) return false;
    offset += *read;
  }
  return true;
}

// Whether it is worth another attempt after an error that may be the want of a descriptor: those of
// the cache are there to be given back, and other readers end.
bool Fetcher::State::AwaitDescriptors(Patience& patience, const std::stop_token& stop) {
  if (cache.GiveBackDescriptors()) return true;
  if (patience.waited >= kMostWaitForDescriptors) return false;
  patience.waited += patience.pause;
  const bool slept = RealClock().SleepFor(patience.pause, stop);
  patience.pause = std::min<std::chrono::milliseconds>(patience.pause * 2, std::chrono::seconds(1));
  return slept;
}

void Fetcher::State::Run(const Job& job, const std::stop_token& stop) {
  const ObjectVersion& version = job.object->version;
  const uint64_t offset = job.first * kChunkSize;
  const uint64_t size = std::min(job.flights.size() * kChunkSize, version.size - offset);
  const auto began = std::chrono::steady_clock::now();
  SteadyTime first_byte = began;
  std::list<Silent> here;  // our place in `silent`, until the first byte or the end
  here.push_back(
      {.object = job.object, .first = job.first, .chunks = job.flights.size(), .began = began});
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
  uint64_t given = 0;  // bytes, to `take`
  bool from_disk = false;
  std::shared_ptr<Chunk> chunk;
  const Error too_long{Code::kCorrupt, version.key + ": the store gave more than was asked for"};
  const auto take = [&](std::string_view bytes) -> Status {
    if (is_silent) {
      first_byte = std::chrono::steady_clock::now();
      speak();
    }
    while (!bytes.empty()) {
      if (index == job.end()) return too_long;
      if (!chunk) chunk = pool.Take(stop);
      if (!chunk) return Error{Code::kCancelled, "the mount is being stopped"};
      const size_t room = job.object->LengthOf(index) - chunk->size;
      const size_t n = std::min(room, bytes.size());
      std::memcpy(chunk->data.get() + chunk->size, bytes.data(), n);
      chunk->size += n;
      given += n;
      bytes.remove_prefix(n);
      if (n < room) {
        // Who reads on through many chunks would ride on the edge of what has come, and be woken
        // for each piece of it.
        if (job.flights.size() == 1) AnswerEarly(*job.object, index, *chunk);
        break;
      }
      Arrived(job.object, index++, std::move(chunk), from_disk ? hit_bytes : through_bytes);
      chunk = nullptr;
    }
    return {};
  };
  const auto get = [&]() -> Status {
    from_disk = true;
    if (ReadWholeFile(*job.object, offset, size, take)) return {};
    from_disk = false;
    return version.store->Get(version.key, version.etag, offset + given, size - given, take, stop);
  };
  auto got = get();
  for (Patience patience; !got && got.error().code == Code::kExhausted && is_silent;) {
    if (!AwaitDescriptors(patience, stop)) break;
    got = get();
  }
  if (got && index != job.end()) {
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

void Fetcher::State::AnswerEarly(ActiveObject& object, uint64_t index, const Chunk& chunk) {
  std::vector<std::shared_ptr<Wait>> ready;
  {
    MutexLock lock(mu);
    const auto flight = object.flights.find(index);
    if (flight == object.flights.end()) return;
    std::erase_if(flight->second->waits, [&](const std::shared_ptr<Wait>& wait) REQUIRES(mu) {
      if (wait->answered) return true;  // given up
      // A part of a larger read would only have to be copied, until the others come.
      if (!wait->since || wait->end > chunk.size) return false;
      ready.push_back(wait);
      return true;
    });
    flight->second->read |= !ready.empty();
    for (const auto& wait : ready) {
      CountStall(wait->since);
      Forget(wait);
    }
  }
  const std::string_view bytes = chunk.bytes();
  for (const auto& wait : ready) {
    wait->Answer(bytes.substr(wait->begin, wait->end - wait->begin));
  }
}

void Fetcher::State::Arrived(const std::shared_ptr<ActiveObject>& object, uint64_t index,
                             std::shared_ptr<Chunk> chunk, std::atomic<uint64_t>& bytes_not_kept) {
  const std::string_view bytes = chunk->bytes();
  const bool kept = PutIntoCache(*object, index, bytes);
  (kept ? fill_bytes : bytes_not_kept) += bytes.size();
  if (!kept) pool.Keep({object->version.id, index}, chunk);
  std::vector<std::shared_ptr<Wait>> waiting;
  bool ahead = false;  // nobody has waited for it, nor was it here before
  {
    MutexLock lock(mu);
    const auto flight = object->flights.find(index);
    ahead = flight != object->flights.end() && !flight->second->read;
    waiting = TakeWaits(*object, index);
    ahead &= waiting.empty();
  }
  // Its reader need not read it from the file.
  if (kept && ahead && !object->small()) pool.Keep({object->version.id, index}, chunk);
  for (const auto& wait : waiting) {
    wait->Answer(bytes.substr(wait->begin, wait->end - wait->begin));
  }
}

bool Fetcher::State::PutIntoCache(ActiveObject& object, uint64_t index, std::string_view bytes) {
  if (object.through) return false;
  const Status put =
      object.small() ? cache.PutSmall(object.version.id, bytes) : object.file->Fill(index, bytes);
  if (object.small()) small_refused = !put;
  if (put) return true;
  // It had its room, so it is the disk that does not take it.
  const Code code = object.small() ? put.error().code : Code::kInternal;
  {
    MutexLock lock(mu);
    object.refusal = Error{code, put.error().message};
  }
  if (!object.through.exchange(true)) {
    LogWarning("the cache takes no more of an object; it is read through",
               {{"key", object.version.key}, {"error", put.error()}});
  }
  return false;
}

void Fetcher::State::Failed(const Job& job, uint64_t from, const Error& error) {
  std::vector<std::shared_ptr<Wait>> waiting;
  {
    MutexLock lock(mu);
    for (uint64_t chunk = from; chunk < job.end(); ++chunk) {
      const auto& flight = job.flights[chunk - job.first];
      const auto found = job.object->flights.find(chunk);
      if (found == job.object->flights.end() || found->second != flight) continue;
      // A second request may still bring it.
      if (--flight->gets > 0 || !flight->taken) continue;
      const auto taken = TakeWaits(*job.object, chunk);
      waiting.insert(waiting.end(), taken.begin(), taken.end());
    }
  }
  if (events.on_changed && (error.code == Code::kConflict || error.code == Code::kNotFound)) {
    events.on_changed(job.object->version, error);
  }
  for (const auto& wait : waiting) wait->Answer(error);
}

}  // namespace leat::datanode
