#include <sqlite3.h>

#include "db/database.h"
#include "db/open.h"

namespace leat::db {
namespace {

// SQLite takes a null pointer for NULL.
const char* NotNull(std::string_view bytes) { return bytes.data() ? bytes.data() : ""; }

}  // namespace

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int index, int64_t value) {
  const int code = statement_ ? sqlite3_bind_int64(statement_, index, value) : SQLITE_OK;
  LEAT_CHECK(code == SQLITE_OK, "no such parameter, or bound in mid-step");
  return *this;
}

Statement& Statement::Bind(int index, std::string_view text) {
  const int code = statement_ ? sqlite3_bind_text64(statement_, index, NotNull(text), text.size(),
                                                    SQLITE_TRANSIENT, SQLITE_UTF8)
                              : SQLITE_OK;
  LEAT_CHECK(code == SQLITE_OK, "no such parameter, bound in mid-step, or beyond 1 GB");
  return *this;
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  const int code = statement_ ? sqlite3_bind_blob64(statement_, index, NotNull(bytes), bytes.size(),
                                                    SQLITE_TRANSIENT)
                              : SQLITE_OK;
  LEAT_CHECK(code == SQLITE_OK, "no such parameter, bound in mid-step, or beyond 1 GB");
  return *this;
}

Statement& Statement::BindNull(int index) {
  const int code = statement_ ? sqlite3_bind_null(statement_, index) : SQLITE_OK;
  LEAT_CHECK(code == SQLITE_OK, "no such parameter, or bound in mid-step");
  return *this;
}

Result<bool> Statement::Step() {
  if (!statement_) return broken_;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  Error error = SqliteError(sqlite3_db_handle(statement_), code);
  sqlite3_reset(statement_);
  return error;
}

Status Statement::Run() {
  while (true) {
    const Result<bool> row = Step();
    if (!row) return row.error();
    if (!*row) return {};
  }
}

void Statement::Reset() { sqlite3_reset(statement_); }

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (!text) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::Blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (!bytes) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Connection::~Connection() {
  statements_.clear();
  const int code = sqlite3_close(handle_);
  LEAT_CHECK(code == SQLITE_OK, "a statement outlives its connection");
}

Statement& Connection::Prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end())
    found =
        statements_.emplace(std::string(sql), std::unique_ptr<Statement>(new Statement())).first;
  Statement& statement = *found->second;
  if (statement.statement_) {
    sqlite3_reset(statement.statement_);
    sqlite3_clear_bindings(statement.statement_);
    return statement;
  }
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement.statement_, nullptr);
  LEAT_CHECK(code != SQLITE_ERROR, std::string(sqlite3_errmsg(handle_)) + " in " + found->first);
  if (code != SQLITE_OK) statement.broken_ = SqliteError(handle_, code);
  return statement;
}

Status Connection::Execute(std::string_view sql) {
  const int code = sqlite3_exec(handle_, std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteError(handle_, code);
  return {};
}

int64_t Connection::Changes() const { return sqlite3_changes64(handle_); }

int64_t Connection::LastInsertId() const { return sqlite3_last_insert_rowid(handle_); }

void Connection::ResetStatements() {
  for (sqlite3_stmt* s = sqlite3_next_stmt(handle_, nullptr); s; s = sqlite3_next_stmt(handle_, s))
    if (sqlite3_stmt_busy(s)) sqlite3_reset(s);
}

}  // namespace leat::db
