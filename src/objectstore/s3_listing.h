// What S3 tells about objects: pages of a listing, and the heads of answers.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "objectstore/object_store.h"
#include "objectstore/s3_session.h"

namespace leat::objectstore {

struct S3Page {
  std::vector<ObjectInfo> objects;    // whole keys, in order
  std::vector<std::string> prefixes;  // with a delimiter: what it groups
};

struct S3List {
  std::string bucket;
  std::string prefix;
  std::string start_after;
  std::string delimiter;      // "/" for one level
  size_t max_keys = 0;        // of a page; 0: the store's own limit
  std::string scheme = "s3";  // of the source, for messages
};

// Page after page (ListObjectsV2, or by markers where the store knows only version 1) until the
// store says that there are no more, or `each` says false or fails. Success thus means the whole
// listing. An answer that does not tell an object's key or size, or what the next page is, is asked
// for again; kCorrupt in the end, and when the store does not list in key order: a listing that
// goes in circles would never end.
Status ListPages(S3Session& session, const S3List& list,
                 const std::function<Result<bool>(S3Page)>& each, const std::stop_token& stop);

// Size, ETag and Last-Modified of the call's object, which ObjectInfo names `key`. An answer
// without Content-Length or ETag is not the store's: it is asked for again, and kCorrupt in the
// end.
Result<ObjectInfo> HeadObject(S3Session& session, S3Call call, const std::string& key,
                              const std::stop_token& stop);
// The version that an answer is of; "" when it does not tell. What compresses answers on the way
// calls their tags weak, also where it then left the bytes as they were.
std::string EtagOf(const net::Headers& headers);

}  // namespace leat::objectstore
