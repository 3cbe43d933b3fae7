// Reads: answered from the cache, or waits for the chunks that they need.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "base/log.h"
#include "datanode/fetcher_state.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;

// Where bytes go that are given on at once. Each thread has two, so that what came from a cache
// file can be joined to more: as long as its longest read, at most MostPerRead.
template <int kWhich>
char* Scratch(uint64_t size) {
  thread_local std::string buffer;
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

}  // namespace

// A read that spans chunks. When the last one comes, the others' bytes are taken from the cache;
// those of chunks that it did not take are copied when they come, while there is budget for it, and
// else looked for among the chunks kept in memory, or asked for again.
struct Fetcher::State::Gather {
  struct Part {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  Gather(State& s, std::shared_ptr<ActiveObject> o, uint64_t from, uint64_t to,
         std::optional<SteadyTime> asked, std::shared_ptr<Wait> w)
      : state(s), object(std::move(o)), offset(from), end(to), since(asked), whole(std::move(w)) {}
  ~Gather() {
    for (const auto& [chunk, copy] : copies) state.gathered -= copy.size();
  }
  uint64_t first() const { return offset / kChunkSize; }
  uint64_t last() const { return (end - 1) / kChunkSize; }
  Part PartOf(uint64_t chunk) const {
    return {std::max(offset, chunk * kChunkSize), std::min(end, (chunk + 1) * kChunkSize)};
  }
  // Whether there was budget for it.
  bool Copy(uint64_t chunk, std::string_view piece) {
    if (state.gathered.fetch_add(piece.size()) + piece.size() > state.options.MostPerRead()) {
      state.gathered -= piece.size();
      return false;
    }
    copies.emplace(chunk, piece);
    return true;
  }

  State& state;
  const std::shared_ptr<ActiveObject> object;
  const uint64_t offset;
  const uint64_t end;
  const std::optional<SteadyTime> since;
  // The caller's. Cancel finds it also while no chunk is waited for: between two rounds.
  const std::shared_ptr<Wait> whole;
  Mutex mu;           // for what follows, until all chunks have come: then one thread has it
  uint64_t left = 0;  // chunks that have not come
  std::map<uint64_t, std::string> copies;
  std::optional<Error> error;
};

bool Fetcher::State::AnswerFromCache(ActiveObject& object, uint64_t offset, uint64_t size,
                                     const Done& done) {
  if (object.small()) {
    const auto bytes = cache.ReadSmall(object.version.id);
    if (!bytes) {
      LogWarning("a cached file has changed on disk; what has is fetched again",
                 {{"key", object.version.key}, {"error", bytes.error()}});
    }
    if (!bytes || !*bytes || (*bytes)->size() != object.version.size) return false;
    hit_bytes += size;
    done(std::string_view(**bytes).substr(offset, size));
    return true;
  }
  const uint64_t chunk = offset / kChunkSize;
  if (!object.file || !object.file->Has(chunk)) return false;
  if (const auto kept = pool.Find({object.version.id, chunk});
      kept && offset % kChunkSize + size <= kept->size) {
    hit_bytes += size;
    done(kept->bytes().substr(offset % kChunkSize, size));
    if (offset % kChunkSize + size == kept->size) pool.Forget({object.version.id, chunk});
    return true;
  }
  char* const buffer = Scratch<0>(size);
  const auto read = object.file->Read(offset, {buffer, size});
  if (!object.file->Has(chunk)) {
    LogWarning("a cached file has changed on disk; what has is fetched again",
               {{"key", object.version.key}, {"object", object.version.id.ToHex()}});
  }
  if (!read || *read != size) return false;
  hit_bytes += size;
  done(std::string_view(buffer, size));
  // What it has gone past.
  const uint64_t end = offset + size;
  for (uint64_t at = chunk; at < object.chunks() && at * kChunkSize + object.LengthOf(at) <= end;
       ++at) {
    pool.Forget({object.version.id, at});
  }
  return true;
}

uint64_t Fetcher::Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset, uint64_t size,
                       Done done) {
  return state_->Read(object, offset, size, std::chrono::steady_clock::now(), std::move(done));
}

uint64_t Fetcher::State::Read(const std::shared_ptr<ActiveObject>& object, uint64_t offset,
                              uint64_t size, std::optional<SteadyTime> since, Done done) {
  if (offset >= object->version.size || size == 0) {
    done(std::string_view());
    return 0;
  }
  size = std::min(size, object->version.size - offset);
  if (size > options.MostPerRead()) {
    done(Error{Code::kInvalid, fmt::format("{}: a read of {} bytes: ask for {} at a time at most",
                                           object->version.key, size, options.MostPerRead())});
    return 0;
  }
  if (AnswerFromCache(*object, offset, size, done)) return 0;
  const uint64_t first = offset / kChunkSize;
  const uint64_t last = (offset + size - 1) / kChunkSize;
  if (first == last) {
    const uint64_t begin = offset - first * kChunkSize;
    uint64_t number;
    {
      MutexLock lock(mu);
      number = next_wait++;
    }
    return ReadChunk(object, first, begin, begin + size, number, since, std::move(done));
  }
  const auto whole = std::make_shared<Wait>();
  whole->done = std::move(done);
  {
    MutexLock lock(mu);
    whole->number = next_wait++;
    waits.emplace(whole->number, whole);
  }
  Collect(std::make_shared<Gather>(*this, object, offset, offset + size, since, whole));
  return whole->number;
}

void Fetcher::State::Collect(const std::shared_ptr<Gather>& gather) {
  std::vector<uint64_t> missing;
  {
    MutexLock lock(gather->mu);
    for (uint64_t chunk = gather->first(); chunk <= gather->last(); ++chunk) {
      if (!gather->copies.contains(chunk)) missing.push_back(chunk);
    }
    gather->left = missing.size();
  }
  for (const uint64_t chunk : missing) {
    const auto [begin, end] = gather->PartOf(chunk);
    const uint64_t start = chunk * kChunkSize;
    ReadChunk(gather->object, chunk, begin - start, end - start, gather->whole->number,
              std::nullopt, [this, gather, chunk](const Result<std::string_view>& piece) {
                TakePiece(gather, chunk, piece);
              });
  }
}

void Fetcher::State::TakePiece(const std::shared_ptr<Gather>& gather, uint64_t chunk,
                               const Result<std::string_view>& piece) {
  {
    MutexLock lock(gather->mu);
    if (!piece && !gather->error) gather->error = piece.error();
    if (--gather->left > 0) {
      const auto& file = gather->object->file;
      if (piece && !(file && file->Has(chunk))) (void)gather->Copy(chunk, *piece);
      return;
    }
  }
  if (gather->error) {
    Answer(*gather, *gather->error);
  } else if (gather->whole->answered) {  // cancelled since the piece came
    CountStall(gather->since);
  } else if (!Join(*gather, chunk, *piece)) {
    (void)gather->Copy(chunk, *piece);
    Collect(gather);
  }
}

bool Fetcher::State::Join(Gather& gather, uint64_t at_hand, std::string_view piece) {
  char* const bytes = Scratch<1>(gather.end - gather.offset);
  for (uint64_t chunk = gather.first(); chunk <= gather.last(); ++chunk) {
    const auto [begin, end] = gather.PartOf(chunk);
    char* const to = bytes + (begin - gather.offset);
    if (chunk == at_hand) {
      std::memcpy(to, piece.data(), piece.size());
    } else if (const auto copy = gather.copies.find(chunk); copy != gather.copies.end()) {
      std::memcpy(to, copy->second.data(), copy->second.size());
    } else if (!CopyOfKept(*gather.object, begin, {to, end - begin})) {
      return false;
    }
  }
  Answer(gather, std::string_view(bytes, gather.end - gather.offset));
  return true;
}

void Fetcher::State::Answer(Gather& gather, Result<std::string_view> answer) {
  CountStall(gather.since);
  {
    MutexLock lock(mu);
    Forget(gather.whole);
  }
  gather.whole->Answer(std::move(answer));
}

bool Fetcher::State::CopyOfKept(ActiveObject& object, uint64_t offset, std::span<char> to) {
  const uint64_t chunk = offset / kChunkSize;
  if (object.file && object.file->Has(chunk)) {
    const auto read = object.file->Read(offset, to);
    return read && *read == to.size();
  }
  const auto kept = pool.Find({object.version.id, chunk});
  if (kept) std::memcpy(to.data(), kept->data.get() + offset % kChunkSize, to.size());
  return kept != nullptr;
}

uint64_t Fetcher::State::ReadChunk(const std::shared_ptr<ActiveObject>& object, uint64_t chunk,
                                   uint64_t begin, uint64_t end, uint64_t number,
                                   std::optional<SteadyTime> since, Done done) {
  auto wait = std::make_shared<Wait>();
  wait->number = number;
  wait->begin = begin;
  wait->end = end;
  wait->since = since;
  wait->done = std::move(done);
  while (true) {
    const uint64_t ended = object->ended;
    if (AnswerFromCache(*object, chunk * kChunkSize + begin, end - begin, wait->done)) return 0;
    if (auto kept = pool.Find({object->version.id, chunk})) {
      // The cache did not take it when it came; to an object that was opened since, or is loaded,
      // it may be more generous.
      (void)PutIntoCache(*object, chunk, kept->bytes());
      wait->Answer(kept->bytes().substr(begin, end - begin));
      return 0;
    }
    MutexLock lock(mu);
    // It may have come between the looks above and the lock.
    if (object->ended != ended) continue;
    std::shared_ptr<Flight>& flight = object->flights[chunk];
    if (!flight) flight = std::make_shared<Flight>();
    flight->waits.push_back(wait);
    waits.emplace(number, wait);
    if (!flight->taken) object->lane.demand.emplace_back(object, chunk);
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
    for (const auto& wait : cancelled) state_->CountStall(wait->since);
  }
  for (const auto& wait : cancelled) wait->Answer(Error{Code::kCancelled, "the read was given up"});
}

void Fetcher::State::CountStall(std::optional<SteadyTime> since) {
  if (since) stall_ns += static_cast<uint64_t>((std::chrono::steady_clock::now() - *since).count());
}

std::vector<std::shared_ptr<Wait>> Fetcher::State::TakeWaits(ActiveObject& object, uint64_t chunk) {
  auto flight = object.flights.find(chunk);
  if (flight == object.flights.end()) return {};
  std::vector<std::shared_ptr<Wait>> taken = std::move(flight->second->waits);
  object.flights.erase(flight);
  ++object.ended;
  if (object.flights.empty()) object.anticipated = nullptr;
  std::erase_if(taken, [](const auto& wait) { return wait->answered.load(); });  // given up
  for (const auto& wait : taken) {
    CountStall(wait->since);
    Forget(wait);
  }
  return taken;
}

void Fetcher::State::Forget(const std::shared_ptr<Wait>& wait) {
  const auto [begin, end] = waits.equal_range(wait->number);
  const auto found =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second == wait; });
  if (found != end) waits.erase(found);
}

}  // namespace leat::datanode
