#include "awsserver/object_index.h"

#include <fmt/format.h>

#include "awsserver/object_rows.h"

namespace leat::awsserver {
namespace {

constexpr char kSchema[] = R"(
CREATE TABLE buckets (
  name TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  bucket TEXT NOT NULL,
  key BLOB NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  modified_ms INTEGER NOT NULL,
  headers TEXT NOT NULL,
  checksum TEXT NOT NULL,
  parts INTEGER NOT NULL
);
CREATE UNIQUE INDEX objects_by_key ON objects (bucket, key);
CREATE TABLE pieces (
  object INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  blob TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (object, seq)
) WITHOUT ROWID;
CREATE INDEX pieces_by_blob ON pieces (blob);
CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  bucket TEXT NOT NULL,
  key BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  headers TEXT NOT NULL,
  checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE parts (
  upload TEXT NOT NULL,
  number INTEGER NOT NULL,
  blob TEXT NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  checksum TEXT NOT NULL,
  modified_ms INTEGER NOT NULL,
  PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE INDEX parts_by_blob ON parts (blob);
)";

// What is known to be garbage, and who may have left some; and which upload made an object, so that
// a completion is repeated for that one only.
constexpr char kRecords[] = R"(
CREATE TABLE freed (blob TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE runs (run TEXT PRIMARY KEY) WITHOUT ROWID;
ALTER TABLE objects ADD COLUMN upload TEXT NOT NULL DEFAULT '';
)";

Error NoSuch(std::string_view what, std::string_view name) {
  return {Code::kNotFound, fmt::format("no {} {}", what, name)};
}

BucketRecord ReadBucket(const db::Statement& row) {
  return {.name = std::string(row.Text(0)),
          .region = std::string(row.Text(1)),
          .created_ms = row.Int(2)};
}

Status ReadPieces(db::Connection& connection, int64_t id, ObjectRecord& object) {
  db::Statement& find =
      connection.Prepare("SELECT blob, size FROM pieces WHERE object = ?1 ORDER BY seq");
  find.Bind(1, id);
  while (true) {
    const auto row = find.Step();
    if (!row) return row.error();
    if (!*row) return {};
    object.pieces.push_back({std::string(find.Text(0)), static_cast<uint64_t>(find.Int(1))});
  }
}

}  // namespace

ObjectIndex::ObjectIndex(std::unique_ptr<db::Database> database) : db_(std::move(database)) {}

Result<std::unique_ptr<ObjectIndex>> ObjectIndex::Open(const std::string& path) {
  auto database = db::Database::Open({.path = path, .migrations = {kSchema, kRecords}});
  if (!database) return database.error();
  return std::unique_ptr<ObjectIndex>(new ObjectIndex(std::move(*database)));
}

Status ObjectIndex::CreateBucket(const BucketRecord& bucket) {
  return db_->Write([&](db::Connection& connection) -> Status {
    if (RequireBucket(connection, bucket.name)) {
      return Error{Code::kAlreadyExists, "bucket " + bucket.name + " exists"};
    }
    db::Statement& insert =
        connection.Prepare("INSERT INTO buckets (name, region, created_ms) VALUES (?1, ?2, ?3)");
    return insert.Bind(1, bucket.name).Bind(2, bucket.region).Bind(3, bucket.created_ms).Run();
  });
}

Result<BucketRecord> ObjectIndex::FindBucket(const std::string& name) {
  BucketRecord bucket;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    db::Statement& find =
        connection.Prepare("SELECT name, region, created_ms FROM buckets WHERE name = ?1");
    const auto found = find.Bind(1, name).Step();
    if (!found) return found.error();
    if (!*found) return NoSuch("bucket", name);
    bucket = ReadBucket(find);
    return {};
  });
  if (!read) return read.error();
  return bucket;
}

Result<std::vector<BucketRecord>> ObjectIndex::Buckets() {
  std::vector<BucketRecord> buckets;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    db::Statement& find =
        connection.Prepare("SELECT name, region, created_ms FROM buckets ORDER BY name");
    while (true) {
      const auto row = find.Step();
      if (!row) return row.error();
      if (!*row) return {};
      buckets.push_back(ReadBucket(find));
    }
  });
  if (!read) return read.error();
  return buckets;
}

Result<FreedBlobs> ObjectIndex::DeleteBucket(const std::string& name) {
  FreedBlobs freed;
  auto written = db_->Write(
      [&](db::Connection& connection) -> Status {
        freed.clear();
        if (auto there = RequireBucket(connection, name); !there) return there;
        db::Statement& find = connection.Prepare("SELECT 1 FROM objects WHERE bucket = ?1 LIMIT 1");
        const auto any = find.Bind(1, name).Step();
        if (!any) return any.error();
        if (*any) return Error{Code::kConflict, "bucket " + name + " holds objects"};
        std::vector<std::string> uploads;
        db::Statement& list = connection.Prepare("SELECT id FROM uploads WHERE bucket = ?1");
        list.Bind(1, name);
        while (true) {
          const auto row = list.Step();
          if (!row) return row.error();
          if (!*row) break;
          uploads.emplace_back(list.Text(0));
        }
        for (const std::string& upload : uploads) {
          if (auto dropped = DropUpload(connection, upload, freed); !dropped) return dropped;
        }
        return connection.Prepare("DELETE FROM buckets WHERE name = ?1").Bind(1, name).Run();
      },
      db::Space::kReserve);
  if (!written) return written.error();
  return freed;
}

Result<ObjectRecord> ObjectIndex::Find(const std::string& bucket, const std::string& key) {
  ObjectRecord object;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    static const std::string kSql =
        fmt::format("SELECT {} FROM objects WHERE bucket = ?1 AND key = ?2", kObjectColumns);
    db::Statement& find = connection.Prepare(kSql);
    const auto found = find.Bind(1, bucket).BindBlob(2, key).Step();
    if (!found) return found.error();
    if (!*found) return NoSuch("object", key);
    object = ReadObject(find);
    return ReadPieces(connection, find.Int(0), object);
  });
  if (!read) return read.error();
  return object;
}

Result<FreedBlobs> ObjectIndex::Put(const std::string& bucket, const ObjectRecord& object,
                                    const Precondition& precondition) {
  FreedBlobs freed;
  auto written = db_->Write([&](db::Connection& connection) -> Status {
    freed.clear();
    return StoreObject(connection, bucket, object, precondition, freed);
  });
  if (!written) return written.error();
  return freed;
}

Result<FreedBlobs> ObjectIndex::Delete(const std::string& bucket,
                                       std::vector<Deletion>& deletions) {
  FreedBlobs freed;
  auto written = db_->Write(
      [&](db::Connection& connection) -> Status {
        freed.clear();
        for (Deletion& deletion : deletions) {
          const auto id = ObjectId(connection, bucket, deletion.key);
          if (!id) return id.error();
          const auto holds = HasEtag(connection, *id, deletion.if_etag);
          if (!holds) return holds.error();
          deletion.refused = !*holds;
          if (*id == 0 || deletion.refused) continue;
          if (auto dropped = DropObject(connection, *id, freed); !dropped) return dropped;
        }
        return {};
      },
      db::Space::kReserve);
  if (!written) return written.error();
  return freed;
}

}  // namespace leat::awsserver
