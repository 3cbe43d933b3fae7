#include "datanode/tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

constexpr size_t kOlderKept = 16;
constexpr uint64_t kMostIds = uint64_t{1} << 40;  // of manifests and amendments

// Names in `before` and `after` that do not stand for the same thing, in all directories that both
// have.
void Compare(const Manifest& before, uint32_t old_index, const Manifest& after, uint32_t new_index,
             std::vector<Change>& changes) {
  const ManifestEntry old_directory = before.At(old_index);
  const ManifestEntry new_directory = after.At(new_index);
  uint32_t n = 0;
  uint32_t m = 0;
  while (n < old_directory.children || m < new_directory.children) {
    // Both are sorted by name: the smaller one is missing in the other.
    const bool old_left = n < old_directory.children;
    const bool new_left = m < new_directory.children;
    const ManifestEntry a = old_left ? before.At(old_directory.first + n) : ManifestEntry();
    const ManifestEntry b = new_left ? after.At(new_directory.first + m) : ManifestEntry();
    const int order = !old_left ? 1 : !new_left ? -1 : a.name.compare(b.name);
    if (order != 0) {
      changes.push_back({old_directory.id, std::string(order < 0 ? a.name : b.name)});
    } else if (a.id != b.id || (a.kind != Kind::kDirectory && a.mtime != b.mtime)) {
      changes.push_back({old_directory.id, std::string(a.name)});
    } else if (a.kind == Kind::kDirectory) {
      Compare(before, old_directory.first + n, after, new_directory.first + m, changes);
    }
    if (order <= 0) ++n;
    if (order >= 0) ++m;
  }
}

bool HasFiles(const Manifest& manifest, uint32_t directory) {
  const ManifestEntry entry = manifest.At(directory);
  for (uint32_t child = entry.first; child < entry.first + entry.children; ++child) {
    if (manifest.At(child).kind != Kind::kDirectory || HasFiles(manifest, child)) return true;
  }
  return false;
}

void FindEmptied(const Manifest& before, uint32_t old_index, const Manifest& after,
                 uint32_t new_index, std::vector<std::string>& emptied) {
  if (!HasFiles(before, old_index)) return;
  if (!HasFiles(after, new_index)) {
    emptied.push_back(before.PathOf(old_index));
    return;
  }
  const ManifestEntry directory = before.At(old_index);
  for (uint32_t child = directory.first; child < directory.first + directory.children; ++child) {
    const ManifestEntry entry = before.At(child);
    if (entry.kind != Kind::kDirectory) continue;
    const auto now = after.Find(new_index, entry.name);
    if (!now || after.At(*now).kind != Kind::kDirectory) continue;
    FindEmptied(before, child, after, *now, emptied);
  }
}

}  // namespace

std::vector<std::string> EmptiedDirectories(const Manifest& before, const Manifest& after) {
  std::vector<std::string> emptied;
  FindEmptied(before, 0, after, 0, emptied);
  return emptied;
}

TreeEntry Tree::EntryAt(const Manifest& manifest, uint32_t index) const {
  const ManifestEntry entry = manifest.At(index);
  return {.id = entry.id,
          .kind = entry.kind,
          .size = entry.kind == Kind::kLink ? entry.etag.size() : entry.size,
          .mtime = entry.mtime,
          .etag = std::string(entry.etag),
          .key = manifest.PathOf(index)};
}

std::optional<TreeEntry> Tree::Amended(TreeEntry entry) const {
  for (auto found = amendments_.find(entry.id); found != amendments_.end();
       found = amendments_.find(entry.id)) {
    const Amendment& amendment = found->second;
    if (amendment.new_id == 0) return std::nullopt;
    entry.id = amendment.new_id;
    entry.size = amendment.size;
    entry.mtime = amendment.mtime;
    entry.etag = amendment.etag;
  }
  return entry;
}

std::optional<TreeEntry> Tree::Lookup(uint64_t directory, std::string_view name) const {
  MutexLock lock(mu_);
  const auto parent = manifest_->FindId(directory);
  const auto index = parent ? manifest_->Find(*parent, name) : std::nullopt;
  if (!index) return std::nullopt;
  return Amended(EntryAt(*manifest_, *index));
}

std::optional<TreeEntry> Tree::FindPath(std::string_view path) const {
  MutexLock lock(mu_);
  const auto index = manifest_->FindPath(path);
  if (!index) return std::nullopt;
  return Amended(EntryAt(*manifest_, *index));
}

uint64_t Tree::FirstOf(uint64_t id) const {
  for (auto from = amended_from_.find(id); from != amended_from_.end();
       from = amended_from_.find(id)) {
    id = from->second;
  }
  return id;
}

std::vector<uint64_t> Tree::Gone() const {
  MutexLock lock(mu_);
  std::vector<uint64_t> gone;
  for (const auto& [id, amendment] : amendments_) {
    if (amendment.new_id == 0) gone.push_back(id);
  }
  return gone;
}

std::optional<TreeEntry> Tree::FindGone(uint64_t id) const {
  {
    MutexLock lock(mu_);
    const auto amendment = amendments_.find(id);
    if (amendment == amendments_.end() || amendment->second.new_id != 0) return std::nullopt;
    if (!manifest_->FindId(FirstOf(id))) return std::nullopt;
  }
  return Find(id);
}

std::vector<TreeEntry> Tree::ShownAmended() const {
  MutexLock lock(mu_);
  std::vector<TreeEntry> shown;
  for (const auto& [id, amendment] : amendments_) {
    const auto index = manifest_->FindId(id);
    if (!index) continue;  // of an earlier manifest, or not the first of its file
    const TreeEntry listed = EntryAt(*manifest_, *index);
    auto now = Amended(listed);
    if (now && (now->etag != listed.etag || now->size != listed.size))
      shown.push_back(std::move(*now));
  }
  return shown;
}

std::optional<TreeEntry> Tree::Find(uint64_t id) const {
  MutexLock lock(mu_);
  // An amended object is the one it came from, with another version.
  const uint64_t first = FirstOf(id);
  const auto find = [&](const Manifest& manifest) REQUIRES(mu_) -> std::optional<TreeEntry> {
    const auto index = manifest.FindId(first);
    if (!index) return std::nullopt;
    TreeEntry entry = EntryAt(manifest, *index);
    while (entry.id != id) {
      const Amendment& amendment = amendments_.at(entry.id);
      entry.id = amendment.new_id;
      entry.size = amendment.size;
      entry.mtime = amendment.mtime;
      entry.etag = amendment.etag;
    }
    return entry;
  };
  if (auto entry = find(*manifest_)) return entry;
  for (const auto& manifest : older_) {
    if (auto entry = find(*manifest)) return entry;
  }
  return std::nullopt;
}

std::optional<uint32_t> Tree::IndexAfter(const Manifest& manifest, uint32_t directory,
                                         uint64_t id) const {
  const ManifestEntry parent = manifest.At(directory);
  const auto is_child = [&](const Manifest& of, uint32_t index) {
    return index != 0 && of.At(of.At(index).parent).id == parent.id;
  };
  if (const auto index = manifest.FindId(id); index && is_child(manifest, *index))
    return *index + 1;
  std::deque<std::shared_ptr<const Manifest>> older;
  {
    MutexLock lock(mu_);
    older = older_;
  }
  for (const auto& before : older) {
    const auto index = before->FindId(id);
    if (!index || !is_child(*before, *index)) continue;
    const std::string_view name = before->At(*index).name;
    uint32_t low = parent.first;
    uint32_t high = parent.first + parent.children;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (manifest.At(middle).name <= name) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  return std::nullopt;
}

Status Tree::List(
    uint64_t directory, uint64_t from,
    const std::function<bool(std::string_view, const TreeEntry&, uint64_t)>& each) const {
  const auto manifest = this->manifest();
  const auto index = manifest->FindId(directory);
  const ManifestEntry parent = index ? manifest->At(*index) : ManifestEntry();
  if (!index || parent.kind != Kind::kDirectory) {
    return Error{Code::kNotFound, fmt::format("there is no directory with id {}", directory)};
  }
  const auto first = from == 0 ? parent.first : IndexAfter(*manifest, *index, from);
  if (!first) {
    return Error{Code::kExpired, fmt::format("directory {} was listed too often since", directory)};
  }
  for (uint32_t child = *first; child < parent.first + parent.children; ++child) {
    std::optional<TreeEntry> entry;
    {
      MutexLock lock(mu_);
      entry = Amended(EntryAt(*manifest, child));
    }
    // The id that the manifest gave: of an amended object it stays the place's.
    const ManifestEntry place = manifest->At(child);
    if (entry && !each(place.name, *entry, place.id)) break;
  }
  return {};
}

std::optional<uint32_t> Tree::PlaceOf(uint64_t id) const {
  MutexLock lock(mu_);
  return manifest_->FindId(FirstOf(id));
}

std::vector<TreeEntry> Tree::FilesAt(uint32_t beside, uint32_t begin, uint32_t end) const {
  MutexLock lock(mu_);
  std::vector<TreeEntry> files;
  if (beside >= manifest_->size()) return files;  // it may be another one by now
  const ManifestEntry directory = manifest_->At(manifest_->At(beside).parent);
  begin = std::max(begin, directory.first);
  end = std::min(end, directory.first + directory.children);
  for (uint32_t place = begin; place < end; ++place) {
    if (manifest_->At(place).kind != Kind::kFile) continue;
    if (auto entry = Amended(EntryAt(*manifest_, place))) files.push_back(std::move(*entry));
  }
  return files;
}

std::shared_ptr<const Manifest> Tree::manifest() const {
  MutexLock lock(mu_);
  return manifest_;
}

std::vector<Change> Tree::ChangesTo(const Manifest& manifest) const {
  std::vector<Change> changes;
  Compare(*this->manifest(), 0, manifest, 0, changes);
  return changes;
}

void Tree::Replace(std::shared_ptr<const Manifest> manifest) {
  MutexLock lock(mu_);
  older_.push_front(std::exchange(manifest_, std::move(manifest)));
  if (older_.size() > kOlderKept) older_.pop_back();
}

void Tree::Apply(uint64_t id, const Amendment& amendment) {
  if (const auto before = amendments_.find(id); before != amendments_.end())
    amended_from_.erase(before->second.new_id);
  if (amendment.new_id == id) {
    amendments_.erase(id);
    return;
  }
  amendments_[id] = amendment;
  if (amendment.new_id != 0) amended_from_[amendment.new_id] = id;
}

Result<Change> Tree::Amend(uint64_t id, const std::optional<objectstore::ObjectInfo>& info,
                           const std::string& log) {
  const auto entry = Find(id);
  if (!entry) return Error{Code::kNotFound, fmt::format("there is no file with id {}", id)};
  MutexLock lock(mu_);
  const auto before = amendments_.find(id);
  const bool was_gone = before != amendments_.end() && before->second.new_id == 0;
  if (before != amendments_.end() && !(was_gone && info)) {
    return Error{Code::kConflict, entry->key + ": was found changed before"};
  }
  const bool same = was_gone && info->etag == entry->etag && info->size == entry->size;
  Amendment amendment;
  if (info) {
    // Not to be given again even if the line is not written: half of it may be.
    amendment = {.new_id = same ? id : next_amended_++,
                 .size = info->size,
                 .mtime = info->last_modified,
                 .etag = info->etag};
  }
  const size_t slash = entry->key.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : entry->key.substr(0, slash);
  const auto directory = manifest_->FindPath(parent);
  auto fd = io::Open(log, O_WRONLY | O_APPEND | O_CREAT);
  if (!fd) return fd.error();
  // Begun with a line's end: one that was cut short by a full disk takes no other with it.
  const std::string line = fmt::format("\n{} {} {} {} {}\n", id, amendment.new_id, amendment.size,
                                       amendment.mtime, PercentEncode(amendment.etag));
  if (auto written = io::WriteAll(fd->get(), line); !written) return written.error();
  Apply(id, amendment);
  return Change{.directory = directory ? manifest_->At(*directory).id : 0,
                .name = entry->key.substr(slash == std::string::npos ? 0 : slash + 1)};
}

Status Tree::ReadAmendments(const std::string& log) {
  auto text = io::ReadFile(log, size_t{1} << 30);
  if (!text && text.error().code == Code::kNotFound) return {};
  if (!text) return text.error();
  MutexLock lock(mu_);
  for (std::string_view line : Split(*text, '\n')) {
    const std::vector<std::string_view> parts = Split(line, ' ');
    if (parts.size() != 5) continue;  // the last line of a worker that died while writing it
    const auto id = ParseInt(parts[0]);
    const auto new_id = ParseInt(parts[1]);
    const auto size = ParseInt(parts[2]);
    const auto mtime = ParseInt(parts[3]);
    if (!id || !new_id || !size || !mtime || *id < 0 || *new_id < 0 || *size < 0) continue;
    const Amendment amendment{.new_id = static_cast<uint64_t>(*new_id),
                              .size = static_cast<uint64_t>(*size),
                              .mtime = *mtime,
                              .etag = PercentDecode(parts[4])};
    // New ids only grow, but for a file's own that is back: what says otherwise is damaged, and
    // could lead in a circle.
    const bool grows = amendment.new_id >= next_amended_ && amendment.new_id < kMostIds;
    if (amendment.new_id != 0 && *new_id != *id && !grows) continue;
    if (static_cast<uint64_t>(*id) >= next_amended_) continue;
    if (grows) next_amended_ = amendment.new_id + 1;
    Apply(static_cast<uint64_t>(*id), amendment);
  }
  return {};
}

}  // namespace leat::datanode
