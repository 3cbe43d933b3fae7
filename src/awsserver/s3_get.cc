#include <fmt/format.h>

#include "aws/xml.h"
#include "awsserver/s3_conditions.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

// The bytes of part `number` of a multipart object; another object is its own first part.
Answer<ByteRange> RangeOfPart(const ObjectRecord& object, int64_t number) {
  const int64_t parts = std::max(object.parts, 1);
  if (number > parts) {
    return AwsError{"InvalidPartNumber",
                    "The requested partnumber is not satisfiable",
                    416,
                    {{"PartNumberRequested", std::to_string(number)},
                     {"ActualPartCount", std::to_string(parts)}}};
  }
  if (object.parts == 0) return ByteRange{0, object.size};
  ByteRange range;
  for (int64_t i = 0; i < number - 1; ++i) range.offset += object.pieces[i].size;
  range.size = object.pieces[number - 1].size;
  return range;
}

// What the caller asks for: a part, a range, or (nullopt) all of it.
Answer<std::optional<ByteRange>> Wanted(const net::ServerRequest& request,
                                        const ObjectRecord& object) {
  if (request.query.Has("partNumber")) {
    if (request.headers.Has("Range")) {
      return InvalidRequest("Cannot specify both Range header and partNumber query parameter");
    }
    const auto number = NumberParameter(request.query, "partNumber", 1, 1, kMaxParts);
    if (!number) return number.error();
    const auto range = RangeOfPart(object, *number);
    if (!range) return range.error();
    return std::optional<ByteRange>(*range);
  }
  const std::string_view if_range = request.headers.Get("If-Range");
  if (!if_range.empty() && if_range != Quoted(object.etag)) return std::optional<ByteRange>();
  return RequestedRange(request.headers.Get("Range"), object.size);
}

Answer<ObjectRecord> FindToRead(const S3Stores& stores, const S3Call& call) {
  if (!call.MayRead(call.bucket, call.key)) return AccessDenied();
  if (auto valid = CheckKey(call.key); !valid) return valid.error();
  auto object = stores.index.Find(call.bucket, call.key);
  if (!object && object.error().code == Code::kNotFound) {
    if (auto there = RequireBucket(stores, call.bucket); !there) return there.error();
    return NoSuchKey(call.key);
  }
  if (!object) return StorageError(object.error(), "find object");
  return std::move(*object);
}

// Sends the bytes of the range out of the pieces they lie in. A failure after the head can only
// cut the connection, which the client notices by the length.
void SendPieces(const BlobStore& blobs, const ObjectRecord& object, ByteRange range,
                net::ResponseWriter& response) {
  for (const Piece& piece : object.pieces) {
    if (range.size == 0) break;
    if (range.offset >= piece.size) {
      range.offset -= piece.size;
      continue;
    }
    const uint64_t size = std::min(piece.size - range.offset, range.size);
    const auto fd = blobs.OpenBlob(piece.blob);
    if (!fd) {
      LogError("s3 object has lost a file", {{"key", object.key}, {"error", fd.error()}});
      return;
    }
    if (auto sent = response.WriteFile(fd->get(), range.offset, size); !sent) {
      LogDebug("s3 get ended early", {{"error", sent.error()}});
      return;
    }
    range = {0, range.size - size};
  }
  if (auto finished = response.Finish(); !finished) {
    LogDebug("s3 get ended early", {{"error", finished.error()}});
  }
}

}  // namespace

Answer<HeldObject> FindAndHold(const S3Stores& stores,
                               const std::function<Answer<ObjectRecord>()>& find) {
  std::vector<std::string> before;
  while (true) {
    auto object = find();
    if (!object) return object.error();
    const std::vector<std::string> blobs = object->Blobs();
    auto lease = stores.blobs.Hold(blobs);
    if (lease) return HeldObject{std::move(*object), std::move(*lease)};
    // A row that still names what is not there: it has lost its bytes.
    if (blobs == before) {
      return StorageError({Code::kCorrupt, "the file " + blobs.front() + " is lost"},
                          "read object " + object->key);
    }
    before = blobs;
  }
}

Answer<void> GetObject(const S3Stores& stores, S3Call& call) {
  const auto held = FindAndHold(stores, [&] { return FindToRead(stores, call); });
  if (!held) return held.error();
  const ObjectRecord* const object = &held->object;
  if (auto holds = CheckReadConditions(call.request.headers, *object); !holds) {
    if (holds.error().http_status == 304) {
      DescribeObject(*object, call.request, /*whole=*/false, call.response.headers);
    }
    return holds;
  }
  const auto wanted = Wanted(call.request, *object);
  if (!wanted) return wanted.error();
  const ByteRange range = wanted->value_or(ByteRange{0, object->size});
  const bool whole = range.size == object->size;
  net::Headers& headers = call.response.headers;
  DescribeObject(*object, call.request, whole, headers);
  OverrideHeaders(call.request.query, headers);
  if (object->parts > 0 && call.request.query.Has("partNumber")) {
    headers.Set("x-amz-mp-parts-count", std::to_string(object->parts));
  }
  const bool partial = wanted->has_value() && object->size > 0;
  if (partial) {
    headers.Set("Content-Range", fmt::format("bytes {}-{}/{}", range.offset,
                                             range.offset + range.size - 1, object->size));
  }
  if (!call.response.Start(partial ? 206 : 200, range.size)) return {};
  const bool head = call.request.method == "HEAD";
  SendPieces(stores.blobs, *object, head ? ByteRange{} : range, call.response);
  return {};
}

Answer<void> GetObjectTagging(const S3Stores& stores, S3Call& call) {
  if (auto object = FindToRead(stores, call); !object) return object.error();
  SendXml(call.response, aws::XmlWriter("Tagging", kS3Namespace).Open("TagSet").Finish());
  return {};
}

}  // namespace leat::awsserver
