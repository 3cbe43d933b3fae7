// Reads: answered from the cache, or waits for the chunks that they need.
#include <algorithm>
#include <cstring>
#include <utility>

#include "datanode/fetcher_state.h"

namespace leat::datanode {
namespace {

using blocks::kChunkSize;

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
    if (!flight.running) object->lane.demand.emplace_back(object, chunk);
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

}  // namespace leat::datanode
