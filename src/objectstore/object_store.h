// The seam to whatever keeps objects: a flat list of keys with bytes behind them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace leat::objectstore {

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
  std::string etag;           // without quotes; tells one version of an object from another
  int64_t last_modified = 0;  // seconds since the epoch
  std::string link_target;    // of a symbolic link (file:// only); then size is its length
};

// One level of a tree: what lies directly under a prefix.
struct Listing {
  std::vector<ObjectInfo> objects;    // in key order; the prefix itself (`dir/`) included
  std::vector<std::string> prefixes;  // each ends with '/'
};

// Reads one source, e.g. everything under s3://bucket/prefix/. Keys are relative to the source.
// Thread-safe; calls run in parallel. Errors: kNotFound, kForbidden, kUnauthorized (credentials
// missing, wrong or expired), kConflict (the object is not the version asked for), kInvalid,
// kCorrupt (an answer of another length, or a checksum that does not match), kUnavailable (after
// the retries), kCancelled; messages name the source and the key.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // "s3://bucket/prefix/": what users call it, without credentials.
  virtual const std::string& Name() const = 0;
  // Who answers, "minio:9000": sources of one endpoint are slow or dead together, and two of a name
  // at different endpoints are not the same. "" where the name says all: a path, a bucket at the
  // provider's own endpoint.
  virtual const std::string& Endpoint() const {
    static const std::string none;
    return none;
  }

  // Every object whose key starts with `prefix` and comes after `after`, in key order (bytewise);
  // `each` returns false to stop. A listing that broke off is resumed with the last key seen.
  virtual Status List(const std::string& prefix, const std::string& after,
                      const std::function<bool(ObjectInfo)>& each, const std::stop_token& stop) = 0;
  // What lies directly under `prefix`, "" or ending with '/': for listing side by side. At most
  // `limit` objects and prefixes together, kTooLarge beyond.
  virtual Result<Listing> ListLevel(const std::string& prefix, size_t limit,
                                    const std::stop_token& stop) = 0;
  virtual Result<ObjectInfo> Head(const std::string& key, const std::stop_token& stop) = 0;
  // Gives bytes [offset, offset + size) to `sink` in order, in pieces of the store's choice; a cut
  // connection is resumed where it broke. Success means that exactly `size` bytes of the version
  // `etag` were given. An error from `sink` ends it with that error.
  virtual Status Get(const std::string& key, const std::string& etag, uint64_t offset,
                     uint64_t size, const std::function<Status(std::string_view)>& sink,
                     const std::stop_token& stop) = 0;
};

struct StoreOptions {
  std::string endpoint;  // for s3:// and gs://; empty = from the environment, else the provider's
  bool virtual_host = false;  // bucket.host instead of host/bucket; oss:// always does
  bool anonymous = false;     // send unsigned requests
  // Where credentials, regions and endpoints are looked for (AWS_*, GOOGLE_*, OSS_*, HOME): of whom
  // the source is opened for. nullopt: this process's own environment.
  std::optional<std::vector<std::pair<std::string, std::string>>> environment;
  std::chrono::seconds retry_for{60};
  // A connection without progress for this long is given up and tried again.
  std::chrono::milliseconds stall_timeout{20'000};
  std::function<void(const std::string& message)> on_retry;
  bool look = true;  // at the source once; false: a store that cannot be reached is opened, too
};

// Opens s3:// gs:// oss:// file:// http:// https://. Looks at the source: kNotFound when the
// bucket, directory or page is not there, kInvalid for another scheme (the message lists them).
//   s3://bucket/prefix    credentials by aws::CredentialProvider
//   gs://bucket/prefix    GOOGLE_APPLICATION_CREDENTIALS (service-account file), else HMAC keys in
//                         AWS_ACCESS_KEY_ID or AWS's shared file, else anonymous
//   oss://bucket/prefix   S3 with virtual hosts; OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, else
//                         the AWS chain; the endpoint from OSS_ENDPOINT or --endpoint
//   file:///dir           a directory, e.g. an NFS mount; kept open, never left through a link
//   https://host/tree/    pages with an index of links (autoindex of nginx, Apache, Python)
Result<std::unique_ptr<ObjectStore>> OpenObjectStore(const std::string& url,
                                                     const StoreOptions& options = {});

}  // namespace leat::objectstore
