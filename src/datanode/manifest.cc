#include "datanode/manifest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "datanode/manifest_format.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

const ManifestHeader& HeaderOf(const char* data) {
  return *reinterpret_cast<const ManifestHeader*>(data);
}

const ManifestRecord* RecordsOf(const char* data) {
  return reinterpret_cast<const ManifestRecord*>(data + sizeof(ManifestHeader));
}

const uint32_t* OrderOf(const char* data) {
  return reinterpret_cast<const uint32_t*>(RecordsOf(data) + HeaderOf(data).entries);
}

const char* TextsOf(const char* data) {
  const ManifestHeader& header = HeaderOf(data);
  return reinterpret_cast<const char*>(OrderOf(data) +
                                       (header.has_order ? header.entries : uint32_t{0}));
}

uint64_t IdOf(const ManifestRecord& record) { return record.id_kind >> 8; }
Kind KindOf(const ManifestRecord& record) { return static_cast<Kind>(record.id_kind & 0xff); }

bool IsChildOf(const ManifestRecord& parent, uint32_t index) {
  const uint64_t first = parent.size >> 32;
  return KindOf(parent) == Kind::kDirectory && index >= first &&
         index - first < static_cast<uint32_t>(parent.size);
}

// Whether every number in it leads to where it may: then nothing outside of the mapping is read,
// and every way up or down ends, also when it was not our builder that made it.
bool HoldsTogether(const char* data) {
  const ManifestHeader& header = HeaderOf(data);
  const ManifestRecord* records = RecordsOf(data);
  if (KindOf(records[0]) != Kind::kDirectory || IdOf(records[0]) != 0) return false;
  uint64_t children = 0;
  for (uint32_t index = 0; index < header.entries; ++index) {
    const ManifestRecord& record = records[index];
    const uint64_t text = (record.text & 0xff) + ((record.text >> 8) & 0xffff);
    if ((record.text >> 24) + text > header.texts || KindOf(record) > Kind::kLink) return false;
    if (!header.has_order && IdOf(record) != index) return false;
    if (KindOf(record) == Kind::kDirectory) children += static_cast<uint32_t>(record.size);
    if (index == 0) continue;
    if (record.parent >= index || !IsChildOf(records[record.parent], index)) return false;
  }
  if (children != header.entries - 1) return false;
  for (uint32_t n = 0; header.has_order && n < header.entries; ++n)
    if (OrderOf(data)[n] >= header.entries) return false;
  return true;
}

Error NotWhole(const std::string& path) {
  return {Code::kCorrupt, path + ": is not a whole manifest"};
}

// Not by the mapping: what a disk cannot read is an error here, and the end of the process there.
Result<size_t> ReadAt(int fd, const std::string& path, uint64_t offset, std::span<char> buffer) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return io::ErrnoError(errno,
                            "what the mount shows cannot be read from the cache's disk: " + path);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

// That the file has this length is known.
Status CheckSums(int fd, const std::string& path, uint64_t length) {
  ManifestHeader header;
  const auto got = ReadAt(fd, path, 0, {reinterpret_cast<char*>(&header), sizeof header});
  if (!got) return got.error();
  const std::string_view begin(reinterpret_cast<const char*>(&header),
                               offsetof(ManifestHeader, header_crc32c));
  if (*got != sizeof header ||
      std::memcmp(header.magic, kManifestMagic, sizeof header.magic) != 0 ||
      header.header_crc32c != hash::Crc32c(begin)) {
    return NotWhole(path);
  }
  const uint64_t order = header.has_order ? uint64_t{header.entries} * sizeof(uint32_t) : 0;
  if (header.entries == 0 || header.texts > length || header.source > header.texts ||
      header.kept > kMostSkippedKept ||
      sizeof header + uint64_t{header.entries} * sizeof(ManifestRecord) + order + header.texts !=
          length) {
    return NotWhole(path);
  }
  std::vector<char> buffer(std::min<uint64_t>(length, 1 << 20));
  uint32_t crc32c = 0;
  for (uint64_t offset = sizeof header; offset < length;) {
    const size_t size = std::min<uint64_t>(buffer.size(), length - offset);
    const auto piece = ReadAt(fd, path, offset, {buffer.data(), size});
    if (!piece) return piece.error();
    if (*piece < size) return NotWhole(path);
    crc32c = hash::Crc32c({buffer.data(), size}, crc32c);
    offset += size;
  }
  return crc32c == header.crc32c ? Status() : NotWhole(path);
}

}  // namespace

Result<std::shared_ptr<const Manifest>> Manifest::Open(const std::string& path) {
  auto fd = io::Open(path, O_RDONLY);
  if (!fd) return fd.error();
  struct stat status;
  if (::fstat(fd->get(), &status) != 0) return io::ErrnoError(errno, "stat " + path);
  const size_t length = static_cast<size_t>(status.st_size);
  if (length < sizeof(ManifestHeader)) {
    return Error{Code::kCorrupt, path + ": too short for a manifest"};
  }
  if (auto good = CheckSums(fd->get(), path, length); !good) return good.error();
  void* data = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd->get(), 0);
  if (data == MAP_FAILED) return io::ErrnoError(errno, "map " + path);
  std::shared_ptr<Manifest> manifest(new Manifest());
  manifest->data_ = static_cast<const char*>(data);
  manifest->length_ = length;
  if (!HoldsTogether(manifest->data_)) return NotWhole(path);

  const ManifestHeader& header = HeaderOf(manifest->data_);
  std::string_view texts(TextsOf(manifest->data_), header.texts);
  manifest->source_ = texts.substr(0, header.source);
  texts.remove_prefix(header.source);
  for (uint32_t n = 0; n < header.kept; ++n) {  // key, NUL, reason, NUL
    SkippedKey skipped;
    for (std::string* part : {&skipped.key, &skipped.reason}) {
      const size_t end = std::min(texts.find('\0'), texts.size());
      part->assign(texts.substr(0, end));
      texts.remove_prefix(std::min(end + 1, texts.size()));
    }
    manifest->skipped_.push_back(std::move(skipped));
  }
  return manifest;
}

Manifest::~Manifest() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), length_);
}

int64_t Manifest::listed_at() const { return HeaderOf(data_).listed_at; }
uint32_t Manifest::size() const { return HeaderOf(data_).entries; }
uint64_t Manifest::files() const { return HeaderOf(data_).files; }
uint64_t Manifest::bytes() const { return HeaderOf(data_).bytes; }
uint64_t Manifest::next_id() const { return HeaderOf(data_).next_id; }
uint64_t Manifest::skipped_count() const { return HeaderOf(data_).skipped; }

ManifestEntry Manifest::At(uint32_t index) const {
  LEAT_CHECK(index < size(), "an index comes from this manifest");
  const ManifestRecord& record = RecordsOf(data_)[index];
  const char* text = TextsOf(data_) + (record.text >> 24);
  const size_t name = record.text & 0xff;
  ManifestEntry entry{.name = {text, name},
                      .kind = static_cast<Kind>(record.id_kind & 0xff),
                      .id = record.id_kind >> 8,
                      .size = record.size,
                      .mtime = record.mtime,
                      .etag = {text + name, (record.text >> 8) & 0xffff},
                      .parent = record.parent};
  if (entry.kind == Kind::kDirectory) {
    entry.size = 0;
    entry.first = static_cast<uint32_t>(record.size >> 32);
    entry.children = static_cast<uint32_t>(record.size);
  }
  return entry;
}

std::optional<uint32_t> Manifest::Find(uint32_t directory, std::string_view name) const {
  const ManifestEntry parent = At(directory);
  if (parent.kind != Kind::kDirectory) return std::nullopt;
  uint32_t low = parent.first;
  uint32_t high = parent.first + parent.children;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const int order = At(middle).name.compare(name);
    if (order == 0) return middle;
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> Manifest::FindPath(std::string_view path) const {
  uint32_t index = 0;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const auto found = Find(index, path.substr(0, slash));
    if (!found) return std::nullopt;
    index = *found;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return index;
}

std::optional<uint32_t> Manifest::FindId(uint64_t id) const {
  if (!HeaderOf(data_).has_order) {
    if (id >= size()) return std::nullopt;
    return static_cast<uint32_t>(id);
  }
  const uint32_t* begin = OrderOf(data_);
  const uint32_t* end = begin + size();
  const auto id_of = [&](uint32_t index) { return RecordsOf(data_)[index].id_kind >> 8; };
  const uint32_t* found = std::lower_bound(
      begin, end, id, [&](uint32_t index, uint64_t wanted) { return id_of(index) < wanted; });
  if (found == end || id_of(*found) != id) return std::nullopt;
  return *found;
}

std::string Manifest::PathOf(uint32_t index) const {
  std::vector<std::string_view> parts;
  for (; index != 0; index = At(index).parent) parts.push_back(At(index).name);
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.empty()) path += '/';
    path += *part;
  }
  return path;
}

}  // namespace leat::datanode
