// A bucket, or what lies under a prefix of it, as an ObjectStore: S3, and what speaks like it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "objectstore/object_store.h"
#include "objectstore/s3_client.h"

namespace leat::objectstore {

struct S3Source {
  std::string scheme = "s3";
  std::string bucket;
  std::string prefix;  // "", or ends with '/'
  // "gs://bucket/prefix"; kInvalid without a bucket.
  static Result<S3Source> Parse(const std::string& url);
  std::string ToString() const { return scheme + "://" + bucket + "/" + prefix; }
};

// ObjectStore::Endpoint() of a source: "" at the provider's own, where the names of buckets are
// unique, and for what is no URL.
std::string EndpointName(const S3Source& source, const std::string& endpoint);

// Asks nothing of the store yet.
std::unique_ptr<ObjectStore> MakeS3ObjectStore(S3Source source, S3Options options);
// Lists one key to see that the bucket is there: errors as ObjectStore's.
Result<std::unique_ptr<ObjectStore>> OpenS3ObjectStore(S3Source source, S3Options options);

}  // namespace leat::objectstore
