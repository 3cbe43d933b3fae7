// What the cache says of itself, and what users ask of single objects: pins, evictions, checks.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/strings.h"
#include "blocks/cache.h"
#include "blocks/cache_directory.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

Result<uint64_t> ParseSize(std::string_view text) {
  const Error bad{
      Code::kInvalid,
      "\"" + std::string(text) + "\" is no size: use a number with K, M, G or T, such as 200G"};
  if (text.empty()) return bad;
  std::string_view digits = text;
  if (digits.ends_with("iB")) digits.remove_suffix(2);
  uint64_t unit = 1;
  const size_t power = std::string_view("KMGT").find(digits.empty() ? '?' : digits.back());
  if (power != std::string_view::npos) {
    unit = 1ull << (10 * (power + 1));
    digits.remove_suffix(1);
  }
  const auto number = ParseInt(digits);
  if (!number || *number <= 0 || static_cast<uint64_t>(*number) > (1ull << 60) / unit) return bad;
  return static_cast<uint64_t>(*number) * unit;
}

}  // namespace

std::string_view TierName(Tier tier) {
  switch (tier) {
    case Tier::kMemory:
      return "memory";
    case Tier::kSsd:
      return "ssd";
    case Tier::kHdd:
      return "hdd";
  }
  return "";
}

Result<CacheDirectory> CacheDirectory::Parse(std::string_view text) {
  CacheDirectory directory;
  const std::vector<std::string_view> parts = Split(text, ',');
  directory.path = std::string(parts[0]);
  if (!directory.path.starts_with("/")) {
    return Error{Code::kInvalid, "cache directory \"" + directory.path + "\": give a full path"};
  }
  while (directory.path.size() > 1 && directory.path.ends_with("/")) directory.path.pop_back();
  for (std::string_view part : std::span(parts).subspan(1)) {
    const auto pair = Cut(part, "=");
    if (pair && pair->first == "size") {
      const auto size = ParseSize(pair->second);
      if (!size) return size.error().Within("cache directory " + directory.path);
      directory.limit = *size;
    } else if (pair && pair->first == "tier" && pair->second == "memory") {
      directory.tier = Tier::kMemory;
    } else if (pair && pair->first == "tier" && pair->second == "ssd") {
      directory.tier = Tier::kSsd;
    } else if (pair && pair->first == "tier" && pair->second == "hdd") {
      directory.tier = Tier::kHdd;
    } else {
      return Error{Code::kInvalid, "cache directory " + directory.path + ": \"" +
                                       std::string(part) +
                                       "\" is not size=N or tier=memory|ssd|hdd"};
    }
  }
  return directory;
}

std::string CacheDirectory::ToString() const {
  return fmt::format("{},size={},tier={}", path, limit, TierName(tier));
}

Status Cache::SavePins(size_t index) {
  std::string text;
  for (const auto& [id, pin] : directories_[index]->pins) {
    text += id.ToHex() + " " + std::to_string(pin.size) + "\n";
  }
  return io::WriteFileAtomic(directories_[index]->options.path + "/pins", text);
}

std::optional<size_t> Cache::PinnedWhere(const ObjectId& id) const {
  for (size_t index = 0; index < directories_.size(); ++index) {
    if (directories_[index]->pins.contains(id)) return index;
  }
  return std::nullopt;
}

bool Cache::IsPinned(const ObjectId& id) const {
  MutexLock lock(mu_);
  return PinnedWhere(id).has_value();
}

void Cache::PlacePin(Directory& directory, const ObjectId& id) {
  const auto found = directory.pins.find(id);
  if (found == directory.pins.end() || found->second.size >= kPackedBelow) return;
  PinnedObject& pin = found->second;
  const uint32_t segment = directory.segments->SegmentOf(id).value_or(0);
  if (segment == pin.segment) return;
  const auto room = static_cast<int64_t>(RoomOfPin(pin.size));
  if (pin.segment != 0) directory.policy.AddPinned(SegmentId(pin.segment), -room);
  if (segment != 0) directory.policy.AddPinned(SegmentId(segment), room);
  pin.segment = segment;
}

Status Cache::AddPin(const PinWish& wish, std::vector<size_t>& directories) {
  const auto found = entries_.find(wish.id);
  const bool small = HasSmall(wish.id);
  const uint64_t room = RoomOfPin(wish.size);
  for (size_t index = 0; index < directories_.size(); ++index) {
    Directory& directory = *directories_[index];
    if (found != entries_.end() && found->second.directory != index) continue;
    if (small && !directory.segments->Has(wish.id)) continue;
    if (directory.pinned + room > directory.options.limit) continue;
    directory.pins[wish.id] = {.size = wish.size};
    directory.pinned += room;
    PlacePin(directory, wish.id);
    if (found != entries_.end()) {
      found->second.pinned = true;
      directory.policy.Hold(wish.id);
    }
    directories.push_back(index);
    return {};
  }
  return Error{Code::kExhausted, "more bytes would be pinned than the cache may hold"};
}

void Cache::RemovePin(size_t index, const ObjectId& id) {
  Directory& directory = *directories_[index];
  const auto found = directory.pins.find(id);
  const PinnedObject pin = found->second;
  if (pin.segment != 0) {
    directory.policy.AddPinned(SegmentId(pin.segment), -static_cast<int64_t>(RoomOfPin(pin.size)));
  }
  directory.pinned -= RoomOfPin(pin.size);
  directory.pins.erase(found);
  if (auto entry = entries_.find(id); entry != entries_.end() && entry->second.pinned) {
    entry->second.pinned = false;
    directory.policy.Unhold(id);
  }
}

Status Cache::Pin(std::span<const PinWish> objects) {
  MutexLock lock(mu_);
  std::vector<ObjectId> added;
  std::vector<size_t> directories;  // of those
  Status pinned;
  for (const PinWish& wish : objects) {
    if (PinnedWhere(wish.id)) continue;
    pinned = AddPin(wish, directories);
    if (!pinned) break;
    added.push_back(wish.id);
  }
  for (size_t index = 0; pinned && index < directories_.size(); ++index) {
    if (std::find(directories.begin(), directories.end(), index) == directories.end()) continue;
    pinned = SavePins(index);
  }
  if (pinned) return {};
  for (size_t n = 0; n < added.size(); ++n) RemovePin(directories[n], added[n]);
  return pinned;
}

Status Cache::Unpin(std::span<const ObjectId> ids) {
  MutexLock lock(mu_);
  std::vector<bool> changed(directories_.size());
  for (const ObjectId& id : ids) {
    const auto index = PinnedWhere(id);
    if (!index) continue;
    RemovePin(*index, id);
    changed[*index] = true;
  }
  for (size_t index = 0; index < directories_.size(); ++index) {
    if (!changed[index]) continue;
    if (auto saved = SavePins(index); !saved) return saved;
  }
  return {};
}

Status Cache::Evict(const ObjectId& id) {
  MutexLock lock(mu_);
  auto found = entries_.find(id);
  const Error pinned{Code::kConflict, "the object is pinned: unpin it first"};
  if (found == entries_.end()) {
    if (HasSmall(id) && PinnedWhere(id)) return pinned;
    if (RemoveSmall(id)) ++evictions_;
    return {};
  }
  if (found->second.holds > 0) return Error{Code::kConflict, "the object is open"};
  if (found->second.pinned) return pinned;
  ++evictions_;
  Discard(id);
  return {};
}

bool Cache::RemoveSmall(const ObjectId& id) {
  bool removed = false;
  for (auto& directory : directories_) {
    const auto number = directory->segments->SegmentOf(id);
    if (!number) continue;
    directory->segments->Remove(id);
    PlacePin(*directory, id);
    removed = true;
    if (directory->segments->RemoveIfDead(*number)) Settle(*directory, *number);
  }
  return removed;
}

void Cache::Compact(const std::stop_token& stop) {
  for (auto& directory : directories_) {
    for (uint32_t number : directory->segments->Numbers()) {
      if (stop.stop_requested()) return;
      CompactSegment(*directory, number);
    }
  }
}

void Cache::CompactSegment(Directory& directory, uint32_t number) {
  if (!directory.segments->IsWasteful(number)) return;
  if (auto done = directory.segments->Compact(number); !done) {
    LogWarning("the room of small files that left the cache cannot be given back yet",
               {{"error", done.error()}});
  }
  MutexLock lock(mu_);
  Settle(directory, number);
}

CacheStats Cache::StatsOf(size_t index) const {
  const Directory& directory = *directories_[index];
  return {.limit = directory.options.limit,
          .used = directory.use->bytes + directory.segments->AllocatedBytes(),
          .unlinked = directory.use->unlinked,
          .objects = directory.objects,
          .packed = directory.segments->objects(),
          .pinned = directory.pinned,
          .corrupt_chunks = directory.segments->rotten() + directory.use->rotten};
}

CacheStats Cache::Stats() const {
  CacheStats sum;
  MutexLock lock(mu_);
  for (size_t index = 0; index < directories_.size(); ++index) {
    const CacheStats one = StatsOf(index);
    sum.limit += one.limit;
    sum.used += one.used;
    sum.unlinked += one.unlinked;
    sum.objects += one.objects;
    sum.packed += one.packed;
    sum.pinned += one.pinned;
    sum.corrupt_chunks += one.corrupt_chunks;
  }
  sum.corrupt_chunks += corrupt_;
  sum.evictions = evictions_;
  sum.refused = refused_;
  return sum;
}

std::vector<std::pair<CacheDirectory, CacheStats>> Cache::DirectoryStats() const {
  std::vector<std::pair<CacheDirectory, CacheStats>> all;
  MutexLock lock(mu_);
  for (size_t index = 0; index < directories_.size(); ++index) {
    all.emplace_back(directories_[index]->options, StatsOf(index));
  }
  return all;
}

std::optional<CachedObject> Cache::Describe(const ObjectId& id) const {
  MutexLock lock(mu_);
  if (auto found = entries_.find(id); found != entries_.end()) {
    const Entry& entry = found->second;
    return CachedObject{.id = id,
                        .size = entry.size,
                        .cached = SummaryOf(entry).present,
                        .packed = false,
                        .pinned = entry.pinned,
                        .open = entry.holds};
  }
  for (const auto& directory : directories_) {
    if (const auto size = directory->segments->SizeOf(id)) {
      return CachedObject{.id = id,
                          .size = *size,
                          .cached = *size,
                          .packed = true,
                          .pinned = directory->pins.contains(id)};
    }
  }
  return std::nullopt;
}

void Cache::Each(const std::function<void(const CachedObject&)>& each) const {
  std::vector<ObjectId> ids;
  {
    MutexLock lock(mu_);
    for (const auto& [id, entry] : entries_) ids.push_back(id);
  }
  for (const auto& directory : directories_) {
    directory->segments->Each([&](const ObjectId& id, uint32_t) { ids.push_back(id); });
  }
  for (const ObjectId& id : ids) {
    if (const auto object = Describe(id)) each(*object);
  }
}

Result<Cache::Scrubbed> Cache::Scrub(uint64_t bytes_per_second,
                                     const std::function<void(uint64_t, uint64_t)>& progress,
                                     const std::stop_token& stop,
                                     const std::function<void(const ObjectId&)>& rotten) {
  uint64_t all = 0, done = 0;
  Scrubbed scrubbed;
  uint64_t& dropped = scrubbed.dropped;
  std::vector<CachedObject> objects;
  Each([&](const CachedObject& object) {
    objects.push_back(object);
    all += object.cached;
  });
  // Waits as long as the bytes may take; false on stop.
  const auto account = [&](uint64_t bytes) {
    done += bytes;
    progress(done, std::max(all, done));
    if (stop.stop_requested()) return false;
    if (bytes_per_second == 0) return true;
    const std::chrono::duration<double> wait(static_cast<double>(bytes) /
                                             static_cast<double>(bytes_per_second));
    return clock_.SleepFor(std::chrono::duration_cast<std::chrono::nanoseconds>(wait), stop);
  };
  const Error cancelled{Code::kCancelled, "checking the cache: stopped"};
  for (const CachedObject& object : objects) {
    if (object.packed) {
      const auto bytes = ReadSmall(object.id);
      if (!bytes) {
        ++dropped;
        rotten(object.id);
      }
      if (!account(object.size)) return cancelled;
      continue;
    }
    const Handle file = Find(object.id);
    if (!file) {
      if (Describe(object.id)) ++scrubbed.skipped;  // else it has gone meanwhile
      continue;
    }
    const uint64_t before = dropped;
    for (uint64_t chunk = 0; chunk < file->chunks(); ++chunk) {
      if (!file->Has(chunk)) continue;
      const auto good = file->Check(chunk);
      if (!good || !*good) ++dropped;
      if (!account(kChunkSize)) return cancelled;
    }
    if (dropped > before) rotten(object.id);
    file->Settle();
  }
  Compact(stop);
  return scrubbed;
}

}  // namespace leat::blocks
