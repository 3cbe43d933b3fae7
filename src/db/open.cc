#include "db/open.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <system_error>

#include "base/log.h"
#include "db/reserve.h"

namespace leat::db {
namespace {

constexpr size_t kHeaderBytes = 100;

Error FileError(const std::string& path, int error) {
  const Code code = error == ENOENT                      ? Code::kNotFound
                    : error == ENOSPC || error == EDQUOT ? Code::kExhausted
                    : error == EACCES || error == EROFS  ? Code::kForbidden
                                                         : Code::kInternal;
  return {code, "open database " + path + ": " + std::generic_category().message(error)};
}

std::string MarkPath(const std::string& path) { return path + ".mark"; }

Error Damaged(const Options& options, const std::string& why) {
  const std::string& path = options.path;
  const std::string anew = !options.begin_anew.empty()
                               ? options.begin_anew
                               : "move it away, with " + LogPath(path) + " and " + MarkPath(path);
  return {Code::kCorrupt, "database " + path + " cannot be used: " + why +
                              ". It was left untouched; restore a backup, or, to begin anew, " +
                              anew};
}

uint32_t BigEndian(const unsigned char* at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return value;
}

// The header of https://sqlite.org/fileformat.html, section 1.3.
Status CheckHeader(const Options& options, const unsigned char* header, int64_t file_bytes) {
  if (std::memcmp(header, "SQLite format 3", 16) != 0)
    return Damaged(options, "it is not a SQLite database");
  const uint32_t page_field = BigEndian(header + 16, 2);
  const int64_t page_bytes = page_field == 1 ? 65536 : page_field;
  if (page_bytes < 512 || (page_bytes & (page_bytes - 1)) != 0)
    return Damaged(options, "its header is damaged");
  // The page count holds only when it was written by whoever changed the file last; and a crash
  // while the log was folded in leaves a short file, whose pages are still in the log.
  const bool count_is_valid = BigEndian(header + 24, 4) == BigEndian(header + 92, 4);
  const int64_t pages = BigEndian(header + 28, 4);
  if (count_is_valid && !HasLog(options.path) && file_bytes < pages * page_bytes)
    return Damaged(options, "it should have " + std::to_string(pages * page_bytes) +
                                " bytes and has only " + std::to_string(file_bytes));
  return {};
}

Result<std::unique_ptr<Connection>> Connect(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  // This VFS locks other processes out, and so keeps the index of the log in memory instead of in a
  // file beside it, for which a full disk would have no room.
  const int code = sqlite3_open_v2(
      path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, "unix-excl");
  LEAT_CHECK(handle, "out of memory");
  auto connection = std::make_unique<Connection>(handle);
  if (code != SQLITE_OK) return SqliteError(handle, code);
  sqlite3_busy_timeout(handle, 5000);  // ms; only another process can make us wait
  return connection;
}

// Sorting needs no files; a foreign file's schema runs no functions; a bad page is noticed early.
Status Tune(Connection& connection) {
  return connection.Execute(
      "PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; "
      "PRAGMA cell_size_check = ON");
}

Result<int64_t> UserVersion(Connection& connection) {
  Statement& s = connection.Prepare("PRAGMA user_version");
  Result<bool> row = s.Step();
  if (!row) return row.error();
  const int64_t version = s.Int(0);
  s.Reset();
  return version;
}

// Has SQLite read the whole schema, so that damage there shows before anything is written.
Status CheckSchema(Connection& connection, const Options& options) {
  sqlite3* handle = connection.handle();
  const int code =
      sqlite3_exec(handle, "SELECT name, sql FROM sqlite_schema", nullptr, nullptr, nullptr);
  const int kind = code & 0xFF;
  // SQLITE_ERROR: a format number in the header that SQLite does not know.
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR)
    return Damaged(options, sqlite3_errmsg(handle));
  if (code != SQLITE_OK) return SqliteError(handle, code);
  return {};
}

Status MigrateOnce(Connection& connection, const std::string& sql, size_t to_version) {
  const Status done = connection.Execute("BEGIN IMMEDIATE; " + sql + "\n; PRAGMA user_version = " +
                                         std::to_string(to_version) + "; COMMIT");
  if (done) return {};
  if (!sqlite3_get_autocommit(connection.handle())) (void)connection.Execute("ROLLBACK");
  return done.error().Within("bring the schema to version " + std::to_string(to_version));
}

Status Migrate(Connection& connection, const Options& options) {
  const Result<int64_t> version = UserVersion(connection);
  if (!version) return version.error();
  for (size_t v = static_cast<size_t>(*version); v < options.migrations.size(); ++v) {
    Status done = MigrateOnce(connection, options.migrations[v], v + 1);
    if (!done) return done;
  }
  return {};
}

Status CheckVersion(Connection& connection, const Options& options) {
  const Result<int64_t> version = UserVersion(connection);
  if (!version) return version.error();
  const auto known = static_cast<int64_t>(options.migrations.size());
  if (*version >= 0 && *version <= known) return {};
  return Error{Code::kInvalid, "database " + options.path + " has schema version " +
                                   std::to_string(*version) + " and this Leat knows up to " +
                                   std::to_string(known) +
                                   ": use the Leat that wrote it, or another data directory"};
}

// "table.column" for all there are.
Result<std::set<std::string>> Columns(Connection& connection) {
  Statement& s = connection.Prepare(
      "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
      "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
  std::set<std::string> columns;
  while (true) {
    const Result<bool> row = s.Step();
    if (!row) return row.error();
    if (!*row) return columns;
    columns.emplace(s.Text(0));
  }
}

// Somebody else's database, or Leat's for another purpose, has other tables than ours has at its
// version.
Status CheckTables(Connection& connection, const Options& options) {
  const Result<int64_t> version = UserVersion(connection);
  if (!version) return version.error();
  const auto found = Columns(connection);
  if (!found) return found.error();
  const std::string not_ours = "it is not the database that Leat keeps under this name: it has ";
  if (*version == 0 && !found->empty())
    return Damaged(options, not_ours + *found->begin() + " and no schema version");
  auto model = Connect(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!model) return model.error();
  for (size_t v = 0; v < static_cast<size_t>(*version); ++v)
    if (Status done = (*model)->Execute(options.migrations[v]); !done) return done;
  const auto expected = Columns(**model);
  if (!expected) return expected.error();
  for (const std::string& column : *expected)
    if (!found->contains(column)) return Damaged(options, not_ours + "no " + column);
  return {};
}

Status UseLog(Connection& connection, const Options& options) {
  Statement& s = connection.Prepare("PRAGMA journal_mode = WAL");
  const Result<bool> row = s.Step();
  if (!row) return row.error();
  const bool on = s.Text(0) == "wal";
  s.Reset();
  if (!on)
    return Error{Code::kUnimplemented,
                 "database " + options.path +
                     ": its file system cannot share memory (a network share?); use a local one"};
  return connection.Execute(
      std::string("PRAGMA journal_size_limit = 8388608; PRAGMA secure_delete = FAST; ") +
      "PRAGMA synchronous = " + (options.full_sync ? "FULL" : "NORMAL"));
}

}  // namespace

Status CheckFile(const Options& options) {
  const std::string& path = options.path;
  // Before the file is made: what is missing was not always missing.
  struct stat info {};
  const bool exists = stat(path.c_str(), &info) == 0;
  const bool is_there = exists && info.st_size > 0;
  const std::string how = exists ? "it is empty" : "it is missing";
  if (!is_there && access(MarkPath(path).c_str(), F_OK) == 0)
    return Damaged(options, how + ", but it was there before, as " + MarkPath(path) + " shows");
  if (!is_there && HasLog(path))
    return Damaged(options, how + ", but its log " + LogPath(path) + " is there");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(path, errno);
  unsigned char header[kHeaderBytes];
  const bool known = fstat(fd, &info) == 0;
  const ssize_t got = known ? ::pread(fd, header, sizeof(header), 0) : -1;
  const int error = errno;
  ::close(fd);
  if (got < 0) return FileError(path, error);
  if (info.st_size == 0) return {};
  if (got < static_cast<ssize_t>(kHeaderBytes)) return Damaged(options, "its header is cut off");
  return CheckHeader(options, header, info.st_size);
}

void KeepMark(const std::string& path) {
  constexpr std::string_view kText =
      "The database beside this file was made by Leat. Should it be missing, Leat says so instead "
      "of making an empty one.\n";
  const std::string mark = MarkPath(path);
  const int fd = ::open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return;
  // The file alone is the mark, so that a full disk takes no more than its text.
  if (fd < 0) {
    LogWarning("cannot note that a database was made", {{"error", FileError(mark, errno)}});
    return;
  }
  if (::write(fd, kText.data(), kText.size()) >= 0) fsync(fd);
  ::close(fd);
}

Result<std::unique_ptr<Connection>> OpenForWriting(const Options& options) {
  Result<std::unique_ptr<Connection>> opened = Connect(options.path, SQLITE_OPEN_READWRITE);
  if (!opened) return opened.error();
  Connection& connection = **opened;
  // Until all is well nothing may be folded into a file that turns out not to be ours.
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  Status ready = CheckSchema(connection, options);
  if (ready) ready = CheckVersion(connection, options);
  if (ready) ready = Tune(connection);
  if (ready) ready = CheckTables(connection, options);
  if (ready) ready = UseLog(connection, options);
  if (ready) ready = Migrate(connection, options);
  // After the migrations, which may rebuild tables that others refer to.
  if (ready) ready = connection.Execute("PRAGMA foreign_keys = ON");
  if (!ready) return ready.error();
  sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return opened;
}

Result<std::unique_ptr<Connection>> OpenForReading(const std::string& path) {
  Result<std::unique_ptr<Connection>> opened = Connect(path, SQLITE_OPEN_READONLY);
  if (!opened) return opened;
  Status tuned = Tune(**opened);
  if (!tuned) return tuned.error();
  return opened;
}

}  // namespace leat::db
