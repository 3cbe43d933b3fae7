#include "aws/amz_time.h"
#include "aws/checksum.h"
#include "aws/xml.h"
#include "awsserver/s3_conditions.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

constexpr size_t kBufferSize = 1_MiB;
constexpr int kMaxTries = 8;

struct Source {
  std::string bucket;
  std::string key;
};

// x-amz-copy-source: "bucket/key" or "/bucket/key", percent-encoded, perhaps "?versionId=null".
Answer<Source> ParseSource(const S3Call& call) {
  const std::string_view header = call.request.headers.Get("x-amz-copy-source");
  const AwsError invalid =
      InvalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                      "x-amz-copy-source", header);
  const auto question = Cut(header, "?");
  if (question && question->second != "versionId=null") {
    return NotImplemented("A copy source with ?" + std::string(question->second));
  }
  std::string path = PercentDecode(question ? question->first : header);
  if (path.starts_with('/')) path.erase(0, 1);
  const auto parts = Cut(path, "/");
  if (!parts || parts->first.empty() || parts->second.empty()) return invalid;
  return Source{std::string(parts->first), std::string(parts->second)};
}

Answer<ObjectRecord> FindSource(const S3Stores& stores, const S3Call& call, const Source& source) {
  if (!call.MayRead(source.bucket, source.key)) return AccessDenied();
  if (auto valid = CheckKey(source.key); !valid) return valid.error();
  auto object = stores.index.Find(source.bucket, source.key);
  if (!object && object.error().code == Code::kNotFound) {
    if (auto there = RequireBucket(stores, source.bucket); !there) return there.error();
    return NoSuchKey(source.key);
  }
  if (!object) return StorageError(object.error(), "find copy source");
  if (auto holds = CheckCopyConditions(call.request.headers, *object); !holds) {
    return holds.error();
  }
  return std::move(*object);
}

// Reads a range of an object out of its pieces. The caller holds a lease.
class PieceReader {
 public:
  PieceReader(const BlobStore& blobs, const ObjectRecord& object, ByteRange range)
      : blobs_(blobs), object_(object), offset_(range.offset), left_(range.size) {
    while (piece_ < object_.pieces.size() && offset_ >= object_.pieces[piece_].size) {
      offset_ -= object_.pieces[piece_++].size;
    }
  }

  Result<size_t> Read(std::span<char> out) {
    while (left_ > 0) {
      const Piece& piece = object_.pieces[piece_];
      if (!fd_.ok()) {
        auto opened = blobs_.OpenBlob(piece.blob);
        if (!opened) return opened.error();
        fd_ = std::move(*opened);
      }
      const size_t want = std::min({out.size(), left_, piece.size - offset_});
      const ssize_t got = ::pread(fd_.get(), out.data(), want, static_cast<off_t>(offset_));
      if (got < 0) return io::ErrnoError(errno, "read object file");
      if (got == 0) return Error{Code::kCorrupt, "an object file is shorter than it was"};
      offset_ += static_cast<uint64_t>(got);
      left_ -= static_cast<uint64_t>(got);
      if (offset_ == piece.size) {
        ++piece_;
        offset_ = 0;
        fd_.Reset();
      }
      return static_cast<size_t>(got);
    }
    return 0;
  }

 private:
  const BlobStore& blobs_;
  const ObjectRecord& object_;
  size_t piece_ = 0;
  uint64_t offset_;
  uint64_t left_;
  io::UniqueFd fd_;
};

// Gives the copy the checksum that x-amz-checksum-algorithm asks for, when it has another or none.
Answer<void> Recompute(const S3Stores& stores, const net::Headers& headers, ObjectRecord& object) {
  const std::string_view wanted = headers.Get("x-amz-checksum-algorithm");
  if (wanted.empty()) return {};
  const auto algorithm = aws::ChecksumByName(wanted);
  if (!algorithm) return InvalidRequest("Checksum algorithm provided is unsupported.");
  if (object.checksum && object.checksum->algorithm == *algorithm) return {};
  hash::Hasher hasher(*algorithm);
  PieceReader reader(stores.blobs, object, {0, object.size});
  const auto buffer = std::make_unique<char[]>(kBufferSize);
  while (true) {
    const auto got = reader.Read({buffer.get(), kBufferSize});
    if (!got) return StorageError(got.error(), "read copy source");
    if (*got == 0) break;
    hasher.Update({buffer.get(), *got});
  }
  object.checksum = Checksum{*algorithm, true, Base64Encode(hasher.Finish())};
  return {};
}

std::string CopyResult(const char* root, const std::string& etag, int64_t modified_ms,
                       const std::optional<Checksum>& checksum) {
  aws::XmlWriter xml(root, kS3Namespace);
  xml.Add("LastModified", aws::FormatXmlTime(modified_ms)).Add("ETag", Quoted(etag));
  if (checksum) {
    xml.Add(aws::ChecksumElement(checksum->algorithm), checksum->value);
    xml.Add("ChecksumType", checksum->full_object ? "FULL_OBJECT" : "COMPOSITE");
  }
  return xml.Finish();
}

// True if the copy takes the request's metadata rather than the source's.
Answer<bool> Replaces(const S3Call& call, const Source& source) {
  const std::string_view directive = call.request.headers.Get("x-amz-metadata-directive");
  if (!directive.empty() && directive != "COPY" && directive != "REPLACE") {
    return InvalidArgument("Unknown metadata directive.", "x-amz-metadata-directive", directive);
  }
  const bool replaces = directive == "REPLACE";
  const std::string_view storage_class = call.request.headers.Get("x-amz-storage-class");
  const bool moves = !storage_class.empty() && storage_class != "STANDARD";
  if (!replaces && !moves && source.bucket == call.bucket && source.key == call.key) {
    return InvalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata, storage class, website redirect location or encryption "
        "attributes.");
  }
  return replaces;
}

}  // namespace

Answer<void> CopyObject(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  if (auto valid = CheckKey(call.key); !valid) return valid;
  const auto source = ParseSource(call);
  if (!source) return source.error();
  const auto replaces = Replaces(call, *source);
  if (!replaces) return replaces.error();
  const auto headers = HeadersToKeep(call.request.headers);
  if (!headers) return headers.error();
  auto precondition = WriteCondition(call.request.headers);
  if (!precondition) return precondition.error();
  precondition->shared_pieces = true;
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  // The source may be replaced while it is copied; then the new one is copied.
  for (int tries = 0;; ++tries) {
    auto held = FindAndHold(stores, [&] { return FindSource(stores, call, *source); });
    if (!held) return held.error();
    ObjectRecord* const object = &held->object;
    object->upload.clear();
    object->key = call.key;
    object->modified_ms = stores.NowMs();
    if (*replaces) object->headers = *headers;
    if (auto done = Recompute(stores, call.request.headers, *object); !done) return done;
    const auto freed = stores.index.Put(call.bucket, *object, *precondition);
    const bool conflict = !freed && freed.error().code == Code::kConflict;
    if (conflict && !precondition->absent && !precondition->if_etag && tries < kMaxTries) continue;
    if (!freed) return WriteRefused(freed.error(), call.bucket, call.key);
    stores.blobs.Remove(*freed);
    SendXml(call.response,
            CopyResult("CopyObjectResult", object->etag, object->modified_ms, object->checksum));
    return {};
  }
}

Answer<void> UploadPartCopy(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  const std::string upload_id(call.request.query.Get("uploadId"));
  const auto number = PartNumber(call.request.query);
  if (!number) return number.error();
  const auto upload = stores.index.FindUpload(call.bucket, call.key, upload_id);
  if (!upload && upload.error().code == Code::kNotFound) return NoSuchUpload(upload_id);
  if (!upload) return StorageError(upload.error(), "find upload");
  const auto source = ParseSource(call);
  if (!source) return source.error();
  const auto held = FindAndHold(stores, [&] { return FindSource(stores, call, *source); });
  if (!held) return held.error();
  const ObjectRecord* const object = &held->object;
  const auto range = CopyRange(call.request.headers, object->size);
  if (!range) return range.error();
  PieceReader reader(stores.blobs, *object, range->value_or(ByteRange{0, object->size}));
  const auto payload =
      Payload::OfStream([&](std::span<char> out) { return reader.Read(out); }, kMaxPut);
  if (upload->checksum) payload->Compute(*upload->checksum);
  const auto body = Receive(stores, *payload);
  if (!body) return body.error();
  const PartRecord part{.number = *number,
                        .piece = body->piece,
                        .etag = HexEncode(body->md5),
                        .checksum = body->checksum,
                        .modified_ms = stores.NowMs()};
  const auto freed = stores.index.PutPart(upload_id, part);
  SettleBlob(stores, part.piece.blob, freed);
  if (!freed && freed.error().code == Code::kNotFound) return NoSuchUpload(upload_id);
  if (!freed) return StorageError(freed.error(), "copy part");
  SendXml(call.response, CopyResult("CopyPartResult", part.etag, part.modified_ms, part.checksum));
  return {};
}

}  // namespace leat::awsserver
