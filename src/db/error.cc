#include <sqlite3.h>

#include <cerrno>

#include "db/open.h"

namespace leat::db {
namespace {

bool IsDiskFull(int system_error) { return system_error == ENOSPC || system_error == EDQUOT; }

// kExhausted is for what was surely not written. When a commit fails later, at its fsync (network
// shares and quotas tell of the full disk only then) or for lack of memory, its pages are in the
// log, and a crash may bring them back.
Code CodeOf(int code, int system_error) {
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
      code == SQLITE_CONSTRAINT_ROWID)
    return Code::kAlreadyExists;
  switch (code & 0xFF) {  // the rest of the code is detail
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return Code::kInvalid;
    case SQLITE_FULL:
      return Code::kExhausted;
    case SQLITE_IOERR:
      return code == SQLITE_IOERR_WRITE && IsDiskFull(system_error) ? Code::kExhausted
                                                                    : Code::kInternal;
    case SQLITE_INTERRUPT:
      return Code::kCancelled;
    case SQLITE_TOOBIG:
      return Code::kTooLarge;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kUnavailable;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return Code::kForbidden;
    default:
      return Code::kInternal;
  }
}

std::string Advice(Code code) {
  if (code == Code::kCorrupt)
    return "; the file is damaged: stop, keep a copy, and restore a backup or move it away";
  if (code == Code::kExhausted) return "; free some space and try again";
  if (code == Code::kUnavailable) return "; another process holds a lock on it";
  return {};
}

}  // namespace

Error SqliteError(sqlite3* handle, int code) {
  const char* file = sqlite3_db_filename(handle, "main");
  const Code kind = CodeOf(code, sqlite3_system_errno(handle));
  // The handle's own text says more, but belongs to its latest call only.
  const bool latest = sqlite3_extended_errcode(handle) == code;
  const std::string text = latest ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  return {kind, "database " + std::string(file ? file : "") + ": " + text + Advice(kind)};
}

}  // namespace leat::db
