#include "datanode/dataset_filesystem.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <thread>

#include "base/ids.h"
#include "base/log.h"
#include "datanode/active_object.h"

namespace leat::datanode {
namespace {

constexpr std::string_view kStatsName = ".stats";
constexpr uint64_t kStatsId = uint64_t{1} << 41;  // above all ids of trees
constexpr fuse::NodeId kStatsNode = NodeOf(kStatsId);
constexpr uint64_t kDirectAlignment = 512;

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

struct DatasetFilesystem::OpenFile {
  enum class Opener { kUs, kPredecessor };
  OpenFile(TreeEntry e, std::shared_ptr<ActiveObject> o, Opener by)
      : entry(std::move(e)), object(std::move(o)), opener(by), pattern(object->version.size) {}
  const TreeEntry entry;
  const std::shared_ptr<ActiveObject> object;
  const Opener opener;
  std::atomic<bool> direct = false;  // counted in direct_opens_
  Mutex mu;
  AccessPattern pattern GUARDED_BY(mu);
};

// A read that waits for the store.
struct DatasetFilesystem::PendingRead {
  Mutex mu;
  uint64_t wait GUARDED_BY(mu) = 0;
  bool interrupted GUARDED_BY(mu) = false;
};

DatasetFilesystem::DatasetFilesystem(FilesystemOptions options, Surroundings around)
    : options_(std::move(options)), around_(std::move(around)) {
  // Handles of a predecessor must not look like ours.
  const std::string bytes = RandomBytes(sizeof(uint64_t));
  uint64_t first;
  std::copy_n(bytes.data(), sizeof first, reinterpret_cast<char*>(&first));
  next_handle_ = first;
}

DatasetFilesystem::~DatasetFilesystem() = default;

std::string DatasetFilesystem::BackingName(fuse::NodeId node) const {
  return "backing:" + options_.name + ":" + std::to_string(node);
}

void DatasetFilesystem::Begin(fuse::Session& session,
                              const std::unordered_map<fuse::NodeId, int32_t>& backings) {
  session_ = &session;
  passthrough_ = session.passthrough();
  MutexLock lock(open_mu_);
  for (const auto& [node, id] : backings) {
    const auto entry = around_.tree.Find(IdOfNode(node));
    if (!entry) continue;
    backings_[node] = {.id = id,
                       .opens = 0,
                       .inherited = true,
                       .object = around_.fetcher.Activate(VersionOf(*entry))};
  }
}

ObjectVersion DatasetFilesystem::VersionOf(const TreeEntry& entry) const {
  return MakeVersion(around_.store, entry.key, entry.etag, entry.size);
}

fuse::Attributes DatasetFilesystem::AttributesOf(const TreeEntry& entry) const {
  fuse::Attributes attributes{.ino = InodeOf(entry.id),
                              .size = entry.size,
                              .mtime = entry.mtime == 0 ? options_.mounted_at : entry.mtime,
                              .uid = options_.uid,
                              .gid = options_.gid};
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

bool DatasetFilesystem::CompleteInCache(const TreeEntry& entry) const {
  const auto file = around_.cache.Find(VersionOf(entry).id);
  return file && file->complete();
}

fuse::Entry DatasetFilesystem::EntryOf(const TreeEntry& entry) const {
  // Only where passthrough may follow does it matter whether the object is complete.
  const bool may_pass =
      passthrough_ && entry.kind == Kind::kFile && entry.size >= blocks::kPackedBelow;
  return {.node = NodeOf(entry.id, !may_pass || CompleteInCache(entry)),
          .attributes = AttributesOf(entry),
          .name_ttl = options_.ttl,
          .attributes_ttl = options_.ttl};
}

void DatasetFilesystem::Lookup(const fuse::Caller&, fuse::NodeId parent, std::string_view name,
                               fuse::Reply reply) {
  if (name.size() > NAME_MAX) return reply.Error(ENAMETOOLONG);  // the kernel lets 1,024 bytes pass
  around_.on_look();
  if (const auto entry = around_.tree.Lookup(IdOfNode(parent), name)) {
    reply.Entry(EntryOf(*entry));
  } else if (parent == fuse::kRootNode && name == kStatsName) {
    reply.Entry({.node = kStatsNode,
                 .attributes = {.ino = InodeOf(kStatsId),
                                .mtime = options_.mounted_at,
                                .mode = S_IFREG | (options_.file_mode & 0444),
                                .uid = options_.uid,
                                .gid = options_.gid}});
  } else {
    reply.Entry({.name_ttl = options_.ttl});  // no such name
  }
}

void DatasetFilesystem::GetAttributes(fuse::NodeId node, fuse::Reply reply) {
  if (node == kStatsNode) {
    reply.Attributes({.ino = InodeOf(kStatsId),
                      .mtime = options_.mounted_at,
                      .mode = S_IFREG | (options_.file_mode & 0444),
                      .uid = options_.uid,
                      .gid = options_.gid},
                     fuse::kForever);
    return;
  }
  const auto entry = EntryOfNode(node);
  if (!entry) return reply.Error(ESTALE);
  reply.Attributes(AttributesOf(*entry), options_.ttl);
}

std::optional<TreeEntry> DatasetFilesystem::EntryOfNode(fuse::NodeId node) {
  if (auto entry = around_.tree.Find(IdOfNode(node))) return entry;
  // Gone from the source for so many listings that only its open files still know it.
  MutexLock lock(files_mu_);
  for (const auto& [handle, file] : files_) {
    if (file->entry.id == IdOfNode(node)) return file->entry;
  }
  return std::nullopt;
}

void DatasetFilesystem::ReadLink(fuse::NodeId node, fuse::Reply reply) {
  const auto entry = around_.tree.Find(IdOfNode(node));
  if (!entry || entry->kind != Kind::kLink) return reply.Error(entry ? EINVAL : ESTALE);
  reply.Data(entry->etag);
}

std::optional<int32_t> DatasetFilesystem::BackingOf(fuse::NodeId node,
                                                    const std::shared_ptr<ActiveObject>& object) {
  if (auto found = backings_.find(node); found != backings_.end()) {
    ++found->second.opens;
    return found->second.id;
  }
  if (!IsComplete(node) || direct_opens_.contains(node)) return std::nullopt;
  // A chunk may have been found rotten since all were verified.
  if (!object->verified || !object->file->complete()) return std::nullopt;
  const auto id = session_->OpenBacking(Fetcher::File(*object));
  if (!id) {
    LogWarning("a cached file cannot be passed through; it is read by the worker",
               {{"key", object->version.key}, {"error", id.error()}});
    return std::nullopt;
  }
  // Before the answer: a successor must know it once the kernel does. Without a supervisor there
  // will be none.
  const auto kept = around_.keeper.Keep(BackingName(node), std::to_string(*id));
  if (!kept && kept.error().code != Code::kUnavailable) {
    session_->CloseBacking(*id);
    return std::nullopt;
  }
  backings_[node] = {.id = *id, .opens = 1, .inherited = false, .object = object};
  return *id;
}

void DatasetFilesystem::EndBacking(fuse::NodeId node) {
  auto found = backings_.find(node);
  // In this order: a successor that knew a closed id could not open the file any more.
  (void)around_.keeper.Forget(BackingName(node));
  session_->CloseBacking(found->second.id);
  backings_.erase(found);
}

void DatasetFilesystem::Open(const fuse::Caller& caller, fuse::NodeId node, int,
                             fuse::Reply reply) {
  const uint64_t handle = next_handle_++;
  if (node == kStatsNode) {
    MutexLock lock(files_mu_);
    stats_texts_[handle] = around_.stats_text();
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kDirect});
    return;
  }
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
  const auto file = std::make_shared<OpenFile>(*entry, object, OpenFile::Opener::kUs);
  {
    MutexLock lock(files_mu_);
    if (options_.version_pin && changed_.contains(entry->id)) return reply.Error(ESTALE);
    files_[handle] = file;
  }
  if (!passthrough_ || object->small()) {
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kCached});
    return;
  }
  // Checks every chunk the first time, which is too long to hold a lock.
  if (IsComplete(node)) (void)Fetcher::IsComplete(*object);
  MutexLock lock(open_mu_);
  if (const auto backing = BackingOf(node, object)) {
    ++passthrough_opens_;
    readers_.CountPassthrough(caller.pid);
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kPassthrough, .backing_id = *backing});
  } else {
    if (IsComplete(node)) {
      ++direct_opens_[node];
      file->direct = true;
    }
    reply.Open({.handle = handle, .mode = fuse::OpenMode::kDirect});
  }
}

void DatasetFilesystem::Release(fuse::NodeId node, uint64_t handle) {
  std::shared_ptr<OpenFile> file;  // ends outside the lock
  {
    MutexLock lock(files_mu_);
    if (node == kStatsNode) {
      stats_texts_.erase(handle);
      return;
    }
    auto found = files_.find(handle);
    if (found == files_.end()) return;  // a predecessor's; its backing ends with Forget
    file = std::move(found->second);
    files_.erase(found);
  }
  if (file->opener == OpenFile::Opener::kPredecessor) return;  // counted in no open of ours
  std::shared_ptr<ActiveObject> object;                        // the same
  MutexLock lock(open_mu_);
  if (file->direct) {
    if (auto direct = direct_opens_.find(node); --direct->second == 0) direct_opens_.erase(direct);
    return;
  }
  auto backing = backings_.find(node);
  if (backing == backings_.end() || backing->second.opens == 0) return;
  if (--backing->second.opens > 0 || backing->second.inherited) return;
  object = backing->second.object;
  EndBacking(node);
}

void DatasetFilesystem::Forget(fuse::NodeId node, uint64_t) {
  std::shared_ptr<ActiveObject> object;
  MutexLock lock(open_mu_);
  auto backing = backings_.find(node);
  if (backing == backings_.end() || backing->second.opens > 0) return;
  object = backing->second.object;
  EndBacking(node);
}

std::shared_ptr<DatasetFilesystem::OpenFile> DatasetFilesystem::FileOf(fuse::NodeId node,
                                                                       uint64_t handle) {
  {
    MutexLock lock(files_mu_);
    if (auto found = files_.find(handle); found != files_.end()) return found->second;
  }
  const auto entry = around_.tree.Find(IdOfNode(node));
  if (!entry || entry->kind != Kind::kFile) return nullptr;
  auto file = std::make_shared<OpenFile>(*entry, around_.fetcher.Activate(VersionOf(*entry)),
                                         OpenFile::Opener::kPredecessor);
  MutexLock lock(files_mu_);
  return files_.try_emplace(handle, std::move(file)).first->second;
}

void DatasetFilesystem::ReadStats(uint64_t handle, uint64_t offset, uint32_t size,
                                  fuse::Reply& reply) {
  MutexLock lock(files_mu_);
  auto found = stats_texts_.find(handle);
  if (found == stats_texts_.end()) {  // of a predecessor: the text goes on as ours
    found = stats_texts_.emplace(handle, around_.stats_text()).first;
  }
  const std::string_view text = found->second;
  reply.Data(text.substr(std::min<uint64_t>(offset, text.size()), size));
}

void DatasetFilesystem::Read(const fuse::Caller& caller, fuse::NodeId node, uint64_t handle,
                             uint64_t offset, uint32_t size, int flags, fuse::Reply reply) {
  if (node == kStatsNode) return ReadStats(handle, offset, size, reply);
  ++reads_;
  if ((flags & O_DIRECT) && (offset % kDirectAlignment != 0 || size % kDirectAlignment != 0)) {
    return reply.Error(EINVAL);
  }
  const auto file = FileOf(node, handle);
  if (!file) return reply.Error(ESTALE);
  const uint64_t length = file->object->version.size;
  if (offset >= length || size == 0) return reply.Data({});
  if (file->object->small() || !file->object->file || !file->object->file->complete()) {
    Window window;
    {
      MutexLock lock(file->mu);
      window = file->pattern.OnRead(offset, size, around_.fetcher.Ahead());
    }
    // First, so that the read's chunk and the next ones travel as one request.
    if (window.stride == 0) {
      around_.fetcher.Prefetch(file->object, window.begin, window.end);
    } else {
      for (uint64_t at = window.begin; at < window.end; at += window.stride) {
        around_.fetcher.Prefetch(file->object, at, std::min(at + window.piece, window.end));
      }
    }
  }
  const uint64_t unique = reply.unique();
  auto pending = std::make_shared<PendingRead>();
  {
    MutexLock lock(files_mu_);
    pending_[unique] = pending;
  }
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
        {
          MutexLock lock(files_mu_);
          pending_.erase(unique);
        }
        if (bytes) {
          read_bytes_ += bytes->size();
          shared->Data(*bytes);
        } else {
          shared->Error(ErrnoOf(bytes.error()));
        }
      });
  if (wait == 0) return;
  bool cancel = false;
  {
    MutexLock lock(pending->mu);
    pending->wait = wait;
    cancel = pending->interrupted;
  }
  if (cancel) around_.fetcher.Cancel(wait);
}

void DatasetFilesystem::Interrupt(uint64_t unique) {
  std::shared_ptr<PendingRead> pending;
  {
    MutexLock lock(files_mu_);
    auto found = pending_.find(unique);
    if (found == pending_.end()) return;
    pending = found->second;
  }
  uint64_t wait = 0;
  {
    MutexLock lock(pending->mu);
    pending->interrupted = true;
    wait = pending->wait;
  }
  if (wait != 0) around_.fetcher.Cancel(wait);
}

void DatasetFilesystem::ReadDirectory(fuse::NodeId node, uint64_t offset,
                                      fuse::DirectoryReply reply) {
  around_.on_look();
  const auto self = around_.tree.Find(IdOfNode(node));
  if (!self || self->kind != Kind::kDirectory) return reply.Error(self ? ENOTDIR : ESTALE);
  const fuse::Entry directory{.attributes = AttributesOf(*self)};
  if (offset == 0 && !reply.Add(".", directory, 1)) return reply.Done();
  if (offset <= 1 && !reply.Add("..", directory, 2)) return reply.Done();
  const uint64_t from = offset <= 2 ? 0 : offset - 2;
  const auto listed = around_.tree.List(
      self->id, from, [&](std::string_view name, const TreeEntry& entry, uint64_t next) {
        // Whether a file is complete is asked only where the kernel takes the node from here.
        return reply.Add(
            name,
            reply.plus() ? EntryOf(entry)
                         : fuse::Entry{.node = NodeOf(entry.id), .attributes = AttributesOf(entry)},
            next + 2);
      });
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
  const auto entry = node == kStatsNode ? std::nullopt : around_.tree.Find(IdOfNode(node));
  if (!entry || !name.starts_with("user.leat.")) return reply.Error(ENODATA);
  name.remove_prefix(std::string_view("user.leat.").size());
  std::string value;
  if (name == "source") {
    value = around_.store->Name() + entry->key;
  } else if (name == "control" && node == fuse::kRootNode) {
    value = options_.control;
  } else if (entry->kind != Kind::kFile) {
    return reply.Error(ENODATA);
  } else if (name == "etag") {
    value = entry->etag;
  } else if (name == "cached" || name == "state") {
    const auto cached = around_.cache.Describe(VersionOf(*entry).id);
    const uint64_t bytes = cached ? cached->cached : 0;
    if (name == "cached") {
      value = std::to_string(bytes);
    } else {
      value = !cached || bytes == 0 ? "none"
              : cached->packed      ? "packed"
              : bytes < entry->size ? "partial"
                                    : "complete";
    }
  } else {
    return reply.Error(ENODATA);
  }
  if (size == 0) return reply.Size(static_cast<uint32_t>(value.size()));
  if (size < value.size()) return reply.Error(ERANGE);
  reply.Data(value);
}

void DatasetFilesystem::ListXattr(fuse::NodeId, uint32_t size, fuse::Reply reply) {
  if (size == 0) return reply.Size(0);
  reply.Data({});
}

void DatasetFilesystem::OnComplete(const ObjectVersion& version) {
  if (!passthrough_ || version.size < blocks::kPackedBelow ||
      version.store->Name() != around_.store->Name())
    return;
  const auto entry = around_.tree.FindPath(version.key);
  if (entry && entry->etag == version.etag) InvalidatePath(version.key);
}

void DatasetFilesystem::InvalidatePath(const std::string& path) {
  const size_t slash = path.rfind('/');
  const auto parent =
      around_.tree.FindPath(slash == std::string::npos ? "" : path.substr(0, slash));
  if (!parent) return;
  session_->InvalidateName(NodeOf(parent->id),
                           path.substr(slash == std::string::npos ? 0 : slash + 1));
}

void DatasetFilesystem::ForgetBackings() {
  MutexLock lock(open_mu_);
  for (const auto& [node, backing] : backings_) (void)around_.keeper.Forget(BackingName(node));
}

void DatasetFilesystem::OnChanged(const ObjectVersion& version) {
  const auto entry = around_.tree.FindPath(version.key);
  if (!entry || entry->etag != version.etag) return;
  MutexLock lock(files_mu_);
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
