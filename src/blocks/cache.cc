#include "blocks/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "blocks/cache_directory.h"
#include "blocks/cache_format.h"
#include "io/descriptor_limit.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

// Files that stay open though nobody holds them: opening them again costs a check of every chunk.
constexpr size_t kMostIdle = 4096;

// Of the descriptors that the process may have, a quarter is for segments, and these at least are
// for all else: connections to stores, files of sources, clients of the control socket, devices.
constexpr size_t kReserve = 256;

size_t MostSegments() { return std::max<size_t>(io::DescriptorLimit() / 4, 1); }

// Objects with two descriptors each.
size_t MostOpen() {
  const size_t limit = io::DescriptorLimit();
  return (limit - limit / 4 - std::min(limit / 4, kReserve)) / 2;
}

// Few large segments rather than none for what comes, where the process may have few descriptors.
uint64_t SegmentSizeFor(uint64_t limit, size_t directories) {
  const uint64_t least = limit / MostSegments() * directories;
  return std::clamp<uint64_t>(limit / 16, 4 * kPackedBelow,
                              std::clamp(least, kSegmentSize, kLargestSegment));
}

Error NoRoom() { return {Code::kExhausted, "the cache is full of what is still in use"}; }

}  // namespace

Cache::Handle& Cache::Handle::operator=(Handle&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(file_, other.file_);
  return *this;
}

Cache::Handle::~Handle() {
  if (file_) cache_->Release(file_);
}

Cache::Cache(Clock& clock) : clock_(clock), most_open_(MostOpen()) {}

Cache::~Cache() = default;

Result<std::unique_ptr<Cache>> Cache::Open(std::vector<CacheDirectory> directories, Clock& clock) {
  std::unique_ptr<Cache> cache(new Cache(clock));
  std::stable_sort(directories.begin(), directories.end(),
                   [](const auto& a, const auto& b) { return a.tier < b.tier; });
  for (CacheDirectory& options : directories) {
    if (auto made = io::MakeDirs(options.path, 0700); !made) return made.error();
    if (options.limit == 0) {
      struct statvfs status;
      if (::statvfs(options.path.c_str(), &status) != 0) {
        return io::ErrnoError(errno, "statvfs " + options.path);
      }
      options.limit = status.f_blocks * status.f_frsize / 10;
    }
    cache->directories_.push_back(std::make_unique<Directory>(std::move(options)));
  }
  for (size_t index = 0; index < cache->directories_.size(); ++index) {
    if (auto loaded = cache->Load(index); !loaded) return loaded.error();
  }
  return cache;
}

Status Cache::Load(size_t index) {
  Directory& directory = *directories_[index];
  const std::string& path = directory.options.path;
  auto lock = io::FileLock::Take(path + "/lock");
  if (!lock) return lock.error();
  (void)lock->SetNote("leat, process " + std::to_string(getpid()));  // a full disk takes none
  directory.lock = std::move(*lock);
  if (auto begun = BeginFormat(path); !begun) return begun;
  const auto pins = ReadPins(path);
  if (!pins) return pins.error();
  for (std::string_view line : Split(*pins, '\n')) {
    if (const auto pin = ParsePin(line)) directory.pins[pin->id] = {.size = pin->size};
  }
  Segments::Keep stays;
  if (!directory.pins.empty()) {
    stays = [&](const ObjectId& id) { return directory.pins.contains(id); };
  }
  directory.most_segments = std::max<size_t>(MostSegments() / directories_.size(), 1);
  // An earlier process may have left more of them than this one may open.
  auto segments = Segments::Open(path, SegmentSizeFor(directory.options.limit, directories_.size()),
                                 directory.most_segments, stays);
  if (!segments) return segments.error();
  directory.segments = std::move(*segments);

  MutexLock locked(mu_);
  for (uint32_t number : directory.segments->Numbers()) {
    directory.policy.Add(SegmentId(number), directory.segments->RoomOf(number));
    directory.segment_ids[SegmentId(number)] = number;
  }
  if (auto made = io::MakeDirs(path + "/objects", 0700); !made) return made.error();
  auto groups = io::ListDir(path + "/objects");
  if (!groups) return groups.error();
  for (const std::string& group : *groups) {
    auto names = io::ListDir(path + "/objects/" + group);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (!name.ends_with(".data")) continue;
      const auto id = ParseId(std::string_view(name).substr(0, name.size() - 5));
      const auto summary = id ? ObjectFile::Summarize(path, *id) : std::nullopt;
      if (!summary) continue;
      Entry entry{.size = summary->size, .directory = index, .summary = *summary};
      if (!entries_.try_emplace(*id, std::move(entry)).second) continue;
      directory.policy.Add(*id, summary->size);
      directory.use->bytes += summary->allocated;
      ++directory.objects;
    }
  }
  for (const auto& [id, pin] : directory.pins) {
    directory.pinned += RoomOfPin(pin.size);
    PlacePin(directory, id);
    if (auto found = entries_.find(id); found != entries_.end()) {
      found->second.pinned = true;
      directory.policy.Hold(id);
    }
  }
  // A smaller limit than last time: what is oldest goes at once.
  while (directory.policy.used() > directory.policy.capacity()) {
    const uint64_t over = directory.policy.used() - directory.policy.capacity();
    const auto leaving = directory.policy.Oldest(over);
    if (leaving.empty()) break;
    Leave(directory, leaving);
  }
  return {};
}

void Cache::Access(const ObjectId& id, uint64_t size) {
  MutexLock lock(mu_);
  for (auto& directory : directories_) {
    const auto segment = directory->segments->SegmentOf(id);
    directory->policy.Access(segment ? SegmentId(*segment) : id, size);
  }
}

template <typename Function>
auto Cache::WithDescriptors(const Function& open) {
  auto opened = open();
  if (!opened && opened.error().code == Code::kExhausted && CloseIdle(idle_.size() / 2)) {
    opened = open();
  }
  return opened;
}

Cache::Handle Cache::HoldLocked(const ObjectId& id, bool beyond) {
  auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  Directory& directory = *directories_[entry.directory];
  if (!entry.file) {
    if (!MayOpen() && !beyond) return {};
    auto file = WithDescriptors([&] {
      return ObjectFile::Open(directory.options.path, id, directory.use, entry.summary.allocated);
    });
    if (!file) {
      // Out of descriptors, say: it is as good as it was, only not now.
      const bool rotten =
          file.error().code == Code::kCorrupt || file.error().code == Code::kNotFound;
      LogWarning(rotten ? "a cached object is damaged and is dropped"
                        : "a cached object cannot be opened now",
                 {{"object", id.ToHex()}, {"error", file.error()}});
      if (rotten) {
        ++corrupt_;
        Discard(id);
      }
      return {};
    }
    entry.file = std::move(*file);
    ++open_;
  } else if (entry.holds == 0) {
    idle_.erase(entry.idle);
  }
  ++entry.holds;
  directory.policy.Hold(id);
  return Handle(this, entry.file);
}

void Cache::Release(const std::shared_ptr<ObjectFile>& file) {
  MutexLock lock(mu_);
  Entry& entry = entries_.at(file->id());
  directories_[entry.directory]->policy.Unhold(file->id());
  if (--entry.holds > 0) return;
  entry.idle = idle_.insert(idle_.end(), file->id());
  const size_t beyond = open_ - std::min(open_, most_open_);
  (void)CloseIdle(std::min(kMostIdle, idle_.size() - std::min(idle_.size(), beyond)));
}

bool Cache::CloseIdle(size_t most) {
  const size_t before = idle_.size();
  while (idle_.size() > most) {
    Entry& closed = entries_.at(idle_.front());
    closed.file->Settle();
    closed.summary = closed.file->Summary();
    closed.file.reset();
    --open_;
    idle_.pop_front();
  }
  return idle_.size() < before;
}

bool Cache::MayOpen() {
  if (open_ >= most_open_ && !idle_.empty()) (void)CloseIdle(idle_.size() - 1);
  return open_ < most_open_;
}

bool Cache::GiveBackDescriptors() {
  MutexLock lock(mu_);
  return CloseIdle(idle_.size() / 2);
}

Cache::Handle Cache::Find(const ObjectId& id) {
  MutexLock lock(mu_);
  return HoldLocked(id);
}

Cache::Handle Cache::FindBriefly(const ObjectId& id) {
  MutexLock lock(mu_);
  return HoldLocked(id, /*beyond=*/true);
}

ObjectSummary Cache::SummaryOf(const Entry& entry) {
  return entry.file ? entry.file->Summary() : entry.summary;
}

bool Cache::IsComplete(const ObjectId& id) const {
  MutexLock lock(mu_);
  auto found = entries_.find(id);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  return entry.file ? entry.file->complete() : entry.summary.complete;
}

Result<Cache::Handle> Cache::FindOrCreate(const ObjectId& id, uint64_t size) {
  MutexLock lock(mu_);
  if (Handle handle = HoldLocked(id)) return handle;
  if (entries_.contains(id)) return Error{Code::kInternal, "its cached file cannot be opened now"};
  if (!MayOpen()) {
    ++refused_;
    return Error{Code::kExhausted,
                 fmt::format("{} cached files are in use, as many as the limit of descriptors "
                             "allows; raise it (ulimit -n) before the first mount",
                             open_)};
  }
  Error why = NoRoom();
  const auto pinned_where = PinnedWhere(id);
  // First where there is room as it is, then where something overdue makes room.
  for (bool evict : {false, true}) {
    for (size_t index = 0; index < directories_.size(); ++index) {
      Directory& directory = *directories_[index];
      const bool pinned = pinned_where == index;
      if (pinned_where && !pinned) continue;
      const auto leaving = directory.policy.Admit(
          size, pinned ? Residency::Claim::kPinned : Residency::Claim::kUsual);
      if (!leaving || (!evict && !leaving->empty())) continue;
      Leave(directory, *leaving);
      auto file = WithDescriptors(
          [&] { return ObjectFile::Create(directory.options.path, id, size, directory.use); });
      if (!file) {
        why = Error{Code::kInternal, file.error().message};
        continue;
      }
      entries_[id] = {.size = size, .directory = index, .pinned = pinned, .file = *file};
      idle_.push_back(id);
      entries_[id].idle = std::prev(idle_.end());
      ++open_;
      directory.policy.Add(id, size);
      ++directory.objects;
      if (pinned) directory.policy.Hold(id);
      return HoldLocked(id);
    }
  }
  ++refused_;
  return why;
}

void Cache::Leave(Directory& directory, const std::vector<ObjectId>& leaving) {
  for (const ObjectId& id : leaving) {
    const auto segment = directory.segment_ids.find(id);
    if (segment == directory.segment_ids.end()) {
      Discard(id);
    } else {
      LeaveSegment(directory, segment->second);
    }
    ++evictions_;
  }
}

void Cache::LeaveSegment(Directory& directory, uint32_t number) {
  Status reduced;
  const bool pinned = directory.policy.PinnedIn(SegmentId(number)) > 0;
  if (pinned) {
    // Under the lock, so that nothing is pinned meanwhile. It is seldom, and copies no more than
    // goes, or for a pinned object at most seven times that.
    const auto is_pinned = [&](const ObjectId& id) { return directory.pins.contains(id); };
    reduced = WithDescriptors([&] { return directory.segments->Reduce(number, is_pinned); });
  }
  if (!reduced) {
    // It would be tried for each object that comes.
    LogWarning("pinned small files leave the cache, since their segment cannot be rewritten",
               {{"error", reduced.error()}});
  }
  if (!pinned || !reduced) directory.segments->RemoveSegment(number);
  Settle(directory, number);
}

void Cache::Settle(Directory& directory, uint32_t number) {
  const uint64_t room = directory.segments->RoomOf(number);
  if (room > 0) return directory.policy.Resize(SegmentId(number), room);
  directory.segment_ids.erase(SegmentId(number));
  directory.policy.Remove(SegmentId(number));
}

void Cache::Discard(const ObjectId& id) {
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  Directory& directory = *directories_[entry.directory];
  directory.policy.Remove(id);
  --directory.objects;
  if (entry.file) {
    idle_.erase(entry.idle);
    --open_;
    entry.file->Discard();
  } else {
    ObjectFile::Remove(directory.options.path, id);
    directory.use->bytes -= entry.summary.allocated;
  }
  entries_.erase(found);
}

bool Cache::HasSmall(const ObjectId& id) const {
  return std::any_of(directories_.begin(), directories_.end(),
                     [&](const auto& directory) { return directory->segments->Has(id); });
}

Result<std::optional<std::string>> Cache::ReadSmall(const ObjectId& id) {
  for (auto& directory : directories_) {
    if (!directory->segments->Has(id)) continue;
    auto bytes = directory->segments->Read(id);
    if (!bytes) {
      MutexLock lock(mu_);
      PlacePin(*directory, id);
    }
    if (!bytes || *bytes) return bytes;
  }
  return std::nullopt;
}

Status Cache::MakeRoomForSmall(Directory& directory, uint64_t size, bool pinned) {
  Segments& segments = *directory.segments;
  if (!segments.IsFull(size)) return {};
  const auto leaving = directory.policy.Admit(
      segments.segment_size(), pinned ? Residency::Claim::kPinned : Residency::Claim::kUsual);
  if (!leaving) return NoRoom();
  Leave(directory, *leaving);
  KeepSegmentsFew(directory);
  const std::vector<uint32_t> before = segments.Numbers();
  auto number = WithDescriptors([&] { return segments.Begin(); });
  if (!before.empty()) Settle(directory, before.back());  // it takes nothing more
  if (!number) return Error{Code::kInternal, number.error().message};
  directory.segment_ids[SegmentId(*number)] = *number;
  directory.policy.Add(SegmentId(*number), segments.segment_size());
  return {};
}

void Cache::KeepSegmentsFew(Directory& directory) {
  Segments& segments = *directory.segments;
  while (segments.Numbers().size() >= directory.most_segments) {
    const auto pair = segments.Mergeable();
    if (!pair) return;
    const uint32_t into = pair->first;
    const uint32_t from = pair->second;
    if (auto merged = WithDescriptors([&] { return segments.Merge(into, from); }); !merged) {
      LogWarning("two segments of small files cannot be made one", {{"error", merged.error()}});
      return;
    }
    for (const auto& [id, pin] : directory.pins) {
      if (pin.segment == from) PlacePin(directory, id);
    }
    Settle(directory, into);
    Settle(directory, from);
  }
}

Status Cache::PutSmall(const ObjectId& id, std::string_view bytes) {
  if (HasSmall(id)) return {};
  Error why = NoRoom();
  for (size_t index = 0; index < directories_.size(); ++index) {
    Directory& directory = *directories_[index];
    const auto make_room = [&]() -> Status {
      MutexLock lock(mu_);
      const auto pinned = PinnedWhere(id);
      if (pinned && *pinned != index) return NoRoom();
      return MakeRoomForSmall(directory, bytes.size(), pinned.has_value());
    };
    while (true) {
      const Status room = make_room();
      if (!room) {
        if (room.error().code != Code::kExhausted) why = room.error();
        break;
      }
      const Status appended = directory.segments->Append(id, bytes);
      if (appended) {
        MutexLock lock(mu_);
        PlacePin(directory, id);
        // Its segment may have left before it was known to have something pinned.
        if (directory.pins.contains(id) && !directory.segments->Has(id)) continue;
        return {};
      }
      if (appended.error().code == Code::kConflict) continue;  // another thread took the room
      why = Error{Code::kInternal, appended.error().message};
      break;
    }
  }
  MutexLock lock(mu_);
  ++refused_;
  return why;
}

}  // namespace leat::blocks
