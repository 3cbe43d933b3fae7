// A SQLite file in WAL mode. Readers use their own connections; all writes go through one writer
// thread that commits whatever has gathered in one transaction (group commit), so that a hundred
// concurrent writers share one fsync.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace leat::db {

// A prepared statement of one connection; used by one thread at a time.
//   Statement& s = connection.Prepare("SELECT value FROM t WHERE key = ?1");
//   s.Bind(1, key);
//   while (*s.Step()) use(s.Text(0));
class Statement {
 public:
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1. Text and blobs are copied.
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
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
};

// One connection; used by one thread at a time.
class Connection {
 public:
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Compiled once per SQL text and kept; reset when handed out. A syntax error is a bug in Leat
  // and ends the process.
  Statement& Prepare(std::string_view sql);
  Status Execute(std::string_view sql);  // statements without results
  int64_t Changes() const;               // rows changed by the last statement
  int64_t LastInsertId() const;

 private:
  friend class Database;
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct Options {
  std::string path;
  // migrations[i] is SQL that brings the schema from version i to i + 1; versions only grow.
  std::vector<std::string> migrations;
  bool full_sync = true;  // fsync at each commit: an acknowledged write survives power loss
};

class Database {
 public:
  // Opens or makes the file (mode 0600) and migrates it. kCorrupt: damaged, or not a database (the
  // file is left as it is); kInvalid: written by a newer Leat.
  static Result<std::unique_ptr<Database>> Open(Options options);
  // Finishes the queued writes, then closes.
  ~Database();

  // Runs `work` on the writer thread inside a transaction that it may share with other callers,
  // and returns once it is durable. If work returns an error, its own changes (only) are rolled
  // back and that error is returned. A failed commit (disk full: kExhausted) fails every caller
  // that shared it. Blocks while more than 1,024 writes are queued. Never call it from inside work.
  Status Write(std::function<Status(Connection&)> work);

  // Runs `read` on a pooled read-only connection, in the calling thread, within one snapshot.
  Status Read(const std::function<Status(Connection&)>& read);

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace leat::db
