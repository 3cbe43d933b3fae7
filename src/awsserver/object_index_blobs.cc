// What the object index remembers about blobs beyond the rows that name them.
#include "awsserver/object_index.h"
#include "awsserver/object_rows.h"

namespace leat::awsserver {
namespace {

Result<std::vector<std::string>> AllTexts(db::Database& database, const char* sql) {
  std::vector<std::string> texts;
  auto read = database.Read([&](db::Connection& connection) -> Status {
    auto found = Texts(connection.Prepare(sql));
    if (!found) return found.error();
    texts = std::move(*found);
    return {};
  });
  if (!read) return read.error();
  return texts;
}

// Runs `sql` with each of the texts, in one transaction: what starting and deleting need.
Status ForEach(db::Database& database, const char* sql, const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  return database.Write(
      [&](db::Connection& connection) -> Status {
        for (const std::string& text : texts) {
          if (auto done = connection.Prepare(sql).Bind(1, text).Run(); !done) return done;
        }
        return {};
      },
      db::Space::kReserve);
}

}  // namespace

Result<ObjectIndex::Naming> ObjectIndex::NamesBlob(const std::string& blob) {
  Naming naming = Naming::kNot;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    const auto used = IsUsed(connection, blob);
    if (!used) return used.error();
    if (*used) naming = Naming::kByRow;
    if (*used) return {};
    db::Statement& find = connection.Prepare("SELECT 1 FROM freed WHERE blob = ?1");
    const auto freed = find.Bind(1, blob).Step();
    if (!freed) return freed.error();
    if (*freed) naming = Naming::kFreed;
    return {};
  });
  if (!read) return read.error();
  return naming;
}

Result<FreedBlobs> ObjectIndex::Freed() {
  // A blob is never named again, and what a row names is never removed, whatever else is wrong.
  return AllTexts(*db_,
                  "SELECT blob FROM freed WHERE blob NOT IN (SELECT blob FROM pieces) "
                  "AND blob NOT IN (SELECT blob FROM parts)");
}

Status ObjectIndex::ForgetFreed(const FreedBlobs& blobs) {
  return ForEach(*db_, "DELETE FROM freed WHERE blob = ?1", blobs);
}

Status ObjectIndex::BeginRun(const std::string& run) {
  return ForEach(*db_, "INSERT OR IGNORE INTO runs VALUES (?1)", {run});
}

Result<std::vector<std::string>> ObjectIndex::Runs() {
  return AllTexts(*db_, "SELECT run FROM runs");
}

Status ObjectIndex::EndRuns(const std::vector<std::string>& runs) {
  return ForEach(*db_, "DELETE FROM runs WHERE run = ?1", runs);
}

}  // namespace leat::awsserver
