#include <algorithm>

#include "aws/amz_time.h"
#include "aws/xml.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxConfiguration = 64 << 10;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool LooksLikeIpAddress(std::string_view name) {
  const auto parts = Split(name, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() <= 3 &&
                  part.find_first_not_of("0123456789") == std::string_view::npos;
         });
}

bool IsBucketName(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && IsLowerOrDigit(name.front()) &&
         IsLowerOrDigit(name.back()) && name.find("..") == std::string_view::npos &&
         !LooksLikeIpAddress(name) && !name.starts_with("xn--") && !name.ends_with("-s3alias") &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '.'; });
}

// The region that <CreateBucketConfiguration> asks for, else the one the request is signed for.
Answer<std::string> WantedRegion(S3Call& call) {
  const std::string region = call.caller.region.empty() ? "us-east-1" : call.caller.region;
  const auto length = call.request.ContentLength();
  if (length && *length == 0) return region;
  auto payload = Payload::Open(call.request, call.caller, {.max_bytes = kMaxConfiguration});
  if (!payload) return payload.error();
  const auto body = (*payload)->ReadAll();
  if (!body) return body.error();
  if (body->empty()) return region;
  const auto root = aws::ParseXml(*body);
  if (!root || root->name != "CreateBucketConfiguration") return MalformedXml();
  const std::string_view wanted = root->ChildText("LocationConstraint");
  return wanted.empty() ? region : std::string(wanted);
}

bool MayNameBucket(const S3Call& call) {
  return call.caller.principal.is_root || call.caller.principal.policy.Names(call.bucket);
}

}  // namespace

Answer<void> ListBuckets(const S3Stores& stores, S3Call& call) {
  if (!call.caller.principal.is_root) return AccessDenied();
  const auto buckets = stores.index.Buckets();
  if (!buckets) return StorageError(buckets.error(), "list buckets");
  const std::string prefix(call.request.query.Get("prefix"));
  aws::XmlWriter xml("ListAllMyBucketsResult", kS3Namespace);
  xml.Open("Owner").Add("ID", kOwnerId).Add("DisplayName", "leat").Close().Open("Buckets");
  for (const BucketRecord& bucket : *buckets) {
    if (!bucket.name.starts_with(prefix)) continue;
    xml.Open("Bucket").Add("Name", bucket.name);
    xml.Add("CreationDate", aws::FormatXmlTime(bucket.created_ms));
    xml.Add("BucketRegion", bucket.region).Close();
  }
  SendXml(call.response, xml.Finish());
  return {};
}

Answer<void> CreateBucket(const S3Stores& stores, S3Call& call) {
  if (!call.caller.principal.is_root) return AccessDenied();
  if (!IsBucketName(call.bucket)) {
    return AwsError{"InvalidBucketName",
                    "The specified bucket is not valid.",
                    400,
                    {{"BucketName", call.bucket}}};
  }
  const std::string_view acl = call.request.headers.Get("x-amz-acl");
  if (acl.starts_with("public")) return NotImplemented("A public x-amz-acl");
  const auto region = WantedRegion(call);
  if (!region) return region.error();
  const auto made = stores.index.CreateBucket({call.bucket, *region, stores.NowMs()});
  if (!made && made.error().code == Code::kAlreadyExists) {
    return AwsError{"BucketAlreadyOwnedByYou",
                    "Your previous request to create the named bucket succeeded and you already "
                    "own it.",
                    409,
                    {{"BucketName", call.bucket}}};
  }
  if (!made) return StorageError(made.error(), "create bucket");
  call.response.headers.Set("Location", "/" + call.bucket);
  call.response.Send(200, "");
  return {};
}

Answer<void> HeadBucket(const S3Stores& stores, S3Call& call) {
  if (!MayNameBucket(call)) return AccessDenied();
  const auto bucket = stores.index.FindBucket(call.bucket);
  if (!bucket && bucket.error().code == Code::kNotFound) return NoSuchBucket(call.bucket);
  if (!bucket) return StorageError(bucket.error(), "find bucket");
  call.response.headers.Set("x-amz-bucket-region", bucket->region);
  call.response.headers.Set("Content-Type", "application/xml");
  call.response.Send(200, "");
  return {};
}

Answer<void> DeleteBucket(const S3Stores& stores, S3Call& call) {
  if (!call.caller.principal.is_root) return AccessDenied();
  const auto freed = stores.index.DeleteBucket(call.bucket);
  if (!freed && freed.error().code == Code::kConflict) {
    return AwsError{"BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    409,
                    {{"BucketName", call.bucket}}};
  }
  if (!freed && freed.error().code == Code::kNotFound) return NoSuchBucket(call.bucket);
  if (!freed) return StorageError(freed.error(), "delete bucket");
  stores.blobs.Remove(*freed);
  call.response.Send(204, "");
  return {};
}

Answer<void> GetBucketLocation(const S3Stores& stores, S3Call& call) {
  if (!MayNameBucket(call)) return AccessDenied();
  const auto bucket = stores.index.FindBucket(call.bucket);
  if (!bucket && bucket.error().code == Code::kNotFound) return NoSuchBucket(call.bucket);
  if (!bucket) return StorageError(bucket.error(), "find bucket");
  // Amazon's oldest region has no name here.
  const std::string region = bucket->region == "us-east-1" ? "" : bucket->region;
  std::string document = aws::XmlWriter("LocationConstraint", kS3Namespace).Finish();
  document.insert(document.rfind("</"), aws::XmlEscape(region));
  SendXml(call.response, std::move(document));
  return {};
}

Answer<void> GetBucketVersioning(const S3Stores& stores, S3Call& call) {
  if (!MayNameBucket(call)) return AccessDenied();
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  SendXml(call.response, aws::XmlWriter("VersioningConfiguration", kS3Namespace).Finish());
  return {};
}

}  // namespace leat::awsserver
