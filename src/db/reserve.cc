#include "db/reserve.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace leat::db {
namespace {

constexpr int64_t kMaxAhead = 4 << 20;
constexpr int64_t kMaxShort = 16 << 20;
constexpr int64_t kStep = 64 << 10;
constexpr int64_t kPageBytes = 4096;
// SQLite takes a chunk size as an int.
constexpr int64_t kMaxChunk = 1 << 30;
constexpr size_t kLogHeaderBytes = 32;

int64_t RoundUp(int64_t bytes, int64_t step) { return (bytes + step - 1) / step * step; }

struct Disk {
  int64_t total = 0;
  int64_t free = 0;
};

Disk DiskOf(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return {};
  const auto unit = static_cast<int64_t>(info.f_frsize);
  return {static_cast<int64_t>(info.f_blocks) * unit, static_cast<int64_t>(info.f_bavail) * unit};
}

int64_t PageBytes(Connection& connection) {
  int64_t bytes = 1;
  for (const char* pragma : {"PRAGMA page_count", "PRAGMA page_size"}) {
    Statement& s = connection.Prepare(pragma);
    const Result<bool> row = s.Step();
    bytes *= row && *row ? s.Int(0) : 0;
    s.Reset();
  }
  return bytes;
}

}  // namespace

Reserve::Reserve(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDWR | O_CLOEXEC)) {}

Reserve::~Reserve() {
  if (fd_ >= 0) ::close(fd_);
}

bool Reserve::DiskIsShort() const {
  const Disk disk = DiskOf(path_);
  return disk.free < std::min(kMaxShort, disk.total / 16);
}

Error Reserve::Refusal() const {
  return {Code::kExhausted,
          "database " + path_ + ": only " + std::to_string(DiskOf(path_).free >> 10) +
              " KiB are left on its disk, and deleting needs them; free some space and try again"};
}

void Reserve::Fill(Connection& connection, int64_t log_bytes) {
  const int64_t ahead = std::min(kMaxAhead, DiskOf(path_).total / 64 / kStep * kStep);
  if (ahead == 0) return;
  GrowFile(connection, ahead);
  GrowLog(log_bytes + ahead);
}

void Reserve::GrowFile(Connection& connection, int64_t ahead) {
  const int64_t used = PageBytes(connection);
  struct stat info {};
  if (used + ahead <= file_bytes_ || fstat(fd_, &info) != 0) return;
  // Room for twice the reserve, so that not each commit comes here.
  const bool is_large = info.st_size >= used + ahead;
  const int64_t wanted = is_large ? info.st_size : RoundUp(used + 2 * ahead, kStep);
  const bool grown = fallocate(fd_, 0, 0, wanted) == 0;
  if (grown) file_bytes_ = wanted;
  if (!grown && info.st_size <= used) return;
  // SQLite cuts the file to its pages whenever it has folded the log in, but to whole chunks: with
  // a chunk as large as the file (or a half, a third ...) it stays as large as it is.
  const int64_t size = grown ? wanted : info.st_size;
  const int64_t chunks = size / kMaxChunk + 1;
  int chunk = static_cast<int>(RoundUp(size / chunks, kPageBytes));
  sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
}

void Reserve::GrowLog(int64_t wanted_bytes) {
  if (wanted_bytes <= log_bytes_) return;
  // SQLite locks the database's file, never the log's: closing it here harms nobody.
  const int fd = ::open(LogPath(path_).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  const int64_t wanted = RoundUp(wanted_bytes, kStep);
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, wanted) == 0) log_bytes_ = wanted;
  ::close(fd);
}

std::string LogPath(const std::string& path) { return path + "-wal"; }

bool HasLog(const std::string& path) {
  const int fd = ::open(LogPath(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  unsigned char magic[4] = {};
  const bool any = ::pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && magic[0] != 0;
  ::close(fd);
  return any;
}

void EmptyLog(const std::string& path) {
  const int fd = ::open(LogPath(path).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  const char zeros[kLogHeaderBytes] = {};
  // A log without a header is an empty one.
  const bool emptied = lseek(fd, 0, SEEK_END) < static_cast<off_t>(sizeof(zeros)) ||
                       (::pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros) && fsync(fd) == 0);
  ::close(fd);
  if (!emptied)
    LogWarning("database log cannot be emptied; the next start reads it once more",
               {{"database", path}});
}

}  // namespace leat::db
