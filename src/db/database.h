// A SQLite file in WAL mode, which this process has for itself: another that opens it finds it
// locked. Readers use their own connections; all writes go through one writer thread that commits
// whatever has gathered in one transaction (group commit), so that a hundred concurrent writers
// share one fsync.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace leat::db {

class ReaderPool;
class Writer;

// A prepared statement of one connection; used by one thread at a time.
//   Statement& s = connection.Prepare("SELECT value FROM t WHERE key = ?1");
//   s.Bind(1, key);
//   Result<bool> row = s.Step();
//   for (; row && *row; row = s.Step()) Use(s.Text(0));
//   if (!row) return row.error();
// Errors: a broken UNIQUE or PRIMARY KEY is kAlreadyExists, another constraint kInvalid, a full
// disk kExhausted (surely not written), a damaged page kCorrupt, a lock that another process keeps
// kUnavailable.
class Statement {
 public:
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1. Text and blobs are copied, and forgotten at the next Prepare.
  Statement& Bind(int index, int64_t value);
  Statement& Bind(int index, std::string_view text);
  Statement& BindBlob(int index, std::string_view bytes);
  Statement& BindNull(int index);
  // True: a row is there. False: done, and the statement is reset for its next use.
  Result<bool> Step();
  // Steps to the end, dropping rows.
  Status Run();
  void Reset();

  // Columns count from 0; the views are valid until the next Step or Reset.
  int64_t Int(int column) const;
  std::string_view Text(int column) const;
  std::string_view Blob(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Connection;
  Statement() = default;
  sqlite3_stmt* statement_ = nullptr;  // null: it could not be compiled, and
  Error broken_;                       // this is why
};

// One connection; used by one thread at a time.
class Connection {
 public:
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Compiled once per SQL text and kept; reset when handed out, so two loops that run at once need
  // two texts. A syntax error is a bug in Leat and ends the process; other failures show at Step.
  Statement& Prepare(std::string_view sql);
  Status Execute(std::string_view sql);  // statements without results
  int64_t Changes() const;               // rows changed by the last statement
  int64_t LastInsertId() const;

  // For this module: takes a handle over, gives it to look at, ends statements left half-read.
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle() const { return handle_; }
  void ResetStatements();

 private:
  sqlite3* handle_;
  std::map<std::string, std::unique_ptr<Statement>, std::less<>> statements_;
};

struct Options {
  std::string path;
  // migrations[i] is SQL that brings the schema from version i to i + 1; versions only grow.
  std::vector<std::string> migrations;
  bool full_sync = true;  // fsync at each commit: an acknowledged write survives power loss
  // What to do to begin with an empty database on purpose, after "to begin anew, "; the default is
  // to move its files away. For a database without which other files cannot be understood.
  std::string begin_anew;
};

// What a write may use of the disk.
enum class Space {
  kOrdinary,  // refused with kExhausted while the disk is short: see Database
  kReserve,   // also what is held back for it: for writes that delete, and those that starting and
              // stopping need
};

// Deleting works on a full disk, also while somebody else takes every byte that comes free: up to
// 4 MiB beyond what they use are allocated to the file and to its log each (less on small disks).
// Ordinary writes are refused once the disk has less than 16 MiB (or a sixteenth) left, so that
// they leave that alone. It is filled up again after the next write with room.
class Database {
 public:
  // Opens or makes the file (mode 0600) and migrates it. kCorrupt: damaged, or not a database, or
  // one with other tables than the migrations make, or missing or empty although it has been there
  // before, which PATH.mark says (what is there is left as it is); kInvalid: written by a newer
  // Leat; kUnavailable: another process has it. Looks at the header and the schema only: damage
  // further in is a kCorrupt of the call that meets it.
  static Result<std::unique_ptr<Database>> Open(Options options);
  // Finishes the queued writes, folds the log into the file and closes: the file alone is a backup
  // then.
  ~Database();

  // Runs `work` on the writer thread inside a transaction that it may share with other callers,
  // and returns once it is durable. If work returns an error, its own changes (only) are rolled
  // back and that error is returned. A failed commit (disk full: kExhausted) fails every caller
  // that shared it, but those of Space::kReserve, which are then run once more, alone. kInternal
  // leaves open whether it was written: after a failed fsync the next start may find it. Blocks
  // while 1,024 writes are queued. `work` may read too, but must not begin or end transactions nor
  // call Write.
  Status Write(std::function<Status(Connection&)> work, Space space = Space::kOrdinary);

  // Runs `read` on a pooled read-only connection, in the calling thread, within one snapshot; sees
  // every write that returned before. Blocks while 8 reads run; never call it from inside read. A
  // read that lasts keeps the log from shrinking: copy what you need and return.
  Status Read(const std::function<Status(Connection&)>& read);

  // Reads every page and holds it against its neighbours: kCorrupt names the first damage. Takes as
  // long as reading the file does, but ends soon after the stop, with kCancelled.
  Status CheckPages(const std::stop_token& stop = {});

 private:
  Database(std::unique_ptr<Writer> writer, std::unique_ptr<ReaderPool> readers);
  std::unique_ptr<Writer> writer_;       // outlives the readers: the last to close must be able
  std::unique_ptr<ReaderPool> readers_;  // to write, to fold the log into the file
};

}  // namespace leat::db
