#include "awsserver/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

constexpr size_t kRunDigits = 8;
constexpr std::string_view kUnsettled = ".new";
// How much may wait in the page cache before the disk is set to work on it, so that the fsync at
// the end finds little to do.
constexpr uint64_t kFlushEvery = 16_MiB;
// Left free, so that the databases can still record a deletion.
constexpr uint64_t kReserve = 32_MiB;

Status RequireRoom(int fd, size_t size) {
  struct statvfs disk {};
  if (::fstatvfs(fd, &disk) != 0) return io::ErrnoError(errno, "statvfs");
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free >= size + kReserve) return {};
  return Error{Code::kExhausted,
               "store an object: only " + HumanBytes(free) + " are left on the disk; free some"};
}

}  // namespace

BlobWriter::~BlobWriter() {
  if (!fd_.ok()) return;
  if (auto removed = io::Remove(aside_); !removed) {
    LogWarning("upload not removed", {{"error", removed.error()}});
  }
}

Status BlobWriter::Append(std::string_view bytes) {
  if (auto room = RequireRoom(fd_.get(), bytes.size()); !room) return room;
  if (auto written = io::WriteAll(fd_.get(), bytes); !written) {
    return written.error().Within("store an object");
  }
  size_ += bytes.size();
  if (size_ - flushed_ >= kFlushEvery) {
    ::sync_file_range(fd_.get(), static_cast<off_t>(flushed_), static_cast<off_t>(size_ - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = size_;
  }
  return {};
}

Result<std::string> BlobWriter::Keep() {
  const std::string dir = place_.substr(0, place_.rfind('/'));
  auto moved = io::Rename(aside_, place_);
  if (!moved && moved.error().code == Code::kNotFound) {
    // The first blob there: directories are made as they are needed, for a quick start.
    if (auto made = io::MakeDirs(dir, 0700); !made) return made.error();
    if (auto synced = io::SyncDir(dir.substr(0, dir.rfind('/'))); !synced) return synced.error();
    moved = io::Rename(aside_, place_);
  }
  if (!moved) return moved.error();
  // Renamed before the fsync, so that one journal commit covers both, and the directory's own fsync
  // finds nothing left to do. No row names the file yet: until then it may be broken.
  aside_ = place_;
  if (::fsync(fd_.get()) != 0) return io::ErrnoError(errno, "fsync " + place_);
  if (auto synced = io::SyncDir(dir); !synced) return synced.error();
  fd_.Reset();
  return id_;
}

BlobStore::Lease::~Lease() { store_.EndLease(ids_); }

BlobStore::BlobStore(std::string dir) : dir_(std::move(dir)), run_(RandomHex(kRunDigits)) {}

Result<std::unique_ptr<BlobStore>> BlobStore::Open(const std::string& dir) {
  std::unique_ptr<BlobStore> store(new BlobStore(dir));
  if (auto removed = io::RemoveTree(dir + "/incoming"); !removed) return removed.error();
  if (auto made = io::MakeDirs(dir + "/incoming", 0700); !made) return made.error();
  if (auto made = io::MakeDirs(dir + "/objects", 0700); !made) return made.error();
  return store;
}

std::string BlobStore::PathOf(const File& file) const {
  return dir_ + "/objects/" + file.id.substr(std::min(file.id.size(), kRunDigits), 2) + "/" +
         file.id + std::string(file.settled ? "" : kUnsettled);
}

std::string BlobStore::RunOf(const std::string& id) { return id.substr(0, kRunDigits); }

Result<BlobWriter> BlobStore::Create() {
  std::string id = run_ + RandomHex(24);
  std::string aside = dir_ + "/incoming/" + id;
  auto fd = io::Open(aside, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd) return fd.error();
  std::string place = PathOf({.id = id, .settled = false});
  return BlobWriter(std::move(id), std::move(aside), std::move(place), std::move(*fd));
}

void BlobStore::Settle(const std::string& id) const {
  auto moved = io::Rename(PathOf({.id = id, .settled = false}), PathOf({.id = id}));
  // Whoever deleted the object meanwhile has removed the file.
  if (moved || moved.error().code == Code::kNotFound) return;
  LogWarning("object file not renamed", {{"error", moved.error()}});
}

Result<io::UniqueFd> BlobStore::OpenBlob(const std::string& id) const {
  auto fd = io::Open(PathOf({.id = id}), O_RDONLY);
  if (fd || fd.error().code != Code::kNotFound) return fd;
  fd = io::Open(PathOf({.id = id, .settled = false}), O_RDONLY);
  if (fd || fd.error().code != Code::kNotFound) return fd;
  return io::Open(PathOf({.id = id}), O_RDONLY);  // settled just between the two
}

bool BlobStore::Has(const std::string& id) const {
  return io::Exists(PathOf({.id = id})) || io::Exists(PathOf({.id = id, .settled = false})) ||
         io::Exists(PathOf({.id = id}));
}

Result<std::unique_ptr<BlobStore::Lease>> BlobStore::Hold(const std::vector<std::string>& ids) {
  const Error gone{Code::kNotFound, "the object was removed meanwhile"};
  {
    MutexLock lock(mu_);
    for (const std::string& id : ids) {
      if (going_.contains(id) || doomed_.contains(id)) return gone;
    }
    for (const std::string& id : ids) ++held_[id];
  }
  std::unique_ptr<Lease> lease(new Lease(*this, ids));
  // The blobs of an object are removed together: if one is there, none was removed before.
  if (!ids.empty() && !Has(ids.front())) return gone;
  return lease;
}

void BlobStore::EndLease(const std::vector<std::string>& ids) {
  std::vector<std::string> free;
  {
    MutexLock lock(mu_);
    for (const std::string& id : ids) {
      const auto held = held_.find(id);
      if (--held->second > 0) continue;
      held_.erase(held);
      if (doomed_.erase(id) == 0) continue;
      going_.insert(id);
      free.push_back(id);
    }
  }
  Unlink(free);
}

void BlobStore::Remove(const std::vector<std::string>& ids) {
  std::vector<std::string> free;
  {
    MutexLock lock(mu_);
    for (const std::string& id : ids) {
      if (held_.contains(id)) {
        doomed_.insert(id);
      } else if (going_.insert(id).second) {
        free.push_back(id);
      }
    }
  }
  Unlink(free);
}

Status BlobStore::UnlinkOne(const std::string& id) const {
  // It has one name, and Settle may change that after the first look.
  for (const bool settled : {true, false, true}) {
    const std::string path = PathOf({.id = id, .settled = settled});
    if (::unlink(path.c_str()) == 0) return {};
    if (errno != ENOENT) return io::ErrnoError(errno, "unlink " + path);
  }
  return {};
}

void BlobStore::Unlink(const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  std::vector<std::string> removed;
  for (const std::string& id : ids) {
    if (auto unlinked = UnlinkOne(id); !unlinked) {
      LogWarning("object file not removed", {{"error", unlinked.error()}});
    } else {
      removed.push_back(id);
    }
  }
  MutexLock lock(mu_);
  for (const std::string& id : ids) going_.erase(id);
  removed_.insert(removed_.end(), removed.begin(), removed.end());
  if (removed_.size() >= awaited_) removed_some_.NotifyAll();
}

Result<std::vector<std::string>> BlobStore::AwaitRemoved(size_t at_least,
                                                         const std::stop_token& stop) {
  std::vector<std::string> removed;
  {
    MutexLock lock(mu_);
    awaited_ = at_least;
    removed_some_.Wait(mu_, stop,
                       [&]() NO_THREAD_SAFETY_ANALYSIS { return removed_.size() >= at_least; });
    removed.swap(removed_);
  }
  std::set<std::string> dirs;
  for (const std::string& id : removed) {
    const std::string path = PathOf({.id = id});
    dirs.insert(path.substr(0, path.rfind('/')));
  }
  for (const std::string& dir : dirs) {
    if (!io::Exists(dir)) continue;
    if (auto synced = io::SyncDir(dir); !synced) return synced.error();
  }
  return removed;
}

Status BlobStore::Visit(const std::function<Status(const File&)>& each,
                        const std::stop_token& stop) const {
  const auto dirs = io::ListDir(dir_ + "/objects");
  if (!dirs) return dirs.error();
  for (const std::string& sub : *dirs) {
    const auto names = io::ListDir(dir_ + "/objects/" + sub);
    if (!names && names.error().code == Code::kInvalid) continue;  // not a directory: not ours
    if (!names) return names.error();
    for (const std::string& name : *names) {
      if (stop.stop_requested()) return {};
      if (RunOf(name) == run_) continue;
      File file{.id = name, .settled = !name.ends_with(kUnsettled), .size = 0};
      if (!file.settled) file.id.resize(name.size() - kUnsettled.size());
      struct stat info {};
      if (::stat((dir_ + "/objects/" + sub + "/" + name).c_str(), &info) != 0) continue;
      file.size = static_cast<uint64_t>(info.st_size);
      if (auto done = each(file); !done) return done;
    }
  }
  return {};
}

}  // namespace leat::awsserver
