// Disk space that only one database can use. Internal to this module.
#pragma once

#include <cstdint>
#include <string>

#include "db/database.h"

namespace leat::db {

// On a full disk whatever is freed may be taken at once by whoever fills it. So what deleting needs
// is held where nobody else can take it: in blocks allocated to the database's own files, beyond
// what they use. The file itself is kept larger than its pages (SQLite's chunk size), the log has
// blocks behind its end. Best effort on file systems that write each block anew (btrfs, ZFS), or
// cannot allocate ahead. Used by the writer's thread.
class Reserve {
 public:
  explicit Reserve(std::string path);
  ~Reserve();  // after all connections: closing a file drops this process's locks on it
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  // The disk has so little left that ordinary writes are refused: less than a sixteenth, and less
  // than 16 MiB. False when it cannot be asked.
  bool DiskIsShort() const;
  // Why an ordinary write is refused then.
  Error Refusal() const;
  // Allocates what is missing to have a 64th of the disk, at most 4 MiB, beyond the pages of the
  // database and beyond `log_bytes` of the log each. Takes what there is when that is less.
  void Fill(Connection& connection, int64_t log_bytes);

 private:
  void GrowFile(Connection& connection, int64_t ahead);
  void GrowLog(int64_t wanted_bytes);

  const std::string path_;
  const int fd_;            // of the database's file
  int64_t file_bytes_ = 0;  // that the file was made to have
  int64_t log_bytes_ = 0;   // that the log was made to have, in blocks
};

// The log's file.
std::string LogPath(const std::string& path);
// Whether the log of this database holds anything: there is one, and it begins as a log does.
bool HasLog(const std::string& path);
// Empties the log without giving its blocks back. Only when all of it stands in the database, and
// no connection is open.
void EmptyLog(const std::string& path);

}  // namespace leat::db
