#include "awsserver/blob_store.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

constexpr size_t kEpochDigits = 8;
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
  // finds nothing left to do. Nothing names the file yet: until then it may be broken.
  aside_ = place_;
  if (::fsync(fd_.get()) != 0) return io::ErrnoError(errno, "fsync " + place_);
  if (auto synced = io::SyncDir(dir); !synced) return synced.error();
  fd_.Reset();
  return id_;
}

BlobStore::Lease::~Lease() { store_.EndRead(number_); }

BlobStore::BlobStore(std::string dir) : dir_(std::move(dir)), epoch_(RandomHex(kEpochDigits)) {}

Result<std::unique_ptr<BlobStore>> BlobStore::Open(const std::string& dir) {
  std::unique_ptr<BlobStore> store(new BlobStore(dir));
  if (auto removed = io::RemoveTree(dir + "/incoming"); !removed) return removed.error();
  if (auto made = io::MakeDirs(dir + "/incoming", 0700); !made) return made.error();
  if (auto made = io::MakeDirs(dir + "/objects", 0700); !made) return made.error();
  return store;
}

std::string BlobStore::PathOf(const std::string& id) const {
  return dir_ + "/objects/" + id.substr(kEpochDigits, 2) + "/" + id;
}

Result<BlobWriter> BlobStore::Create() {
  std::string id = epoch_ + RandomHex(24);
  std::string aside = dir_ + "/incoming/" + id;
  auto fd = io::Open(aside, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd) return fd.error();
  std::string place = PathOf(id);
  return BlobWriter(std::move(id), std::move(aside), std::move(place), std::move(*fd));
}

Result<io::UniqueFd> BlobStore::OpenBlob(const std::string& id) const {
  return io::Open(PathOf(id), O_RDONLY);
}

std::unique_ptr<BlobStore::Lease> BlobStore::Read() {
  MutexLock lock(mu_);
  const uint64_t number = ++next_number_;
  readers_.insert(number);
  return std::unique_ptr<Lease>(new Lease(*this, number));
}

void BlobStore::EndRead(uint64_t number) {
  std::vector<std::string> free;
  {
    MutexLock lock(mu_);
    readers_.erase(number);
    const uint64_t oldest = readers_.empty() ? UINT64_MAX : *readers_.begin();
    while (!doomed_.empty() && doomed_.begin()->first < oldest) {
      std::vector<std::string>& ids = doomed_.begin()->second;
      free.insert(free.end(), ids.begin(), ids.end());
      doomed_.erase(doomed_.begin());
    }
  }
  Unlink(free);
}

void BlobStore::Remove(const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  {
    MutexLock lock(mu_);
    if (!readers_.empty()) {
      doomed_[++next_number_] = ids;
      return;
    }
  }
  Unlink(ids);
}

void BlobStore::Unlink(const std::vector<std::string>& ids) const {
  for (const std::string& id : ids) {
    if (auto removed = io::Remove(PathOf(id)); !removed) {
      LogWarning("object file not removed", {{"error", removed.error()}});
    }
  }
}

Result<int> BlobStore::Sweep(const std::function<Result<bool>(const std::string& id)>& in_use,
                             const std::stop_token& stop) {
  int removed_count = 0;
  const auto dirs = io::ListDir(dir_ + "/objects");
  if (!dirs) return dirs.error();
  for (const std::string& sub : *dirs) {
    const auto ids = io::ListDir(dir_ + "/objects/" + sub);
    if (!ids) return ids.error();
    for (const std::string& id : *ids) {
      if (stop.stop_requested()) return removed_count;
      if (id.starts_with(epoch_)) continue;
      const auto used = in_use(id);
      if (!used) return used.error();
      if (*used) continue;
      if (auto removed = io::Remove(dir_ + "/objects/" + sub + "/" + id); !removed) {
        return removed.error();
      }
      ++removed_count;
    }
  }
  return removed_count;
}

}  // namespace leat::awsserver
