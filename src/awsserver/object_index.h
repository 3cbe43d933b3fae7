// What the S3 side knows about its objects: buckets, keys, metadata and multipart uploads, in one
// SQLite database. The bytes are blobs (blob_store.h); an object is an ordered list of them, so
// that completing a multipart upload and copying an object move no bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "db/database.h"
#include "hash/hash.h"

namespace leat::awsserver {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A checksum a client asked to have kept. `value` is Base64; of a multipart object it is either
// that of all bytes (full_object) or that of the parts' checksums, "<base64>-<parts>".
struct Checksum {
  hash::Algorithm algorithm;
  bool full_object = true;
  std::string value;
};

struct Piece {
  std::string blob;
  uint64_t size = 0;
};

struct ObjectRecord {
  std::string key;
  uint64_t size = 0;
  std::string etag;  // without quotes
  int64_t modified_ms = 0;
  Fields headers;  // Content-Type and its kin, and x-amz-meta-*; names in lower case
  std::optional<Checksum> checksum;
  int parts = 0;              // of a multipart upload, else 0
  std::vector<Piece> pieces;  // not filled in lists; of a multipart object, one per part
  std::string upload = {};    // the multipart upload that made it, "" for none

  std::vector<std::string> Blobs() const {
    std::vector<std::string> blobs;
    for (const Piece& piece : pieces) blobs.push_back(piece.blob);
    return blobs;
  }
};

struct BucketRecord {
  std::string name;
  std::string region;
  int64_t created_ms = 0;
};

struct UploadRecord {
  std::string id;
  std::string bucket;
  std::string key;
  int64_t created_ms = 0;
  Fields headers;
  std::optional<hash::Algorithm> checksum;
  bool checksum_full_object = false;
};

struct PartRecord {
  int number = 0;
  Piece piece;
  std::string etag;
  std::optional<Checksum> checksum;
  int64_t modified_ms = 0;
};

// What must hold for a write to happen; checked in its own transaction.
struct Precondition {
  bool absent = false;                 // If-None-Match: *
  std::optional<std::string> if_etag;  // If-Match; "*" is any
  bool shared_pieces = false;          // the pieces belong to another object, which must still live
};

struct Deletion {
  std::string key;
  std::optional<std::string> if_etag = {};  // delete only an object with this ETag; "*" is any
  bool refused = false;                     // out: there is none, or another
};

struct ListQuery {
  std::string prefix;
  std::string delimiter;
  std::string after;  // keys (and common prefixes) after this one
  // `after` may be a common prefix that was given already; then nothing below it comes again.
  bool after_is_resumption = false;
  size_t limit = 1000;
};

struct ListPage {
  std::vector<ObjectRecord> objects;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string last;  // the last key or common prefix, where the next page goes on
};

struct UploadQuery {
  std::string prefix;
  std::string after_key, after_id;
  size_t limit = 1000;
};

// Blobs that no row names any more, for BlobStore::Remove. The index remembers them until it is
// told that their files are gone (ForgetFreed), so that a crash in between leaves nothing behind.
using FreedBlobs = std::vector<std::string>;

// Thread-safe; writes are durable on return. Keys are bytes and sort as bytes. Besides what is
// said: kExhausted when the disk is full, kCorrupt when the database is damaged.
class ObjectIndex {
 public:
  static Result<std::unique_ptr<ObjectIndex>> Open(const std::string& path);

  Status CreateBucket(const BucketRecord& bucket);           // kAlreadyExists
  Result<BucketRecord> FindBucket(const std::string& name);  // kNotFound
  Result<std::vector<BucketRecord>> Buckets();               // by name
  // kNotFound, kConflict when it holds objects; unfinished uploads go with it.
  Result<FreedBlobs> DeleteBucket(const std::string& name);

  Result<ObjectRecord> Find(const std::string& bucket, const std::string& key);  // kNotFound
  // Makes or replaces the object. kNotFound: no such bucket, or if_etag without an object;
  // kConflict: the precondition does not hold.
  Result<FreedBlobs> Put(const std::string& bucket, const ObjectRecord& object,
                         const Precondition& precondition);
  // Deletes all in one step, but those that are `refused`.
  Result<FreedBlobs> Delete(const std::string& bucket, std::vector<Deletion>& deletions);
  Result<ListPage> List(const std::string& bucket, const ListQuery& query);

  Status CreateUpload(const UploadRecord& upload);  // kNotFound: no such bucket
  // The upload of that id, which must be for that bucket and key; kNotFound.
  Result<UploadRecord> FindUpload(const std::string& bucket, const std::string& key,
                                  const std::string& id);
  Result<std::vector<UploadRecord>> Uploads(const std::string& bucket, const UploadQuery& query);
  Result<FreedBlobs> PutPart(const std::string& upload, const PartRecord& part);  // kNotFound
  Result<std::vector<PartRecord>> Parts(const std::string& upload, int after_number, size_t limit);
  Result<FreedBlobs> AbortUpload(const std::string& upload);  // kNotFound
  // Ends the upload with `object`, whose pieces are blobs of its parts. kNotFound: no such upload
  // or bucket; kConflict: a part was replaced meanwhile, or the precondition does not hold.
  Result<FreedBlobs> CompleteUpload(const UploadRecord& upload, const ObjectRecord& object,
                                    const Precondition& precondition);

  enum class Naming { kByRow, kFreed, kNot };
  // Whether a row names the blob, or it was named and is freed.
  Result<Naming> NamesBlob(const std::string& blob);
  Result<FreedBlobs> Freed();
  Status ForgetFreed(const FreedBlobs& blobs);  // unknown ones are passed over

  // Processes that create blobs say so here first, by what their blobs' ids start with (a run), and
  // stay until what they left unfinished is dealt with. A run that is not here began with another
  // index.
  Status BeginRun(const std::string& run);
  Result<std::vector<std::string>> Runs();
  Status EndRuns(const std::vector<std::string>& runs);

  // Reads the whole database: kCorrupt when a page is damaged, kCancelled after the stop.
  Status CheckPages(const std::stop_token& stop = {}) { return db_->CheckPages(stop); }

 private:
  explicit ObjectIndex(std::unique_ptr<db::Database> database);
  const std::unique_ptr<db::Database> db_;
};

}  // namespace leat::awsserver
