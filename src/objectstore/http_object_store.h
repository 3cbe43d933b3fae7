// A tree of a web server whose directories have an index page, as an ObjectStore.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/client.h"
#include "objectstore/object_store.h"
#include "objectstore/patience.h"

namespace leat::objectstore {

struct HttpStoreOptions {
  RetryOptions retry;
  std::chrono::milliseconds stall_timeout{20'000};
  bool look = true;    // as in StoreOptions
  std::string ca_pem;  // trust anchors; empty = the system's
};

// What a page links to directly below it is a file, or a directory when it ends with '/'. Sizes and
// versions are asked for file by file with HEAD, 16 at a time: pages have no ETag, times to the
// minute, and mostly rounded sizes, and a file's size must be right before it is first opened. The
// entity tag is the server's ETag, or "mtime-<Last-Modified in seconds>-<size>" when it sends none;
// it is compared in every answer, and sent as If-Match when it is a strong ETag. What has neither,
// or no length, or may not be read is left out of listings with a warning. Servers without ranges
// work, at the cost of reading each file up to the range. Redirects are followed, but not from
// https to http.
Result<std::unique_ptr<ObjectStore>> OpenHttpObjectStore(const std::string& url,
                                                         HttpStoreOptions options);

}  // namespace leat::objectstore
