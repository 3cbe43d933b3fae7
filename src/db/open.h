// Opening database files. Internal to this module.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "db/database.h"

namespace leat::db {

// The Error for a result code of SQLite; its message names the file.
Error SqliteError(sqlite3* handle, int code);

// Makes the file (mode 0600) when it is not there; refuses one that is not a whole SQLite database,
// or not there although its mark is, with kCorrupt, before SQLite can touch it.
Status CheckFile(const Options& options);
// Notes beside the file that the database has been made, so that its loss is noticed. A full disk
// only delays that.
void KeepMark(const std::string& path);
// The connection that writes: WAL mode, schema brought up to date.
Result<std::unique_ptr<Connection>> OpenForWriting(const Options& options);
// A read-only one; a writing one must be open.
Result<std::unique_ptr<Connection>> OpenForReading(const std::string& path);

}  // namespace leat::db
