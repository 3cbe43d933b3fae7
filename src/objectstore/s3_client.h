// An S3 client: path style, SigV4, retries.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/result.h"
#include "net/http.h"
#include "objectstore/object_store.h"

namespace leat::objectstore {

struct S3Url {
  std::string bucket;
  std::string key;  // "" for the bucket itself; may end in '/'
  // "s3://bucket/key"; kInvalid says what is wrong.
  static Result<S3Url> Parse(std::string_view text);
  std::string ToString() const { return "s3://" + bucket + "/" + key; }
};

class Signer;

struct S3Options {
  std::string endpoint;  // "http://127.0.0.1:9000"
  std::string region = "us-east-1";
  aws::Credentials credentials;
  std::shared_ptr<Signer> signer;  // instead of `credentials`
  bool virtual_host = false;       // bucket.host instead of host/bucket
  net::Headers headers;            // added to every request
  // How long to go on trying while the store answers 5xx, slows down or cannot be reached, with
  // back-off from 0.2 s to 5 s.
  std::chrono::seconds retry_for{60};
  std::chrono::milliseconds connect_timeout{10'000};  // of one attempt
  std::chrono::milliseconds stall_timeout{60'000};    // without progress, of one attempt
  std::string ca_pem;  // trust anchors for https; empty = the system's
  // Called at each retry, from any of the client's threads, to tell the user: "GET s3://b/k:
  // connect to ...: Connection refused; trying again".
  std::function<void(const std::string& message)> on_retry;
};

// Thread-safe. Errors: kNotFound (NoSuchBucket, NoSuchKey), kUnauthorized (the credentials are
// missing, wrong or expired), kForbidden, kInvalid, kConflict (precondition), kExhausted (the store
// is full), kUnavailable (after the retries), kCancelled; messages name the bucket and key.
class S3Client {
 public:
  explicit S3Client(S3Options options);
  ~S3Client();

  // kAlreadyExists when it is there already.
  Status CreateBucket(const std::string& bucket, const std::stop_token& stop = {});
  // kNotFound when absent.
  Status HeadBucket(const std::string& bucket, const std::stop_token& stop = {});
  // Every object under the prefix, in key order; `each` returns false to stop.
  Status List(const std::string& bucket, const std::string& prefix,
              const std::function<bool(const ObjectInfo&)>& each, const std::stop_token& stop = {});
  Result<ObjectInfo> Head(const S3Url& url, const std::stop_token& stop = {});
  // Gives exactly bytes [offset, offset + size) of the version `info.etag` to `sink`, in order; a
  // cut connection is resumed where it broke. kConflict when the object is another one by now.
  Status Read(const S3Url& url, const ObjectInfo& info, uint64_t offset, uint64_t size,
              const std::function<Status(std::string_view)>& sink,
              const std::stop_token& stop = {});
  // The whole object, as it was at one time; kTooLarge beyond `max_bytes`.
  Result<std::string> GetAll(const S3Url& url, size_t max_bytes, const std::stop_token& stop = {});
  Status Put(const S3Url& url, std::string_view bytes, const std::stop_token& stop = {});
  Status Delete(const S3Url& url, const std::stop_token& stop = {});

  // Downloads to `path` with parallel ranges for large objects; `progress` gets the bytes of each
  // step, from several threads. kConflict when the object is no longer of info.etag (of a listing
  // that names none: of info.size). After a failure there is no file at `path`.
  Status Download(const S3Url& url, const ObjectInfo& info, const std::string& path,
                  const std::function<void(uint64_t)>& progress, const std::stop_token& stop = {});
  // Uploads an open file (read with pread), as parallel multipart beyond 64 MiB; a failed multipart
  // upload is aborted. `progress` as above.
  Status Upload(const S3Url& url, int fd, uint64_t size,
                const std::function<void(uint64_t)>& progress, const std::stop_token& stop = {});
  // Uploads a stream of unknown length as multipart: `source` fills the buffer, 0 at the end; it is
  // called on the calling thread. Holds at most four parts of 16 MiB (64 MiB beyond 16 GiB).
  Status UploadStream(const S3Url& url,
                      const std::function<Result<size_t>(std::span<char>)>& source,
                      const std::function<void(uint64_t)>& progress,
                      const std::stop_token& stop = {});

 private:
  const std::unique_ptr<class S3Session> session_;
};

}  // namespace leat::objectstore
