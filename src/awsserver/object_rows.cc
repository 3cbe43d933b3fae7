#include "awsserver/object_rows.h"

#include <fmt/format.h>

#include "aws/checksum.h"
#include "base/strings.h"
#include "json/value.h"

namespace leat::awsserver {

std::string EncodeFields(const Fields& fields) {
  json::Value object = json::Object();
  for (const auto& [name, value] : fields) object.Set(name, value);
  return json::Print(object);
}

Fields DecodeFields(std::string_view text) {
  Fields fields;
  const auto object = json::Parse(text);
  if (!object) return fields;
  for (const json::Member& member : object->Members()) {
    fields.emplace_back(member.key, member.value.Str());
  }
  return fields;
}

std::string EncodeChecksum(const std::optional<Checksum>& checksum) {
  if (!checksum) return "";
  return fmt::format("{}:{}:{}", aws::ChecksumName(checksum->algorithm),
                     checksum->full_object ? "full" : "composite", checksum->value);
}

std::optional<Checksum> DecodeChecksum(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, ':');
  if (parts.size() != 3) return std::nullopt;
  const auto algorithm = aws::ChecksumByName(parts[0]);
  if (!algorithm) return std::nullopt;
  return Checksum{*algorithm, parts[1] == "full", std::string(parts[2])};
}

ObjectRecord ReadObject(const db::Statement& row) {
  ObjectRecord object;
  object.key = row.Blob(1);
  object.size = static_cast<uint64_t>(row.Int(2));
  object.etag = row.Text(3);
  object.modified_ms = row.Int(4);
  object.headers = DecodeFields(row.Text(5));
  object.checksum = DecodeChecksum(row.Text(6));
  object.parts = static_cast<int>(row.Int(7));
  object.upload = row.Text(8);
  return object;
}

Status RequireBucket(db::Connection& connection, const std::string& bucket) {
  db::Statement& find = connection.Prepare("SELECT 1 FROM buckets WHERE name = ?1");
  const auto found = find.Bind(1, bucket).Step();
  if (!found) return found.error();
  if (!*found) return Error{Code::kNotFound, "no bucket " + bucket};
  return {};
}

Result<int64_t> ObjectId(db::Connection& connection, const std::string& bucket,
                         const std::string& key) {
  db::Statement& find = connection.Prepare("SELECT id FROM objects WHERE bucket = ?1 AND key = ?2");
  const auto found = find.Bind(1, bucket).BindBlob(2, key).Step();
  if (!found) return found.error();
  return *found ? find.Int(0) : 0;
}

Result<bool> HasEtag(db::Connection& connection, int64_t id,
                     const std::optional<std::string>& if_etag) {
  if (!if_etag) return true;
  if (id == 0 || *if_etag == "*") return id != 0;
  db::Statement& find = connection.Prepare("SELECT etag FROM objects WHERE id = ?1");
  const auto found = find.Bind(1, id).Step();
  if (!found) return found.error();
  return find.Text(0) == *if_etag;
}

Result<bool> IsUsed(db::Connection& connection, const std::string& blob) {
  db::Statement& find = connection.Prepare(
      "SELECT 1 FROM pieces WHERE blob = ?1 UNION ALL SELECT 1 FROM parts WHERE blob = ?1");
  return find.Bind(1, blob).Step();
}

Result<std::vector<std::string>> Texts(db::Statement& statement) {
  std::vector<std::string> texts;
  while (true) {
    const auto row = statement.Step();
    if (!row) return row.error();
    if (!*row) return texts;
    texts.emplace_back(statement.Text(0));
  }
}

Status FreeIfUnused(db::Connection& connection, const std::string& blob, FreedBlobs& freed) {
  const auto used = IsUsed(connection, blob);
  if (!used) return used.error();
  if (*used) return {};
  freed.push_back(blob);
  return connection.Prepare("INSERT OR IGNORE INTO freed VALUES (?1)").Bind(1, blob).Run();
}

namespace {

Status FreeAll(db::Connection& connection, const std::vector<std::string>& blobs,
               FreedBlobs& freed) {
  for (const std::string& blob : blobs) {
    if (auto checked = FreeIfUnused(connection, blob, freed); !checked) return checked;
  }
  return {};
}

Status CheckPrecondition(db::Connection& connection, const ObjectRecord& object, int64_t old_id,
                         const Precondition& precondition) {
  if (precondition.absent && old_id != 0) {
    return Error{Code::kConflict, "the object exists"};
  }
  if (precondition.if_etag && old_id == 0) {
    return Error{Code::kNotFound, "no object " + object.key};
  }
  const auto holds = HasEtag(connection, old_id, precondition.if_etag);
  if (!holds) return holds.error();
  if (!*holds) return Error{Code::kConflict, "the object has another ETag"};
  if (!precondition.shared_pieces) return {};
  for (const Piece& piece : object.pieces) {
    const auto used = IsUsed(connection, piece.blob);
    if (!used) return used.error();
    if (!*used) return Error{Code::kConflict, "the source was replaced meanwhile"};
  }
  return {};
}

// Removes the object's rows and gives the blobs they named.
Result<std::vector<std::string>> DropRows(db::Connection& connection, int64_t id) {
  db::Statement& find = connection.Prepare("SELECT blob FROM pieces WHERE object = ?1");
  auto blobs = Texts(find.Bind(1, id));
  if (!blobs) return blobs.error();
  for (const char* sql :
       {"DELETE FROM pieces WHERE object = ?1", "DELETE FROM objects WHERE id = ?1"}) {
    if (auto removed = connection.Prepare(sql).Bind(1, id).Run(); !removed) return removed.error();
  }
  return blobs;
}

}  // namespace

Status DropObject(db::Connection& connection, int64_t id, FreedBlobs& freed) {
  const auto blobs = DropRows(connection, id);
  if (!blobs) return blobs.error();
  return FreeAll(connection, *blobs, freed);
}

Status StoreObject(db::Connection& connection, const std::string& bucket,
                   const ObjectRecord& object, const Precondition& precondition,
                   FreedBlobs& freed) {
  if (auto there = RequireBucket(connection, bucket); !there) return there;
  const auto old_id = ObjectId(connection, bucket, object.key);
  if (!old_id) return old_id.error();
  if (auto holds = CheckPrecondition(connection, object, *old_id, precondition); !holds) {
    return holds;
  }
  db::Statement& insert = connection.Prepare(
      "INSERT INTO objects (bucket, key, size, etag, modified_ms, headers, checksum, parts, "
      "upload) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  insert.Bind(1, bucket).BindBlob(2, object.key).Bind(3, static_cast<int64_t>(object.size));
  insert.Bind(4, object.etag).Bind(5, object.modified_ms).Bind(6, EncodeFields(object.headers));
  insert.Bind(7, EncodeChecksum(object.checksum)).Bind(8, static_cast<int64_t>(object.parts));
  insert.Bind(9, object.upload);
  // The old rows go in between: a copy onto itself shares their blobs, and names are unique.
  std::vector<std::string> old_blobs;
  if (*old_id != 0) {
    auto dropped = DropRows(connection, *old_id);
    if (!dropped) return dropped.error();
    old_blobs = std::move(*dropped);
  }
  if (auto inserted = insert.Run(); !inserted) return inserted;
  const int64_t id = connection.LastInsertId();
  int64_t seq = 0;
  for (const Piece& piece : object.pieces) {
    db::Statement& add =
        connection.Prepare("INSERT INTO pieces (object, seq, blob, size) VALUES (?1, ?2, ?3, ?4)");
    add.Bind(1, id).Bind(2, seq++).Bind(3, piece.blob).Bind(4, static_cast<int64_t>(piece.size));
    if (auto added = add.Run(); !added) return added;
  }
  return FreeAll(connection, old_blobs, freed);
}

Status DropUpload(db::Connection& connection, const std::string& upload, FreedBlobs& freed) {
  db::Statement& find = connection.Prepare("SELECT blob FROM parts WHERE upload = ?1");
  const auto blobs = Texts(find.Bind(1, upload));
  if (!blobs) return blobs.error();
  for (const char* sql :
       {"DELETE FROM parts WHERE upload = ?1", "DELETE FROM uploads WHERE id = ?1"}) {
    if (auto removed = connection.Prepare(sql).Bind(1, upload).Run(); !removed) return removed;
  }
  return FreeAll(connection, *blobs, freed);
}

std::string AfterPrefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && static_cast<unsigned char>(next.back()) == 0xff) next.pop_back();
  if (!next.empty()) next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

}  // namespace leat::awsserver
