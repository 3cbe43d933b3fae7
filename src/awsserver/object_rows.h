// Rows of the object index, for its own files only: the schema's texts in and out of records, and
// the rule by which blobs become free.
#pragma once

#include <string>
#include <string_view>

#include "awsserver/object_index.h"
#include "db/database.h"

namespace leat::awsserver {

std::string EncodeFields(const Fields& fields);
Fields DecodeFields(std::string_view text);
// "CRC32:full:NhCmhg=="; "" for none.
std::string EncodeChecksum(const std::optional<Checksum>& checksum);
std::optional<Checksum> DecodeChecksum(std::string_view text);

// Columns of `objects` that ReadObject expects, in order.
inline constexpr char kObjectColumns[] =
    "id, key, size, etag, modified_ms, headers, checksum, parts, upload";
// The object of the current row, without pieces.
ObjectRecord ReadObject(const db::Statement& row);

// kNotFound.
Status RequireBucket(db::Connection& connection, const std::string& bucket);
// The object's id; 0 when absent.
Result<int64_t> ObjectId(db::Connection& connection, const std::string& bucket,
                         const std::string& key);
// Whether the object `id` (0: none) is one that `if_etag` allows.
Result<bool> HasEtag(db::Connection& connection, int64_t id,
                     const std::optional<std::string>& if_etag);
// Removes the object's rows and adds the blobs that nothing names any more to `freed`.
Status DropObject(db::Connection& connection, int64_t id, FreedBlobs& freed);
// Adds the object's rows, after dropping those of an object of that name.
Status StoreObject(db::Connection& connection, const std::string& bucket,
                   const ObjectRecord& object, const Precondition& precondition, FreedBlobs& freed);
Status DropUpload(db::Connection& connection, const std::string& upload, FreedBlobs& freed);
// True if a row names the blob.
Result<bool> IsUsed(db::Connection& connection, const std::string& blob);
// The first column of all rows.
Result<std::vector<std::string>> Texts(db::Statement& statement);
// Adds it, here and to the freed ones, unless a row still names it.
Status FreeIfUnused(db::Connection& connection, const std::string& blob, FreedBlobs& freed);

// The first text that no text with this prefix reaches, in byte order; "" when there is none.
std::string AfterPrefix(std::string_view prefix);

}  // namespace leat::awsserver
