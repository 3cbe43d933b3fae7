#include "datanode/dataset_filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <thread>

#include "base/bytes.h"
#include "base/log.h"
#include "datanode/active_object.h"
#include "datanode/object_version.h"
#include "datanode/xattrs.h"
#include "objectstore/file_object_store.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kDirectAlignment = 512;
// Of a file that will be read next; of all such files together, and their number.
constexpr uint64_t kHead = 4_MiB;
constexpr uint64_t kBytesAhead = 16_MiB;
constexpr uint64_t kFilesAhead = 16;
// When a store goes away, all reads may fail at once: some are told.
constexpr std::chrono::seconds kBetweenFailures{1};

int ErrnoOf(const Error& error) {
  switch (error.code) {
    case Code::kConflict:
    case Code::kNotFound:
    case Code::kExpired:
      return ESTALE;
    case Code::kForbidden:
    case Code::kUnauthorized:
      return EACCES;
    case Code::kCancelled:
      return EINTR;
    case Code::kInvalid:
    case Code::kAlreadyExists:
    case Code::kTooLarge:
    case Code::kExhausted:
    case Code::kTimeout:
    case Code::kUnavailable:
    case Code::kCorrupt:
    case Code::kUnimplemented:
    case Code::kInternal:
      return EIO;
  }
  return EIO;
}

}  // namespace

DatasetFilesystem::DatasetFilesystem(FilesystemOptions options, Surroundings around)
    : options_(std::move(options)),
      around_(std::move(around)),
      of_files_(around_.store->Name().starts_with("file://")),
      backings_(around_.keeper, options_.name),
      stats_file_({.mtime = options_.mounted_at,
                   .mode = S_IFREG | (options_.file_mode & 0444),
                   .uid = options_.uid,
                   .gid = options_.gid},
                  around_.stats_text) {}

DatasetFilesystem::~DatasetFilesystem() = default;

void DatasetFilesystem::Stop() {
  verifier_.Stop();
  stale_names_.Stop();
}

void DatasetFilesystem::Begin(fuse::Session& session,
                              const std::unordered_map<fuse::NodeId, int32_t>& backings) {
  session_ = &session;
  passthrough_ = session.passthrough();
  backings_.Begin(session);
  for (const auto& [node, id] : backings) {
    // One that is read through this worker needs nothing held for it; one that no manifest knows
    // any more cannot be opened again, and what is kept for it must be forgotten like the others.
    const auto entry = id == Backings::kDirect ? std::nullopt : around_.tree.Find(IdOfNode(node));
    backings_.Inherit(node, id, entry ? around_.fetcher.Activate(VersionOf(*entry)) : nullptr);
  }
}

ObjectVersion DatasetFilesystem::VersionOf(const TreeEntry& entry) const {
  return VersionIn(around_.store, entry.key, entry.etag, entry.size);
}

fuse::Attributes DatasetFilesystem::AttributesOf(const TreeEntry& entry) const {
  fuse::Attributes attributes{.ino = InodeOf(entry.id),
                              .size = entry.size,
                              .mtime = entry.mtime == 0 ? options_.mounted_at : entry.mtime,
                              .uid = options_.uid,
                              .gid = options_.gid};
  // The manifest has whole seconds from 1970 on.
  if (const auto ns = entry.kind == Kind::kFile && of_files_
                          ? objectstore::ModifiedNanoseconds(entry.etag)
                          : std::nullopt) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(*ns));
    attributes.mtime = seconds.count();
    attributes.mtime_ns = static_cast<uint32_t>((std::chrono::nanoseconds(*ns) - seconds).count());
  }
  switch (entry.kind) {
    case Kind::kDirectory:
      attributes.mode = S_IFDIR | options_.dir_mode;
      attributes.links = 2;
      break;
    case Kind::kFile:
      attributes.mode = S_IFREG | options_.file_mode;
      break;
    case Kind::kLink:
      attributes.mode = S_IFLNK | 0777;
      break;
  }
  return attributes;
}

fuse::Entry DatasetFilesystem::EntryOf(const TreeEntry& entry) const {
  return {.node = NodeOf(entry.id),
          .attributes = AttributesOf(entry),
          .name_ttl = options_.ttl,
          .attributes_ttl = options_.ttl};
}

void DatasetFilesystem::Lookup(const fuse::Caller&, fuse::NodeId parent, std::string_view name,
                               fuse::Reply reply) {
  if (name.size() > NAME_MAX) return reply.Error(ENAMETOOLONG);  // the kernel lets 1,024 bytes pass
  around_.on_look();
  if (const auto found = around_.tree.Lookup(IdOfNode(parent), name)) {
    const fuse::Entry entry = EntryOf(*found);
    backings_.CountLookup(entry.node);
    reply.Entry(entry);
  } else if (parent == fuse::kRootNode && name == StatsFile::kName) {
    reply.Entry({.node = StatsFile::kNode, .attributes = stats_file_.attributes()});
  } else {
    reply.Entry({.name_ttl = options_.ttl});  // no such name
  }
}

void DatasetFilesystem::GetAttributes(fuse::NodeId node, fuse::Reply reply) {
  if (node == StatsFile::kNode) return reply.Attributes(stats_file_.attributes(), fuse::kForever);
  const auto entry = EntryOfNode(node);
  if (!entry) return reply.Error(ESTALE);
  reply.Attributes(AttributesOf(*entry), options_.ttl);
}

std::optional<TreeEntry> DatasetFilesystem::EntryOfNode(fuse::NodeId node) const {
  if (auto entry = around_.tree.Find(IdOfNode(node))) return entry;
  // Gone from the source for so many listings that only its open files still know it.
  return files_.EntryOf(IdOfNode(node));
}

void DatasetFilesystem::ReadLink(fuse::NodeId node, fuse::Reply reply) {
  const auto entry = around_.tree.Find(IdOfNode(node));
  if (!entry || entry->kind != Kind::kLink) return reply.Error(entry ? EINVAL : ESTALE);
  reply.Data(entry->etag);
}

bool DatasetFilesystem::GoneForGood(const TreeEntry& entry) const {
  if (!options_.version_pin) return false;
  MutexLock lock(mu_);
  return changed_.contains(entry.id);
}

void DatasetFilesystem::Open(const fuse::Caller& caller, fuse::NodeId node, int,
                             fuse::Reply reply) {
  const uint64_t handle = files_.NewHandle();
  if (node == StatsFile::kNode) return stats_file_.Open(handle, std::move(reply));
  around_.on_look();
  const auto entry = around_.tree.Find(IdOfNode(node));
  if (!entry) return reply.Error(ESTALE);
  auto object = around_.fetcher.Activate(VersionOf(*entry));
  ++opens_;
  readers_.CountOpen(caller.pid, entry->id);
  if (trace_->recording()) {
    trace_->Add(std::chrono::steady_clock::now(),
                {.thread = caller.pid, .file = entry->id, .open = true});
  }
  if (GoneForGood(*entry)) return reply.Error(ESTALE);
  const auto file = std::make_shared<OpenFile>(*entry, object);
  files_.Add(handle, file);
  if (!passthrough_ || object->small()) {
    return reply.Open({.handle = handle, .mode = fuse::OpenMode::kCached});
  }
  if (IsOfEarlierVersion(node)) {
    // By its name it is found under the node of today, and may be passed through.
    if (object->file && object->file->complete()) stale_names_.Add(entry->key);
    return reply.Open({.handle = handle, .mode = fuse::OpenMode::kDirect});
  }
  if (Verifier::Needed(*object)) {
    OpenOnceChecked(caller.pid, node, handle, file, std::move(reply));
  } else {
    OpenLarge(caller.pid, node, handle, *file, reply);
  }
}

void DatasetFilesystem::OpenLarge(uint32_t thread, fuse::NodeId node, uint64_t handle,
                                  OpenFile& file, fuse::Reply& reply) {
  file.in_backings = true;
  bool passed = false;
  backings_.Open(node, file.object, [&](int32_t backing) {
    passed = backing != Backings::kDirect;
    if (!passed) return reply.Open({.handle = handle, .mode = fuse::OpenMode::kDirect});
    ++passthrough_opens_;
    readers_.CountPassthrough(thread);
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kPassthrough, .backing_id = backing});
  });
  if (!passed) return;
  around_.fetcher.ForgetKept(file.object->version.id);  // the kernel reads it
  AnticipateAfter(file.entry, Reading::kFromCache);
}

void DatasetFilesystem::OpenOnceChecked(uint32_t thread, fuse::NodeId node, uint64_t handle,
                                        const std::shared_ptr<OpenFile>& file, fuse::Reply reply) {
  const uint64_t unique = reply.unique();
  auto shared = std::make_shared<fuse::Reply>(std::move(reply));
  pending_.Begin(unique);
  const uint64_t wait = verifier_.Verify(
      file->object, [this, thread, node, handle, file, unique, shared](const Status& checked) {
        pending_.End(unique);
        if (checked) return OpenLarge(thread, node, handle, *file, *shared);
        files_.Take(handle);
        shared->Error(ErrnoOf(checked.error()));
      });
  if (wait != 0) {
    pending_.OnInterrupt(unique, [this, wait] { verifier_.Cancel(wait); });
  } else {
    pending_.End(unique);
    OpenLarge(thread, node, handle, *file, *shared);
  }
}

void DatasetFilesystem::Release(fuse::NodeId node, uint64_t handle) {
  if (node == StatsFile::kNode) return stats_file_.Release(handle);
  const auto file = files_.Take(handle);
  const bool ours = file && file->in_backings;
  if (!backings_.Close(node, ours ? Backings::Opener::kUs : Backings::Opener::kPredecessor)) return;
  if (const auto entry = EntryOfNode(node)) stale_names_.Add(entry->key);
}

void DatasetFilesystem::Forget(fuse::NodeId node, uint64_t count) { backings_.Forget(node, count); }

std::shared_ptr<OpenFile> DatasetFilesystem::FileOf(fuse::NodeId node, uint64_t handle) {
  if (auto file = files_.Find(handle)) return file;
  const auto entry = around_.tree.Find(IdOfNode(node));
  if (!entry || entry->kind != Kind::kFile) return nullptr;
  return files_.FindOrAdd(
      handle, std::make_shared<OpenFile>(*entry, around_.fetcher.Activate(VersionOf(*entry))));
}

void DatasetFilesystem::PrefetchFor(OpenFile& file, uint64_t offset, uint32_t size) {
  const ActiveObject& object = *file.object;
  if (object.small()) return;  // its first read fetches it whole
  if (object.file && object.file->complete()) return;
  Window window;
  {
    MutexLock lock(file.mu);
    window = file.pattern.OnRead(offset, size, around_.fetcher.Ahead());
  }
  if (window.stride == 0) {
    around_.fetcher.Prefetch(file.object, window.begin, window.end);
    return;
  }
  for (uint64_t at = window.begin; at < window.end; at += window.stride) {
    around_.fetcher.Prefetch(file.object, at, std::min(at + window.piece, window.end));
  }
}

void DatasetFilesystem::Read(const fuse::Caller& caller, fuse::NodeId node, uint64_t handle,
                             uint64_t offset, uint32_t size, int flags, fuse::Reply reply) {
  if (node == StatsFile::kNode) return stats_file_.Read(handle, offset, size, std::move(reply));
  ++reads_;
  const auto file = FileOf(node, handle);
  if (!file) return reply.Error(ESTALE);
  // As on ext4, the end comes before the alignment: a reader gets there with what was left.
  if (offset >= file->object->version.size || size == 0) return reply.Data({});
  if ((flags & O_DIRECT) && (offset % kDirectAlignment != 0 || size % kDirectAlignment != 0)) {
    return reply.Error(EINVAL);
  }
  const Reading reading =
      offset == 0 && !HasBeginning(*file->object) ? Reading::kFromStore : Reading::kFromCache;
  // First, so that the read's chunk and the next ones travel as one request.
  PrefetchFor(*file, offset, size);
  const uint64_t unique = reply.unique();
  pending_.Begin(unique);
  auto shared = std::make_shared<fuse::Reply>(std::move(reply));
  const uint64_t wait = around_.fetcher.Read(
      file->object, offset, size,
      [this, self = shared_from_this(), unique, shared, node, offset, size, thread = caller.pid,
       asked = std::this_thread::get_id(),
       began = std::chrono::steady_clock::now()](const Result<std::string_view>& bytes) {
        // What was at hand is given out by the thread that asked.
        const auto outcome = !bytes                                ? ReaderTable::Outcome::kFailed
                             : std::this_thread::get_id() == asked ? ReaderTable::Outcome::kHit
                                                                   : ReaderTable::Outcome::kWaited;
        readers_.CountRead(thread, bytes ? bytes->size() : 0, outcome,
                           std::chrono::steady_clock::now() - began);
        if (trace_->recording()) {
          trace_->Add(began, {.thread = thread,
                              .file = IdOfNode(node),
                              .offset = offset,
                              .size = size,
                              .outcome = outcome});
        }
        pending_.End(unique);
        if (bytes) {
          read_bytes_ += bytes->size();
          shared->Data(*bytes);
        } else {
          TellFailed(node, bytes.error());
          shared->Error(ErrnoOf(bytes.error()));
        }
      });
  if (wait != 0) pending_.OnInterrupt(unique, [this, wait] { around_.fetcher.Cancel(wait); });
  if (offset == 0) AnticipateAfter(file->entry, reading);
}

bool DatasetFilesystem::HasBeginning(const ActiveObject& object) const {
  if (object.small()) return around_.cache.HasSmall(object.version.id);
  return object.file && object.file->Has(0);
}

void DatasetFilesystem::AnticipateAfter(const TreeEntry& entry, Reading reading) {
  if (reading == Reading::kFromCache && !in_order_) return;
  const auto place = around_.tree.PlaceOf(entry.id);
  if (!place) return;
  // Files of one directory are mostly alike. Of a large one the beginning is enough: the rest is
  // fetched while that is read.
  const uint64_t most = entry.size >= kHead ? 1 : kBytesAhead / std::max<uint64_t>(entry.size, 1);
  Places next;
  {
    MutexLock lock(mu_);
    if (reading == Reading::kFromCache && !order_.Expects(*place)) return;
    next = order_.OnRead(*place, static_cast<uint32_t>(std::min(most, kFilesAhead)));
  }
  if (next.begin >= next.end) return;
  in_order_ = true;
  uint64_t bytes = 0;
  for (const TreeEntry& file : around_.tree.FilesAt(*place, next.begin, next.end)) {
    bytes += std::min(file.size, kHead);
    if (bytes > kBytesAhead) break;
    around_.fetcher.Anticipate(VersionOf(file), kHead);
  }
}

void DatasetFilesystem::TellFailed(fuse::NodeId node, const Error& error) {
  if (error.code == Code::kCancelled) return;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  auto told = told_failure_.load();
  if (now - told < kBetweenFailures || !told_failure_.compare_exchange_strong(told, now)) return;
  const auto entry = EntryOfNode(node);
  LogWarning("a read failed",
             {{"object", around_.store->Name() + (entry ? entry->key : "")}, {"error", error}});
}

void DatasetFilesystem::Interrupt(uint64_t unique) { pending_.Interrupt(unique); }

void DatasetFilesystem::ReadDirectory(fuse::NodeId node, uint64_t offset,
                                      fuse::DirectoryReply reply) {
  around_.on_look();
  const auto self = around_.tree.Find(IdOfNode(node));
  if (!self || self->kind != Kind::kDirectory) return reply.Error(self ? ENOTDIR : ESTALE);
  const fuse::Entry directory{.attributes = AttributesOf(*self)};
  if (offset == 0 && !reply.Add(".", directory, 1)) return reply.Done();
  if (offset <= 1 && !reply.Add("..", directory, 2)) return reply.Done();
  const uint64_t from = offset <= 2 ? 0 : offset - 2;  // ids of the tree's children begin at 1
  const auto add = [&](std::string_view name, const TreeEntry& found, uint64_t next) {
    const fuse::Entry entry = EntryOf(found);
    if (!reply.Add(name, entry, next + 2)) return false;
    if (reply.plus()) backings_.CountLookup(entry.node);
    return true;
  };
  const auto listed = around_.tree.List(self->id, from, add);
  if (!listed) return reply.Error(ESTALE);
  reply.Done();
}

void DatasetFilesystem::Seek(fuse::NodeId node, uint64_t offset, int whence, fuse::Reply reply) {
  const auto entry = EntryOfNode(node);
  const uint64_t size = entry ? entry->size : 0;
  if (offset >= size) return reply.Error(ENXIO);
  if (whence == SEEK_DATA) return reply.Offset(offset);
  if (whence == SEEK_HOLE) return reply.Offset(size);
  reply.Error(EINVAL);
}

void DatasetFilesystem::StatFs(fuse::Reply reply) {
  const auto manifest = around_.tree.manifest();
  reply.StatFs(manifest->bytes(), manifest->files());
}

void DatasetFilesystem::GetXattr(fuse::NodeId node, std::string_view name, uint32_t size,
                                 fuse::Reply reply) {
  const auto entry = node == StatsFile::kNode ? std::nullopt : around_.tree.Find(IdOfNode(node));
  const auto value = entry
                         ? XattrOf(*entry, VersionOf(*entry), name, around_.cache, options_.control)
                         : std::nullopt;
  if (!value) return reply.Error(ENODATA);
  if (size == 0) return reply.Size(static_cast<uint32_t>(value->size()));
  if (size < value->size()) return reply.Error(ERANGE);
  reply.Data(*value);
}

void DatasetFilesystem::ListXattr(fuse::NodeId, uint32_t size, fuse::Reply reply) {
  if (size == 0) return reply.Size(0);
  reply.Data({});
}

void DatasetFilesystem::InvalidatePath(const std::string& path) {
  const size_t slash = path.rfind('/');
  const auto parent =
      around_.tree.FindPath(slash == std::string::npos ? "" : path.substr(0, slash));
  if (!parent) return;
  session_->InvalidateName(NodeOf(parent->id),
                           path.substr(slash == std::string::npos ? 0 : slash + 1));
}

void DatasetFilesystem::ForgetBackings() { backings_.ForgetAll(); }

void DatasetFilesystem::OnChanged(const ObjectVersion& version) {
  if (!options_.version_pin) return;  // GoneForGood asks nothing then
  const auto key = KeyIn(*around_.store, version);
  const auto entry = key ? around_.tree.FindPath(*key) : std::nullopt;
  if (!entry || entry->etag != version.etag) return;
  MutexLock lock(mu_);
  changed_.insert(entry->id);
}

void DatasetFilesystem::Invalidate(const std::vector<Change>& changes) {
  std::set<uint64_t> directories;
  for (const Change& change : changes) {
    session_->InvalidateName(NodeOf(change.directory), change.name);
    directories.insert(change.directory);
  }
  for (uint64_t directory : directories) session_->InvalidateNode(NodeOf(directory));
}

FilesystemStats DatasetFilesystem::Stats() const {
  return {.reads = reads_,
          .read_bytes = read_bytes_,
          .opens = opens_,
          .passthrough_opens = passthrough_opens_};
}

}  // namespace leat::datanode
