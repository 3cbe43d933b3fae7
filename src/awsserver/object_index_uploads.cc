#include <fmt/format.h>

#include "aws/checksum.h"
#include "awsserver/object_index.h"
#include "awsserver/object_rows.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr char kUploadColumns[] = "id, bucket, key, created_ms, headers, checksum";

Error NoSuchUpload(std::string_view id) {
  return {Code::kNotFound, fmt::format("no upload {}", id)};
}

// "CRC32:full", "SHA1:composite", ""
std::string EncodeWish(const UploadRecord& upload) {
  if (!upload.checksum) return "";
  return fmt::format("{}:{}", aws::ChecksumName(*upload.checksum),
                     upload.checksum_full_object ? "full" : "composite");
}

UploadRecord ReadUpload(const db::Statement& row) {
  UploadRecord upload;
  upload.id = row.Text(0);
  upload.bucket = row.Text(1);
  upload.key = row.Blob(2);
  upload.created_ms = row.Int(3);
  upload.headers = DecodeFields(row.Text(4));
  if (const auto wish = Cut(row.Text(5), ":")) {
    upload.checksum = aws::ChecksumByName(wish->first);
    upload.checksum_full_object = wish->second == "full";
  }
  return upload;
}

PartRecord ReadPart(const db::Statement& row) {
  PartRecord part;
  part.number = static_cast<int>(row.Int(0));
  part.piece = {std::string(row.Text(1)), static_cast<uint64_t>(row.Int(2))};
  part.etag = row.Text(3);
  part.checksum = DecodeChecksum(row.Text(4));
  part.modified_ms = row.Int(5);
  return part;
}

Status RequireUpload(db::Connection& connection, const std::string& id) {
  db::Statement& find = connection.Prepare("SELECT 1 FROM uploads WHERE id = ?1");
  const auto found = find.Bind(1, id).Step();
  if (!found) return found.error();
  if (!*found) return NoSuchUpload(id);
  return {};
}

Result<std::string> PartBlob(db::Connection& connection, const std::string& upload, int number) {
  db::Statement& find =
      connection.Prepare("SELECT blob FROM parts WHERE upload = ?1 AND number = ?2");
  const auto found = find.Bind(1, upload).Bind(2, static_cast<int64_t>(number)).Step();
  if (!found) return found.error();
  return *found ? std::string(find.Text(0)) : std::string();
}

Status RequirePieceOf(db::Connection& connection, const std::string& upload, const Piece& piece) {
  db::Statement& find = connection.Prepare("SELECT 1 FROM parts WHERE blob = ?1 AND upload = ?2");
  const auto found = find.Bind(1, piece.blob).Bind(2, upload).Step();
  if (!found) return found.error();
  if (!*found) return Error{Code::kConflict, "a part was replaced meanwhile"};
  return {};
}

}  // namespace

Status ObjectIndex::CreateUpload(const UploadRecord& upload) {
  return db_->Write([&](db::Connection& connection) -> Status {
    if (auto there = RequireBucket(connection, upload.bucket); !there) return there;
    db::Statement& insert = connection.Prepare(
        "INSERT INTO uploads (id, bucket, key, created_ms, headers, checksum) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    insert.Bind(1, upload.id).Bind(2, upload.bucket).BindBlob(3, upload.key);
    insert.Bind(4, upload.created_ms).Bind(5, EncodeFields(upload.headers));
    return insert.Bind(6, EncodeWish(upload)).Run();
  });
}

Result<UploadRecord> ObjectIndex::FindUpload(const std::string& bucket, const std::string& key,
                                             const std::string& id) {
  UploadRecord upload;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    static const std::string kSql = fmt::format(
        "SELECT {} FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3", kUploadColumns);
    db::Statement& find = connection.Prepare(kSql);
    const auto found = find.Bind(1, id).Bind(2, bucket).BindBlob(3, key).Step();
    if (!found) return found.error();
    if (!*found) return NoSuchUpload(id);
    upload = ReadUpload(find);
    return {};
  });
  if (!read) return read.error();
  return upload;
}

Result<std::vector<UploadRecord>> ObjectIndex::Uploads(const std::string& bucket,
                                                       const UploadQuery& query) {
  std::vector<UploadRecord> uploads;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    // With a key marker alone, everything of that key is behind us.
    static const std::string kSql = fmt::format(
        "SELECT {} FROM uploads WHERE bucket = ?1 AND key >= ?2 AND (key > ?3 OR (key = ?3 AND "
        "?4 <> '' AND id > ?4)) AND (?5 = x'' OR key < ?5) ORDER BY key, id LIMIT ?6",
        kUploadColumns);
    db::Statement& find = connection.Prepare(kSql);
    find.Bind(1, bucket).BindBlob(2, query.prefix).BindBlob(3, query.after_key);
    find.Bind(4, query.after_id).BindBlob(5, AfterPrefix(query.prefix));
    find.Bind(6, static_cast<int64_t>(query.limit));
    while (true) {
      const auto row = find.Step();
      if (!row) return row.error();
      if (!*row) return {};
      uploads.push_back(ReadUpload(find));
    }
  });
  if (!read) return read.error();
  return uploads;
}

Result<FreedBlobs> ObjectIndex::PutPart(const std::string& upload, const PartRecord& part) {
  FreedBlobs freed;
  auto written = db_->Write([&](db::Connection& connection) -> Status {
    freed.clear();
    if (auto there = RequireUpload(connection, upload); !there) return there;
    const auto old_blob = PartBlob(connection, upload, part.number);
    if (!old_blob) return old_blob.error();
    db::Statement& insert = connection.Prepare(
        "INSERT OR REPLACE INTO parts (upload, number, blob, size, etag, checksum, modified_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    insert.Bind(1, upload).Bind(2, static_cast<int64_t>(part.number)).Bind(3, part.piece.blob);
    insert.Bind(4, static_cast<int64_t>(part.piece.size)).Bind(5, part.etag);
    insert.Bind(6, EncodeChecksum(part.checksum)).Bind(7, part.modified_ms);
    if (auto inserted = insert.Run(); !inserted) return inserted;
    if (old_blob->empty()) return {};
    return FreeIfUnused(connection, *old_blob, freed);
  });
  if (!written) return written.error();
  return freed;
}

Result<std::vector<PartRecord>> ObjectIndex::Parts(const std::string& upload, int after_number,
                                                   size_t limit) {
  std::vector<PartRecord> parts;
  auto read = db_->Read([&](db::Connection& connection) -> Status {
    db::Statement& find = connection.Prepare(
        "SELECT number, blob, size, etag, checksum, modified_ms FROM parts "
        "WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3");
    find.Bind(1, upload).Bind(2, static_cast<int64_t>(after_number));
    find.Bind(3, static_cast<int64_t>(limit));
    while (true) {
      const auto row = find.Step();
      if (!row) return row.error();
      if (!*row) return {};
      parts.push_back(ReadPart(find));
    }
  });
  if (!read) return read.error();
  return parts;
}

Result<FreedBlobs> ObjectIndex::AbortUpload(const std::string& upload) {
  FreedBlobs freed;
  auto written = db_->Write(
      [&](db::Connection& connection) -> Status {
        freed.clear();
        if (auto there = RequireUpload(connection, upload); !there) return there;
        return DropUpload(connection, upload, freed);
      },
      db::Space::kReserve);
  if (!written) return written.error();
  return freed;
}

Result<FreedBlobs> ObjectIndex::CompleteUpload(const UploadRecord& upload,
                                               const ObjectRecord& object,
                                               const Precondition& precondition) {
  FreedBlobs freed;
  auto written = db_->Write([&](db::Connection& connection) -> Status {
    freed.clear();
    if (auto there = RequireUpload(connection, upload.id); !there) return there;
    for (const Piece& piece : object.pieces) {
      if (auto ours = RequirePieceOf(connection, upload.id, piece); !ours) return ours;
    }
    if (auto stored = StoreObject(connection, upload.bucket, object, precondition, freed);
        !stored) {
      return stored;
    }
    return DropUpload(connection, upload.id, freed);
  });
  if (!written) return written.error();
  return freed;
}

}  // namespace leat::awsserver
