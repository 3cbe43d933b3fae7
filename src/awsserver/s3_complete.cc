// CompleteMultipartUpload: the parts a client names become one object. No bytes move: the object is
// the list of the parts' files.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "aws/checksum.h"
#include "aws/xml.h"
#include "awsserver/s3_conditions.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/bytes.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxDocument = 8 << 20;
constexpr uint64_t kMinPart = 5_MiB;

struct NamedPart {
  int number = 0;
  std::string etag;  // without quotes
  aws::XmlNode node;
};

AwsError InvalidPart(const NamedPart& part, const std::string& upload) {
  return {"InvalidPart",
          "One or more of the specified parts could not be found.  The part may not have been "
          "uploaded, or the specified entity tag may not match the part's entity tag.",
          400,
          {{"UploadId", upload}, {"PartNumber", std::to_string(part.number)}, {"ETag", part.etag}}};
}

// A checksum of a kind that is not known could not be held against the part, and of two numbers or
// tags one would be passed over.
Answer<void> CheckElements(const aws::XmlNode& part) {
  std::set<std::string_view> names;
  for (const aws::XmlNode& child : part.children) {
    if (!names.insert(child.name).second) return MalformedXml();
    if (!child.name.starts_with("Checksum")) continue;
    const bool known = std::any_of(
        aws::kChecksumAlgorithms.begin(), aws::kChecksumAlgorithms.end(),
        [&](hash::Algorithm algorithm) { return child.name == aws::ChecksumElement(algorithm); });
    if (!known) return InvalidRequest("The element " + child.name + " cannot be verified.");
  }
  return {};
}

Answer<std::vector<NamedPart>> ParseDocument(const std::string& body) {
  auto root = aws::ParseXml(body);
  if (!root || root->name != "CompleteMultipartUpload") return MalformedXml();
  std::vector<NamedPart> parts;
  for (aws::XmlNode& node : root->children) {
    if (node.name != "Part") continue;
    if (auto known = CheckElements(node); !known) return known.error();
    const auto number = ParseInt(node.ChildText("PartNumber"));
    if (!number || *number < 1 || *number > kMaxParts) return MalformedXml();
    std::string etag(Trim(node.ChildText("ETag")));
    std::erase(etag, '"');
    if (!parts.empty() && *number <= parts.back().number) {
      return AwsError{"InvalidPartOrder",
                      "The list of parts was not in ascending order. Parts must be ordered by part "
                      "number.",
                      400};
    }
    parts.push_back({static_cast<int>(*number), std::move(etag), std::move(node)});
  }
  if (parts.empty()) return MalformedXml();
  return parts;
}

// The MD5 of the parts' MD5s, and how many there were.
std::string CombinedEtag(const std::vector<NamedPart>& parts) {
  std::string digests;
  for (const NamedPart& part : parts) {
    const auto digest = HexDecode(part.etag);
    if (digest) digests += *digest;
  }
  return fmt::format("{}-{}", HexEncode(hash::Digest(hash::Algorithm::kMd5, digests)),
                     parts.size());
}

// Every part but the last has its least size.
Answer<void> RequireLargeParts(const std::vector<PartRecord>& parts) {
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i].piece.size >= kMinPart) continue;
    return AwsError{"EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                    400,
                    {{"ProposedSize", std::to_string(parts[i].piece.size)},
                     {"MinSizeAllowed", std::to_string(kMinPart)},
                     {"PartNumber", std::to_string(parts[i].number)},
                     {"ETag", parts[i].etag}}};
  }
  return {};
}

// The stored parts that the client names, in order, each held against what it says of them.
Answer<std::vector<PartRecord>> MatchParts(const std::vector<PartRecord>& stored,
                                           const std::vector<NamedPart>& named,
                                           const std::string& upload) {
  std::vector<PartRecord> matched;
  auto at = stored.begin();
  for (const NamedPart& part : named) {
    while (at != stored.end() && at->number < part.number) ++at;
    if (at == stored.end() || at->number != part.number || at->etag != part.etag) {
      return InvalidPart(part, upload);
    }
    for (const hash::Algorithm algorithm : aws::kChecksumAlgorithms) {
      const std::string_view said = part.node.ChildText(aws::ChecksumElement(algorithm));
      if (said.empty()) continue;
      if (!at->checksum || at->checksum->algorithm != algorithm || said != at->checksum->value) {
        return InvalidPart(part, upload);
      }
    }
    matched.push_back(*at);
  }
  if (auto large = RequireLargeParts(matched); !large) return large.error();
  return matched;
}

// The object's checksum from those of its parts, as the upload was started with.
std::optional<Checksum> CombineChecksums(const UploadRecord& upload,
                                         const std::vector<PartRecord>& parts) {
  if (!upload.checksum) return std::nullopt;
  const hash::Algorithm algorithm = *upload.checksum;
  std::string all, whole;
  for (const PartRecord& part : parts) {
    const auto digest =
        part.checksum ? Base64Decode(part.checksum->value) : Result<std::string>("");
    if (!digest || digest->empty()) return std::nullopt;
    all += *digest;
    if (!upload.checksum_full_object) continue;
    whole = whole.empty() ? *digest : aws::CombineCrc(algorithm, whole, *digest, part.piece.size);
  }
  if (upload.checksum_full_object) return Checksum{algorithm, true, Base64Encode(whole)};
  return Checksum{algorithm, false,
                  fmt::format("{}-{}", Base64Encode(hash::Digest(algorithm, all)), parts.size())};
}

// What the client says about the whole must be so.
Answer<void> CheckWhole(const net::Headers& headers, const ObjectRecord& object) {
  const std::string_view size = headers.Get("x-amz-mp-object-size");
  if (!size.empty() && size != std::to_string(object.size)) {
    return InvalidRequest(
        "The provided 'x-amz-mp-object-size' header value does not match what "
        "was computed.");
  }
  for (const hash::Algorithm algorithm : aws::kChecksumAlgorithms) {
    if (!headers.Has(aws::ChecksumHeader(algorithm))) continue;
    if (object.checksum && object.checksum->algorithm == algorithm) continue;
    return InvalidRequest(fmt::format(
        "The upload was not started with the checksum algorithm {}, which the completion gives.",
        aws::ChecksumName(algorithm)));
  }
  const std::string_view type = headers.Get("x-amz-checksum-type");
  if (!object.checksum) return {};
  if (!type.empty() && type != (object.checksum->full_object ? "FULL_OBJECT" : "COMPOSITE")) {
    return InvalidRequest(fmt::format(
        "The upload was not started with the checksum type {}, which the completion gives.", type));
  }
  const std::string_view said = headers.Get(aws::ChecksumHeader(object.checksum->algorithm));
  const std::string composite = fmt::format("{}-{}", said, object.parts);
  if (!said.empty() && said != object.checksum->value && composite != object.checksum->value) {
    return AwsError{"BadDigest",
                    fmt::format("The {} you specified did not match the calculated checksum.",
                                aws::ChecksumName(object.checksum->algorithm)),
                    400};
  }
  return {};
}

void SendResult(S3Call& call, const ObjectRecord& object) {
  aws::XmlWriter xml("CompleteMultipartUploadResult", kS3Namespace);
  xml.Add("Location", fmt::format("http://{}/{}/{}", call.request.headers.Get("Host"), call.bucket,
                                  PercentEncode(call.key, /*keep_slash=*/true)));
  xml.Add("Bucket", call.bucket).Add("Key", call.key).Add("ETag", Quoted(object.etag));
  if (object.checksum) {
    xml.Add(aws::ChecksumElement(object.checksum->algorithm), object.checksum->value);
    xml.Add("ChecksumType", object.checksum->full_object ? "FULL_OBJECT" : "COMPOSITE");
  }
  SendXml(call.response, xml.Finish());
}

bool IsGone(const Result<UploadRecord>& upload) {
  return !upload && upload.error().code == Code::kNotFound;
}

// A client that lost the answer asks again: the upload is gone, and the object that it made is
// there. So it is, too, when it asks while the first completion is being committed.
Answer<void> AnswerAgain(const S3Stores& stores, S3Call& call, const std::string& upload,
                         const std::string& etag) {
  const auto object = stores.index.Find(call.bucket, call.key);
  if (!object && object.error().code != Code::kNotFound) {
    return StorageError(object.error(), "find object");
  }
  if (!object || object->upload != upload || object->etag != etag) return NoSuchUpload(upload);
  SendResult(call, *object);
  return {};
}

}  // namespace

Answer<void> CompleteMultipartUpload(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  const std::string id(call.request.query.Get("uploadId"));
  auto payload = Payload::Open(call.request, call.caller,
                               {.max_bytes = kMaxDocument, .checksum_of_body = false});
  if (!payload) return payload.error();
  const auto body = (*payload)->ReadAll();
  if (!body) return body.error();
  const auto named = ParseDocument(*body);
  if (!named) return named.error();
  auto precondition = WriteCondition(call.request.headers);
  if (!precondition) return precondition.error();
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  const std::string etag = CombinedEtag(*named);
  const auto upload = stores.index.FindUpload(call.bucket, call.key, id);
  if (IsGone(upload)) return AnswerAgain(stores, call, id, etag);
  if (!upload) return StorageError(upload.error(), "find upload");
  const auto stored = stores.index.Parts(id, 0, kMaxParts);
  if (!stored) return StorageError(stored.error(), "list parts");
  const auto parts = MatchParts(*stored, *named, id);
  if (!parts && IsGone(stores.index.FindUpload(call.bucket, call.key, id))) {
    return AnswerAgain(stores, call, id, etag);
  }
  if (!parts) return parts.error();

  ObjectRecord object{.key = call.key,
                      .size = 0,
                      .etag = etag,
                      .modified_ms = stores.NowMs(),
                      .headers = upload->headers,
                      .checksum = CombineChecksums(*upload, *parts),
                      .parts = static_cast<int>(parts->size()),
                      .pieces = {},
                      .upload = id};
  for (const PartRecord& part : *parts) {
    object.size += part.piece.size;
    object.pieces.push_back(part.piece);
  }
  if (auto right = CheckWhole(call.request.headers, object); !right) return right;
  const auto freed = stores.index.CompleteUpload(*upload, object, *precondition);
  if (!freed && freed.error().message.starts_with("no upload")) {
    return AnswerAgain(stores, call, id, etag);
  }
  if (!freed) return WriteRefused(freed.error(), call.bucket, call.key);
  stores.blobs.Remove(*freed);
  SendResult(call, object);
  return {};
}

}  // namespace leat::awsserver
