#include <fmt/format.h>

#include "aws/amz_time.h"
#include "aws/checksum.h"
#include "aws/xml.h"
#include "awsserver/awsserver.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/ids.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

// The checksum that x-amz-checksum-algorithm and x-amz-checksum-type ask for.
Answer<void> ReadChecksumWish(const net::Headers& headers, UploadRecord& upload) {
  const std::string_view name = headers.Get("x-amz-checksum-algorithm");
  const std::string_view type = headers.Get("x-amz-checksum-type");
  if (name.empty()) return {};
  upload.checksum = aws::ChecksumByName(name);
  if (!upload.checksum) return InvalidRequest("Checksum algorithm provided is unsupported.");
  const bool only_full = *upload.checksum == hash::Algorithm::kCrc64Nvme;
  upload.checksum_full_object = type.empty() ? only_full : type == "FULL_OBJECT";
  const bool impossible = upload.checksum_full_object ? !aws::IsCrc(*upload.checksum) : only_full;
  if (impossible || (!type.empty() && type != "FULL_OBJECT" && type != "COMPOSITE")) {
    return InvalidRequest(
        fmt::format("The {} checksum type cannot be used with the {} checksum algorithm.", type,
                    aws::ChecksumName(*upload.checksum)));
  }
  return {};
}

Answer<UploadRecord> RequireUpload(const S3Stores& stores, const S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  const std::string id(call.request.query.Get("uploadId"));
  auto upload = stores.index.FindUpload(call.bucket, call.key, id);
  if (!upload && upload.error().code == Code::kNotFound) {
    if (auto there = RequireBucket(stores, call.bucket); !there) return there.error();
    return NoSuchUpload(id);
  }
  if (!upload) return StorageError(upload.error(), "find upload");
  return std::move(*upload);
}

void AddPeople(aws::XmlWriter& xml) {
  for (const char* who : {"Initiator", "Owner"}) {
    xml.Open(who).Add("ID", kAccountId).Add("DisplayName", "leat").Close();
  }
  xml.Add("StorageClass", "STANDARD");
}

}  // namespace

Answer<void> CreateMultipartUpload(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  if (auto valid = CheckKey(call.key); !valid) return valid;
  auto headers = HeadersToKeep(call.request.headers);
  if (!headers) return headers.error();
  UploadRecord upload{.id = RandomHex(32),
                      .bucket = call.bucket,
                      .key = call.key,
                      .created_ms = stores.NowMs(),
                      .headers = std::move(*headers),
                      .checksum = {},
                      .checksum_full_object = false};
  if (auto read = ReadChecksumWish(call.request.headers, upload); !read) return read;
  const auto made = stores.index.CreateUpload(upload);
  if (!made && made.error().code == Code::kNotFound) return NoSuchBucket(call.bucket);
  if (!made) return StorageError(made.error(), "start upload");
  if (upload.checksum) {
    call.response.headers.Set("x-amz-checksum-algorithm", aws::ChecksumName(*upload.checksum));
    call.response.headers.Set("x-amz-checksum-type",
                              upload.checksum_full_object ? "FULL_OBJECT" : "COMPOSITE");
  }
  aws::XmlWriter xml("InitiateMultipartUploadResult", kS3Namespace);
  xml.Add("Bucket", call.bucket).Add("Key", call.key).Add("UploadId", upload.id);
  SendXml(call.response, xml.Finish());
  return {};
}

Answer<void> UploadPart(const S3Stores& stores, S3Call& call) {
  const auto upload = RequireUpload(stores, call);
  if (!upload) return upload.error();
  const auto number = PartNumber(call.request.query);
  if (!number) return number.error();
  auto payload = Payload::Open(call.request, call.caller,
                               {.max_bytes = kMaxPut, .checksum = upload->checksum});
  if (!payload) return payload.error();
  const auto body = Receive(stores, **payload);
  if (!body) return body.error();
  if (upload->checksum && body->checksum->algorithm != *upload->checksum) {
    stores.blobs.Remove({body->piece.blob});
    return InvalidRequest(fmt::format(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        Lower(aws::ChecksumName(*upload->checksum)),
        Lower(aws::ChecksumName(body->checksum->algorithm))));
  }
  const PartRecord part{.number = *number,
                        .piece = body->piece,
                        .etag = HexEncode(body->md5),
                        .checksum = body->checksum,
                        .modified_ms = stores.NowMs()};
  const auto freed = stores.index.PutPart(upload->id, part);
  SettleBlob(stores, part.piece.blob, freed);
  if (!freed && freed.error().code == Code::kNotFound) return NoSuchUpload(upload->id);
  if (!freed) return StorageError(freed.error(), "write part");
  call.response.headers.Set("ETag", Quoted(part.etag));
  if (part.checksum) {
    call.response.headers.Set(aws::ChecksumHeader(part.checksum->algorithm), part.checksum->value);
  }
  call.response.Send(200, "");
  return {};
}

Answer<void> ListParts(const S3Stores& stores, S3Call& call) {
  const auto upload = RequireUpload(stores, call);
  if (!upload) return upload.error();
  const net::Query& query = call.request.query;
  const auto marker = NumberParameter(query, "part-number-marker", 0, 0, INT32_MAX);
  if (!marker) return marker.error();
  const auto max_parts = NumberParameter(query, "max-parts", 1000, 0, INT32_MAX);
  if (!max_parts) return max_parts.error();
  const size_t limit = static_cast<size_t>(std::min<int64_t>(*max_parts, 1000));
  auto parts = stores.index.Parts(upload->id, static_cast<int>(*marker), limit + 1);
  if (!parts) return StorageError(parts.error(), "list parts");
  const bool truncated = parts->size() > limit;
  if (truncated) parts->resize(limit);
  const bool url = query.Get("encoding-type") == "url";
  aws::XmlWriter xml("ListPartsResult", kS3Namespace);
  xml.Add("Bucket", call.bucket).Add("Key", ListText(call.key, url)).Add("UploadId", upload->id);
  AddPeople(xml);
  xml.Add("PartNumberMarker", std::to_string(*marker));
  xml.Add("NextPartNumberMarker", std::to_string(parts->empty() ? 0 : parts->back().number));
  xml.Add("MaxParts", std::to_string(limit)).Add("IsTruncated", truncated ? "true" : "false");
  if (upload->checksum) {
    xml.Add("ChecksumAlgorithm", aws::ChecksumName(*upload->checksum));
    xml.Add("ChecksumType", upload->checksum_full_object ? "FULL_OBJECT" : "COMPOSITE");
  }
  for (const PartRecord& part : *parts) {
    xml.Open("Part").Add("PartNumber", std::to_string(part.number));
    xml.Add("LastModified", aws::FormatXmlTime(part.modified_ms)).Add("ETag", Quoted(part.etag));
    xml.Add("Size", std::to_string(part.piece.size));
    if (part.checksum) {
      xml.Add(aws::ChecksumElement(part.checksum->algorithm), part.checksum->value);
    }
    xml.Close();
  }
  SendXml(call.response, xml.Finish());
  return {};
}

Answer<void> ListMultipartUploads(const S3Stores& stores, S3Call& call) {
  const net::Query& query = call.request.query;
  UploadQuery wanted{.prefix = std::string(query.Get("prefix")),
                     .after_key = std::string(query.Get("key-marker")),
                     .after_id = std::string(query.Get("upload-id-marker")),
                     .limit = 0};
  call.key = wanted.prefix;
  if (!call.MayWrite()) return AccessDenied();
  if (!query.Get("delimiter").empty()) return NotImplemented("A delimiter in ListMultipartUploads");
  const auto max_uploads = NumberParameter(query, "max-uploads", 1000, 1, INT32_MAX);
  if (!max_uploads) return max_uploads.error();
  const size_t limit = static_cast<size_t>(std::min<int64_t>(*max_uploads, 1000));
  wanted.limit = limit + 1;
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  auto uploads = stores.index.Uploads(call.bucket, wanted);
  if (!uploads) return StorageError(uploads.error(), "list uploads");
  const bool truncated = uploads->size() > limit;
  if (truncated) uploads->resize(limit);
  const bool url = query.Get("encoding-type") == "url";
  aws::XmlWriter xml("ListMultipartUploadsResult", kS3Namespace);
  xml.Add("Bucket", call.bucket).Add("KeyMarker", ListText(wanted.after_key, url));
  xml.Add("UploadIdMarker", wanted.after_id).Add("Prefix", ListText(wanted.prefix, url));
  if (url) xml.Add("EncodingType", "url");
  if (truncated) {
    xml.Add("NextKeyMarker", ListText(uploads->back().key, url));
    xml.Add("NextUploadIdMarker", uploads->back().id);
  }
  xml.Add("MaxUploads", std::to_string(limit)).Add("IsTruncated", truncated ? "true" : "false");
  for (const UploadRecord& upload : *uploads) {
    xml.Open("Upload").Add("Key", ListText(upload.key, url)).Add("UploadId", upload.id);
    AddPeople(xml);
    xml.Add("Initiated", aws::FormatXmlTime(upload.created_ms)).Close();
  }
  SendXml(call.response, xml.Finish());
  return {};
}

Answer<void> AbortMultipartUpload(const S3Stores& stores, S3Call& call) {
  const auto upload = RequireUpload(stores, call);
  if (!upload) return upload.error();
  const auto freed = stores.index.AbortUpload(upload->id);
  if (!freed && freed.error().code == Code::kNotFound) return NoSuchUpload(upload->id);
  if (!freed) return StorageError(freed.error(), "abort upload");
  stores.blobs.Remove(*freed);
  call.response.Send(204, "");
  return {};
}

}  // namespace leat::awsserver
