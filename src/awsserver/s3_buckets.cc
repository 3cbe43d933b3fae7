#include <algorithm>

#include "aws/amz_time.h"
#include "aws/xml.h"
#include "awsserver/page_token.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxConfiguration = 64 << 10;
constexpr int64_t kMaxBuckets = 10'000;  // in one page of the list

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

// As all of Amazon's look, and will: "eu-west-1", "us-gov-east-1"; and its oldest name for Ireland.
bool LooksLikeRegion(const std::string& name) {
  const auto parts = Split(name, '-');
  const auto is = [](std::string_view part, bool (*kind)(char)) {
    return !part.empty() && std::all_of(part.begin(), part.end(), kind);
  };
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return name == "EU" || (parts.size() >= 3 && is(parts.back(), digit) &&
                          std::all_of(parts.begin(), parts.end() - 1,
                                      [&](std::string_view part) { return is(part, letter); }));
}

// The region that <CreateBucketConfiguration> asks for, else the one the request is signed for.
Answer<std::string> WantedRegion(S3Call& call) {
  const std::string region = call.caller.region.empty() ? "us-east-1" : call.caller.region;
  auto payload = Payload::Open(call.request, call.caller, {.max_bytes = kMaxConfiguration});
  if (!payload) return payload.error();
  const auto body = (*payload)->ReadAll();
  if (!body) return body.error();
  if (body->empty()) return region;
  const auto root = aws::ParseXml(*body);
  if (!root || root->name != "CreateBucketConfiguration") return MalformedXml();
  for (const aws::XmlNode& child : root->children) {
    if (child.name != "LocationConstraint") return NotImplemented("A bucket's " + child.name);
  }
  const std::string wanted(root->ChildText("LocationConstraint"));
  if (wanted.empty() || wanted == region) return region;
  if (LooksLikeRegion(wanted)) return wanted;
  return AwsError{"InvalidLocationConstraint",
                  "The specified location-constraint is not valid",
                  400,
                  {{"LocationConstraint", wanted}}};
}

bool MayNameBucket(const S3Call& call) {
  return call.caller.principal.is_root || call.caller.principal.policy.Names(call.bucket);
}

}  // namespace

Answer<void> ListBuckets(const S3Stores& stores, S3Call& call) {
  if (!call.caller.principal.is_root) return AccessDenied();
  const net::Query& query = call.request.query;
  const auto limit = NumberParameter(query, "max-buckets", kMaxBuckets, 1, kMaxBuckets);
  if (!limit) return limit.error();
  const auto after = query.Has("continuation-token")
                         ? ReadPageToken(query.Get("continuation-token"))
                         : std::string();
  if (!after) {
    return InvalidArgument("The continuation token provided is incorrect", "continuation-token",
                           query.Get("continuation-token"));
  }
  auto buckets = stores.index.Buckets();
  if (!buckets) return StorageError(buckets.error(), "list buckets");
  const std::string_view prefix = query.Get("prefix"), region = query.Get("bucket-region");
  std::erase_if(*buckets, [&](const BucketRecord& bucket) {
    return !bucket.name.starts_with(prefix) || bucket.name <= *after ||
           (!region.empty() && bucket.region != region);
  });
  const bool truncated = buckets->size() > static_cast<size_t>(*limit);
  if (truncated) buckets->resize(static_cast<size_t>(*limit));
  aws::XmlWriter xml("ListAllMyBucketsResult", kS3Namespace);
  xml.Open("Owner").Add("ID", kOwnerId).Add("DisplayName", "leat").Close().Open("Buckets");
  for (const BucketRecord& bucket : *buckets) {
    xml.Open("Bucket").Add("Name", bucket.name);
    xml.Add("CreationDate", aws::FormatXmlTime(bucket.created_ms));
    xml.Add("BucketRegion", bucket.region).Close();
  }
  xml.Close();
  if (truncated) xml.Add("ContinuationToken", PageToken(buckets->back().name));
  if (!prefix.empty()) xml.Add("Prefix", prefix);
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
