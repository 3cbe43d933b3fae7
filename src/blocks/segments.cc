#include "blocks/segments.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "blocks/read_window.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

constexpr uint32_t kMagic = 0x4745534c;
constexpr uint32_t kDead = 0x44414544;

struct Header {  // little-endian
  uint32_t magic;
  uint32_t header_crc32c;  // of size, bytes_crc32c and id
  uint32_t size;
  uint32_t bytes_crc32c;
  uint8_t id[16];
  uint32_t dead;
  uint8_t padding[12];
};
static_assert(sizeof(Header) == 48);

uint32_t HeaderCrc(const Header& header) {
  return hash::Crc32c({reinterpret_cast<const char*>(&header) + offsetof(Header, size),
                       offsetof(Header, dead) - offsetof(Header, size)});
}

uint64_t RecordSize(uint64_t size) { return sizeof(Header) + (size + 7) / 8 * 8; }

std::string Record(const ObjectId& id, std::string_view bytes) {
  Header header{};
  header.magic = kMagic;
  header.size = static_cast<uint32_t>(bytes.size());
  header.bytes_crc32c = hash::Crc32c(bytes);
  std::copy(id.bytes.begin(), id.bytes.end(), header.id);
  header.header_crc32c = HeaderCrc(header);
  std::string record;
  record.reserve(RecordSize(bytes.size()));
  record.append(reinterpret_cast<const char*>(&header), sizeof header);
  record.append(bytes);
  record.resize(RecordSize(bytes.size()));
  return record;
}

// Calls `each` with the records of a segment file, until one was cut short. Where it ends.
uint64_t ReadRecords(int fd, uint64_t length,
                     const std::function<void(const Header&, const ObjectId&, uint64_t)>& each) {
  uint64_t offset = 0;
  Header header;
  while (offset + sizeof header <= length && ReadAt(fd, &header, sizeof header, offset)) {
    if (header.magic != kMagic || header.header_crc32c != HeaderCrc(header)) break;
    if (offset + RecordSize(header.size) > length) break;
    ObjectId id;
    std::copy(std::begin(header.id), std::end(header.id), id.bytes.begin());
    if (header.dead != kDead) each(header, id, offset);
    offset += RecordSize(header.size);
  }
  return offset;
}

// Whether a segment file has a living record that is to stay.
bool HoldsAny(const std::string& path, const Segments::Keep& stays) {
  const auto fd = io::Open(path, O_RDONLY | O_NOFOLLOW);
  bool holds = false;
  if (fd) {
    ReadRecords(fd->get(), kLargestSegment,
                [&](const Header&, const ObjectId& id, uint64_t) { holds |= stays(id); });
  }
  return holds;
}

}  // namespace

uint64_t Segments::RoomFor(uint64_t size) { return RecordSize(size); }

std::string Segments::PathOf(uint32_t number) const {
  return fmt::format("{}/segments/{:08}.seg", dir_, number);
}

Result<std::unique_ptr<Segments>> Segments::Open(const std::string& dir, uint64_t segment_size,
                                                 size_t most, const Keep& stays) {
  std::unique_ptr<Segments> segments(new Segments(dir, segment_size));
  if (auto made = io::MakeDirs(dir + "/segments", 0700); !made) return made.error();
  auto names = io::ListDir(dir + "/segments");
  if (!names) return names.error();
  std::vector<uint32_t> numbers;
  for (const std::string& name : *names) {
    const auto number = ParseInt(name.substr(0, name.find('.')));
    if (!number || *number <= 0 || *number >= UINT32_MAX) continue;
    // The process ended before it replaced the segment.
    if (name == fmt::format("{:08}.seg.new", *number)) (void)io::Remove(dir + "/segments/" + name);
    if (name != fmt::format("{:08}.seg", *number)) continue;
    numbers.push_back(static_cast<uint32_t>(*number));
  }
  segments->RemoveOldest(numbers, most, stays);
  for (const uint32_t number : numbers) {
    if (auto loaded = segments->Load(number); !loaded) {
      LogWarning("a cache segment cannot be read and is left out",
                 {{"file", segments->PathOf(number)}, {"error", loaded.error()}});
    }
  }
  return segments;
}

void Segments::RemoveOldest(std::vector<uint32_t>& numbers, size_t most, const Keep& stays) const {
  if (numbers.size() <= most) return;
  std::sort(numbers.begin(), numbers.end());
  std::stable_partition(numbers.begin(), numbers.end(), [&](uint32_t number) {
    return !stays || !HoldsAny(PathOf(number), stays);
  });
  const auto end = numbers.end() - static_cast<ptrdiff_t>(most);
  LogWarning(
      "the oldest small files leave the cache, since the limit of descriptors is too low for all; "
      "raise it (ulimit -n) before the first mount",
      {{"directory", dir_}, {"segments", std::to_string(end - numbers.begin())}});
  for (auto number = numbers.begin(); number != end; ++number) ::unlink(PathOf(*number).c_str());
  numbers.erase(numbers.begin(), end);
}

Status Segments::Load(uint32_t number) {
  auto fd = io::Open(PathOf(number), O_RDWR | O_NOFOLLOW);
  if (!fd) return fd.error();
  struct stat status;
  if (::fstat(fd->get(), &status) != 0) return io::ErrnoError(errno, "stat " + PathOf(number));
  const uint64_t length =
      std::min<uint64_t>(static_cast<uint64_t>(status.st_size), kLargestSegment);
  auto segment = std::make_shared<Segment>();
  segment->fd = std::move(*fd);
  MutexLock lock(mu_);
  const auto add = [&](const Header& header, const ObjectId& id, uint64_t offset) REQUIRES(mu_) {
    const Place place{number, static_cast<uint32_t>(offset), header.size};
    if (!places_.try_emplace(id, place).second) return;
    ++segment->objects;
    segment->living += RecordSize(header.size);
  };
  segment->end = static_cast<uint32_t>(ReadRecords(segment->fd.get(), length, add));
  next_number_ = std::max(next_number_, number + 1);
  const bool empty = segment->objects == 0;
  Measure(*segment);
  segments_[number] = std::move(segment);
  if (empty) DropSegment(number);
  return {};
}

bool Segments::Has(const ObjectId& id) const {
  MutexLock lock(mu_);
  return places_.contains(id);
}

std::optional<uint32_t> Segments::SizeOf(const ObjectId& id) const {
  MutexLock lock(mu_);
  auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  return found->second.size;
}

std::optional<uint32_t> Segments::SegmentOf(const ObjectId& id) const {
  MutexLock lock(mu_);
  auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  return found->second.segment;
}

Result<std::optional<std::string>> Segments::Read(const ObjectId& id) {
  Place place;
  std::shared_ptr<Segment> segment;
  {
    MutexLock lock(mu_);
    auto found = places_.find(id);
    if (found == places_.end()) return std::nullopt;
    place = found->second;
    segment = segments_.at(place.segment);
  }
  Header header;
  std::string bytes(place.size, '\0');
  if (ReadAt(segment->fd.get(), &header, sizeof header, place.offset) &&
      ReadAt(segment->fd.get(), bytes.data(), bytes.size(), place.offset + sizeof header) &&
      header.header_crc32c == HeaderCrc(header) && header.bytes_crc32c == hash::Crc32c(bytes)) {
    return bytes;
  }
  MutexLock lock(mu_);
  ++rotten_;
  RemoveLocked(id, true);
  return Error{Code::kCorrupt, PathOf(place.segment) + ": object " + id.ToHex() +
                                   " has changed on disk, or cannot be read, and is dropped"};
}

bool Segments::IsFull(uint64_t size) const {
  MutexLock lock(mu_);
  return segments_.empty() || !TakesMore(segments_.rbegin()->first) ||
         segments_.rbegin()->second->end + RecordSize(size) > segment_size_;
}

bool Segments::TakesMore(uint32_t number) const {
  return number + 1 == next_number_ && !segments_.at(number)->sealed;
}

uint64_t Segments::RoomOf(uint32_t number) const {
  MutexLock lock(mu_);
  const auto found = segments_.find(number);
  if (found == segments_.end()) return 0;
  const uint64_t end = found->second->end;
  return TakesMore(number) ? std::max(end, segment_size_) : end;
}

Result<uint32_t> Segments::Begin() {
  uint32_t number;
  {
    MutexLock lock(mu_);
    number = next_number_++;
  }
  auto fd = io::Open(PathOf(number), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!fd) return fd.error();
  auto segment = std::make_shared<Segment>();
  segment->fd = std::move(*fd);
  MutexLock lock(mu_);
  segments_[number] = std::move(segment);
  return number;
}

Status Segments::Append(const ObjectId& id, std::string_view bytes) {
  MutexLock append(append_mu_);
  if (Has(id)) return {};
  LEAT_CHECK(bytes.size() <= kPackedBelow, "larger objects have files of their own");
  if (IsFull(bytes.size())) return Error{Code::kConflict, dir_ + ": the segment is full"};
  uint32_t number;
  std::shared_ptr<Segment> segment;
  {
    MutexLock lock(mu_);
    number = segments_.rbegin()->first;
    segment = segments_.rbegin()->second;
  }
  const std::string record = Record(id, bytes);
  // Only this thread moves `end`; what a failed write left is written over by the next.
  const Status wrote = io::PWriteAll(segment->fd.get(), record, segment->end);
  MutexLock lock(mu_);
  Measure(*segment);
  if (!wrote) return wrote;
  places_[id] = {number, segment->end, static_cast<uint32_t>(bytes.size())};
  segment->end += static_cast<uint32_t>(record.size());
  segment->living += record.size();
  ++segment->objects;
  return {};
}

void Segments::RemoveLocked(const ObjectId& id, bool mark) {
  auto found = places_.find(id);
  if (found == places_.end()) return;
  const Place place = found->second;
  places_.erase(found);
  Segment& segment = *segments_.at(place.segment);
  const std::string_view dead(reinterpret_cast<const char*>(&kDead), sizeof kDead);
  // When the mark cannot be written, the next process has the object again: no harm.
  if (mark) (void)io::PWriteAll(segment.fd.get(), dead, place.offset + offsetof(Header, dead));
  --segment.objects;
  segment.living -= RecordSize(place.size);
}

void Segments::Remove(const ObjectId& id) {
  MutexLock lock(mu_);
  RemoveLocked(id, true);
}

bool Segments::RemoveIfDead(uint32_t number) {
  const auto is_dead = [&]() REQUIRES(mu_) {
    const auto found = segments_.find(number);
    return found != segments_.end() && found->second->objects == 0;
  };
  {
    MutexLock lock(mu_);
    if (!is_dead()) return false;  // without waiting for a writer
  }
  MutexLock append(append_mu_);  // a writer may be about to bring it to life
  MutexLock lock(mu_);
  if (!is_dead()) return false;
  DropSegment(number);
  return true;
}

void Segments::RemoveSegment(uint32_t number) {
  MutexLock append(append_mu_);
  MutexLock lock(mu_);
  if (!segments_.contains(number)) return;
  std::erase_if(places_, [&](const auto& entry) { return entry.second.segment == number; });
  DropSegment(number);
}

Status Segments::Reduce(uint32_t number, const Keep& keep) {
  MutexLock rewrite(rewrite_mu_);
  return Rewrite({number}, keep, /*seal=*/true);
}

bool Segments::IsWasteful(uint32_t number) const {
  MutexLock lock(mu_);
  const auto found = segments_.find(number);
  if (found == segments_.end() || found->second->stuck) return false;
  const uint64_t dead = found->second->end - found->second->living;
  return dead > found->second->living && dead > segment_size_ / 16;
}

Status Segments::Compact(uint32_t number) {
  MutexLock rewrite(rewrite_mu_);
  if (!IsWasteful(number)) return {};
  const Status done = Rewrite(
      {number}, [](const ObjectId&) { return true; }, /*seal=*/false);
  if (done || done.error().code != Code::kCorrupt) return done;
  MutexLock lock(mu_);
  if (auto found = segments_.find(number); found != segments_.end()) found->second->stuck = true;
  return done;
}

std::optional<std::pair<uint32_t, uint32_t>> Segments::Mergeable() const {
  MutexLock lock(mu_);
  std::vector<std::pair<uint64_t, uint32_t>> by_size;
  for (const auto& [number, segment] : segments_) {
    if (!TakesMore(number) && !segment->stuck) by_size.emplace_back(segment->living, number);
  }
  if (by_size.size() < 2) return std::nullopt;
  std::partial_sort(by_size.begin(), by_size.begin() + 2, by_size.end());
  const auto [a, b] = std::pair(by_size[0], by_size[1]);
  if (a.first + b.first > kLargestSegment) return std::nullopt;
  return std::minmax(a.second, b.second);
}

Status Segments::Merge(uint32_t into, uint32_t from) {
  MutexLock rewrite(rewrite_mu_);
  const Status done = Rewrite(
      {into, from}, [](const ObjectId&) { return true; }, /*seal=*/true);
  if (done || done.error().code != Code::kCorrupt) return done;
  MutexLock lock(mu_);
  for (const uint32_t number : {into, from}) {  // it is not known which of them
    if (auto found = segments_.find(number); found != segments_.end()) found->second->stuck = true;
  }
  return done;
}

Status Segments::Rewrite(const std::vector<uint32_t>& numbers, const Keep& keep, bool seal) {
  std::vector<Numbered> old;
  uint32_t end = 0;  // of the first one
  bool sealed = seal;
  {
    MutexLock lock(mu_);
    for (const uint32_t number : numbers) {
      const auto found = segments_.find(number);
      if (found == segments_.end()) return {};
      old.emplace_back(number, found->second);
      sealed |= found->second->sealed;
    }
    end = old.front().second->end;
  }
  const std::string path = PathOf(numbers.front()) + ".new";
  auto fd = io::Open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (!fd) return fd.error();
  auto fresh = std::make_shared<Segment>();
  fresh->fd = std::move(*fd);
  fresh->sealed = sealed;
  std::vector<Moved> moved;
  // What it replaces may have been on the disk for long. That is waited for in pieces: what came
  // meanwhile is little, and writers wait for that alone.
  const auto copy = [&](const Numbered& from, uint32_t begin, uint32_t to) -> Status {
    if (auto copied = CopyLiving(from.first, *from.second, begin, to, keep, *fresh, moved); !copied)
      return copied;
    if (::fdatasync(fresh->fd.get()) != 0) return io::ErrnoError(errno, "sync " + path);
    return {};
  };
  Status done = copy(old.front(), 0, end);
  for (size_t n = 1; done && n < old.size(); ++n) done = copy(old[n], 0, old[n].second->end);
  MutexLock append(append_mu_);
  if (done && old.front().second->end > end) {
    done = copy(old.front(), end, old.front().second->end);
  }
  MutexLock lock(mu_);
  const bool gone = std::any_of(old.begin(), old.end(), [&](const Numbered& one) REQUIRES(mu_) {
    return !segments_.contains(one.first);
  });
  if (done && !gone) done = Replace(old, fresh, moved);
  if (!done || gone) {
    allocated_ -= fresh->allocated;
    ::unlink(path.c_str());
  }
  return gone ? Status() : done;
}

// Appends the living records of [begin, end) to `to`.
Status Segments::CopyLiving(uint32_t number, const Segment& from, uint32_t begin, uint32_t end,
                            const Keep& keep, Segment& to, std::vector<Moved>& moved) {
  const Error unreadable{Code::kCorrupt, PathOf(number) + ": cannot be read to its end"};
  std::string out;
  const auto flush = [&]() -> Status {
    auto wrote = io::PWriteAll(to.fd.get(), out, to.end);
    to.end += static_cast<uint32_t>(out.size());
    out.clear();
    MutexLock lock(mu_);
    Measure(to);
    return wrote;
  };
  ReadWindow window(from.fd.get(), end);
  for (uint64_t offset = begin; offset < end;) {
    const char* at = window.At(offset, sizeof(Header));
    Header header{};
    if (at != nullptr) std::memcpy(&header, at, sizeof header);
    if (header.magic != kMagic || header.header_crc32c != HeaderCrc(header)) return unreadable;
    const uint64_t size = RecordSize(header.size);
    ObjectId id;
    std::copy(std::begin(header.id), std::end(header.id), id.bytes.begin());
    bool living;
    {
      MutexLock lock(mu_);
      const auto found = places_.find(id);
      living = found != places_.end() && found->second.segment == number &&
               found->second.offset == offset;
    }
    if (living) {
      const bool kept = keep(id);
      const auto to_offset = static_cast<uint32_t>(to.end + out.size());
      moved.push_back({id, number, static_cast<uint32_t>(offset), kept ? to_offset : kLeftOut});
      const char* record = kept ? window.At(offset, size) : nullptr;
      if (kept && record == nullptr) return unreadable;
      if (kept) out.append(record, size);
      if (out.size() >= ReadWindow::kPiece) {
        if (auto wrote = flush(); !wrote) return wrote;
      }
    }
    offset += size;
  }
  return flush();
}

// All places change in the step in which the file does.
Status Segments::Replace(const std::vector<Numbered>& old, const std::shared_ptr<Segment>& fresh,
                         const std::vector<Moved>& moved) {
  const uint32_t number = old.front().first;
  const auto is_here = [&](const Moved& one) REQUIRES(mu_) {
    const auto found = places_.find(one.id);
    return found != places_.end() && found->second.segment == one.segment &&
           found->second.offset == one.from;
  };
  for (const auto& [each, segment] : old) {
    const auto living =
        std::count_if(moved.begin(), moved.end(), [&, of = each](const Moved& one) REQUIRES(mu_) {
          return one.segment == of && is_here(one);
        });
    if (static_cast<uint64_t>(living) == segment->objects) continue;
    return Error{Code::kCorrupt, PathOf(each) + ": has objects that its records do not lead to"};
  }
  const std::string_view dead(reinterpret_cast<const char*>(&kDead), sizeof kDead);
  for (const Moved& one : moved) {  // before a process that is killed has to find them
    if (is_here(one) || one.to == kLeftOut) continue;  // else it was removed after it was copied
    (void)io::PWriteAll(fresh->fd.get(), dead, one.to + offsetof(Header, dead));
  }
  if (auto renamed = io::Rename(PathOf(number) + ".new", PathOf(number)); !renamed) return renamed;
  for (const Moved& one : moved) {
    if (!is_here(one)) continue;
    if (one.to == kLeftOut) {
      places_.erase(one.id);
      continue;
    }
    Place& place = places_[one.id];
    place.segment = number;
    place.offset = one.to;
    fresh->living += RecordSize(place.size);
    ++fresh->objects;
  }
  allocated_ -= old.front().second->allocated;
  segments_[number] = fresh;
  // A process that is killed in between leaves objects twice: the first counts.
  for (size_t n = 1; n < old.size(); ++n) DropSegment(old[n].first);
  if (fresh->objects == 0) DropSegment(number);
  return {};
}

void Segments::DropSegment(uint32_t number) {
  const auto found = segments_.find(number);
  allocated_ -= found->second->allocated;
  segments_.erase(found);  // a reader's reference keeps its file open
  ::unlink(PathOf(number).c_str());
}

void Segments::Each(const std::function<void(const ObjectId&, uint32_t)>& each) const {
  std::vector<std::pair<ObjectId, uint32_t>> all;
  {
    MutexLock lock(mu_);
    all.reserve(places_.size());
    for (const auto& [id, place] : places_) all.emplace_back(id, place.size);
  }
  for (const auto& [id, size] : all) each(id, size);
}

std::vector<uint32_t> Segments::Numbers() const {
  MutexLock lock(mu_);
  std::vector<uint32_t> numbers;
  for (const auto& [number, segment] : segments_) numbers.push_back(number);
  return numbers;
}

uint64_t Segments::objects() const {
  MutexLock lock(mu_);
  return places_.size();
}

uint64_t Segments::AllocatedBytes() const {
  MutexLock lock(mu_);
  return allocated_;
}

void Segments::Measure(Segment& segment) {
  struct stat status;
  if (::fstat(segment.fd.get(), &status) != 0) return;
  const uint64_t bytes = static_cast<uint64_t>(status.st_blocks) * 512;
  allocated_ += bytes - segment.allocated;
  segment.allocated = bytes;
}

uint64_t Segments::rotten() const {
  MutexLock lock(mu_);
  return rotten_;
}

}  // namespace leat::blocks
