#include "objectstore/s3_read.h"

#include <fmt/format.h>

#include <memory>

#include "objectstore/range_reader.h"
#include "objectstore/s3_listing.h"

namespace leat::objectstore {
namespace {

using Answer = Result<std::unique_ptr<net::ClientResponse>>;

// Some stores do not know If-Match. An answer without a tag is not the store's: a proxy's page.
Answer OfVersion(Answer answer, const std::string& etag, const std::string& what) {
  if (!answer) return answer;
  const std::string got = EtagOf((*answer)->headers);
  if (got.empty()) {
    return Error{Code::kCorrupt,
                 what +
                     ": the answer has no ETag; is something before the store that answers in "
                     "its place?"};
  }
  if (got == etag) return answer;
  return Error{Code::kConflict,
               fmt::format("{}: the object is \"{}\" by now, no longer \"{}\"", what, got, etag)};
}

}  // namespace

Status ReadObject(S3Session& session, S3Call call, const std::string& etag, uint64_t offset,
                  uint64_t size, const std::function<Status(std::string_view)>& sink,
                  const std::stop_token& stop) {
  call.method = "GET";
  const RangeRead read{call.ToString(), offset, size, session.options().stall_timeout};
  const auto open = [&](uint64_t from, uint64_t end) {
    call.headers.Set("Range", fmt::format("bytes={}-{}", from, end - 1));
    call.headers.Set("If-Match", "\"" + etag + "\"");
    return OfVersion(session.Open(call, stop), etag, read.what);
  };
  Patience patience(session.retry());
  return ReadRange(read, open, patience, sink, stop);
}

}  // namespace leat::objectstore
