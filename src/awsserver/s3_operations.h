// The operations of S3, one function each. A function answers the call itself, or returns the
// refusal for s3_service.cc to write. All of them check what the caller may do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "awsserver/authenticator.h"
#include "awsserver/blob_store.h"
#include "awsserver/object_index.h"
#include "awsserver/payload.h"
#include "awsserver/service.h"
#include "base/clock.h"
#include "net/server.h"

namespace leat::awsserver {

inline constexpr char kS3Namespace[] = "http://s3.amazonaws.com/doc/2006-03-01/";
inline constexpr uint64_t kMaxPut = uint64_t{5} << 30;
inline constexpr int kMaxParts = 10'000;

struct S3Stores {
  ObjectIndex& index;
  BlobStore& blobs;
  Clock& clock;
  int64_t NowMs() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now().time_since_epoch())
        .count();
  }
};

struct S3Call {
  net::ServerRequest& request;
  net::ResponseWriter& response;
  const Caller& caller;
  std::string bucket;
  std::string key;
  bool MayRead(std::string_view of_bucket, std::string_view of_key) const {
    return caller.principal.is_root || caller.principal.policy.MayRead(of_bucket, of_key);
  }
  bool MayWrite() const {
    return caller.principal.is_root || caller.principal.policy.MayWrite(bucket, key);
  }
};

// The owner of all buckets and objects, as S3 names accounts in lists.
inline constexpr char kOwnerId[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

// s3_buckets.cc
Answer<void> ListBuckets(const S3Stores& stores, S3Call& call);
Answer<void> CreateBucket(const S3Stores& stores, S3Call& call);
Answer<void> HeadBucket(const S3Stores& stores, S3Call& call);
Answer<void> DeleteBucket(const S3Stores& stores, S3Call& call);
Answer<void> GetBucketLocation(const S3Stores& stores, S3Call& call);
Answer<void> GetBucketVersioning(const S3Stores& stores, S3Call& call);

// s3_list.cc
Answer<void> ListObjects(const S3Stores& stores, S3Call& call);
Answer<void> ListObjectsV2(const S3Stores& stores, S3Call& call);
Answer<void> ListObjectVersions(const S3Stores& stores, S3Call& call);

// s3_get.cc: GetObject and HeadObject.
Answer<void> GetObject(const S3Stores& stores, S3Call& call);
// No object has tags, as nothing can set one. The aws CLI, version 2, asks before it copies an
// object in parts.
Answer<void> GetObjectTagging(const S3Stores& stores, S3Call& call);

// s3_put.cc
Answer<void> PutObject(const S3Stores& stores, S3Call& call);

// s3_copy.cc
Answer<void> CopyObject(const S3Stores& stores, S3Call& call);
Answer<void> UploadPartCopy(const S3Stores& stores, S3Call& call);

// s3_delete.cc
Answer<void> DeleteObject(const S3Stores& stores, S3Call& call);
Answer<void> DeleteObjects(const S3Stores& stores, S3Call& call);

// s3_multipart.cc, s3_complete.cc
Answer<void> CreateMultipartUpload(const S3Stores& stores, S3Call& call);
Answer<void> UploadPart(const S3Stores& stores, S3Call& call);
Answer<void> ListParts(const S3Stores& stores, S3Call& call);
Answer<void> ListMultipartUploads(const S3Stores& stores, S3Call& call);
Answer<void> AbortMultipartUpload(const S3Stores& stores, S3Call& call);
Answer<void> CompleteMultipartUpload(const S3Stores& stores, S3Call& call);

// s3_post.cc: a browser's form. It authenticates itself, by the policy among its fields.
Answer<void> PostObject(const S3Stores& stores, Authenticator& authenticator,
                        net::ServerRequest& request, net::ResponseWriter& response,
                        const std::string& bucket);

// Shared by the files above (s3_put.cc).

// InvalidURI, KeyTooLongError.
Answer<void> CheckKey(const std::string& key);
// NoSuchBucket.
Answer<void> RequireBucket(const S3Stores& stores, const std::string& bucket);

// An object whose bytes stay while this lives, also when it is replaced or deleted.
struct HeldObject {
  ObjectRecord object;
  std::unique_ptr<BlobStore::Lease> lease;
};
// Holds what `find` gives, and asks it again when that was removed meanwhile (s3_get.cc).
Answer<HeldObject> FindAndHold(const S3Stores& stores,
                               const std::function<Answer<ObjectRecord>()>& find);

// A body that was received whole and is durable.
struct ReceivedBody {
  Piece piece;
  std::string md5;  // 16 bytes
  std::optional<Checksum> checksum;
};
// Follow it with SettleBlob, or remove the blob.
Answer<ReceivedBody> Receive(const S3Stores& stores, Payload& payload);
// Names the body as an object; its blob is removed when that fails.
Answer<void> StoreReceived(const S3Stores& stores, const std::string& bucket,
                           const std::string& key, const ReceivedBody& body, Fields headers,
                           const Precondition& precondition);
// Ends what Receive began, once the index was asked to name the blob: gives it its final name and
// removes what is freed by that, or removes the blob when the index refused it.
void SettleBlob(const S3Stores& stores, const std::string& blob, const Result<FreedBlobs>& named);
// What a failed or refused index write means to the client.
AwsError WriteRefused(const Error& error, const std::string& bucket, const std::string& key);
// A query parameter as a number within [min, max]; `fallback` when absent, InvalidArgument else.
Answer<int64_t> NumberParameter(const net::Query& query, const char* name, int64_t fallback,
                                int64_t min, int64_t max);
// The partNumber of the query, which must be there.
Answer<int> PartNumber(const net::Query& query);
// Answers 200 with the document.
void SendXml(net::ResponseWriter& response, std::string document);
// Text in a list: percent-encoded when the client asked with encoding-type=url.
std::string ListText(std::string_view text, bool url_encoded);

}  // namespace leat::awsserver
