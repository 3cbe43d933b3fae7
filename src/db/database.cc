#include "db/database.h"

#include <sqlite3.h>

#include "db/open.h"
#include "db/readers.h"
#include "db/writer.h"

namespace leat::db {

Database::Database(std::unique_ptr<Writer> writer, std::unique_ptr<ReaderPool> readers)
    : writer_(std::move(writer)), readers_(std::move(readers)) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::Open(Options options) {
  Status whole = CheckFile(options);
  if (!whole) return whole.error();
  Result<std::unique_ptr<Connection>> connection = OpenForWriting(options);
  if (!connection) return connection.error();
  KeepMark(options.path);
  return std::unique_ptr<Database>(
      new Database(std::make_unique<Writer>(*std::move(connection), options.path),
                   std::make_unique<ReaderPool>(options.path)));
}

Status Database::Write(std::function<Status(Connection&)> work, Space space) {
  return writer_->Write(work, space);
}

Status Database::Read(const std::function<Status(Connection&)>& read) {
  return readers_->Read(read);
}

Status Database::CheckPages(const std::stop_token& stop) {
  return Read([&](Connection& connection) -> Status {
    // An interrupt reaches what runs, and what begins while anything runs: with this one half-read
    // the check cannot begin just behind it.
    const Result<bool> running = connection.Prepare("SELECT 1").Step();
    if (!running) return running.error();
    const std::stop_callback interrupt(stop, [&] { sqlite3_interrupt(connection.handle()); });
    Statement& check = connection.Prepare("PRAGMA quick_check(1)");
    const Result<bool> row = check.Step();
    if (!row) return row.error();
    const std::string found(*row ? check.Text(0) : "nothing");
    check.Reset();
    if (found == "ok") return {};
    // An interrupted check may name as unused what it did not come to.
    if (stop.stop_requested()) return Error{Code::kCancelled, "the check of its pages was stopped"};
    return Error{Code::kCorrupt, "the check of its pages says: " + found};
  });
}

}  // namespace leat::db
