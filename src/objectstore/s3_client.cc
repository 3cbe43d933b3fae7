#include "objectstore/s3_client.h"

#include <fmt/format.h>

#include "aws/checksum.h"
#include "aws/xml.h"
#include "base/strings.h"
#include "objectstore/s3_listing.h"
#include "objectstore/s3_read.h"
#include "objectstore/s3_session.h"

namespace leat::objectstore {
Result<S3Url> S3Url::Parse(std::string_view text) {
  constexpr std::string_view kScheme = "s3://";
  if (!text.starts_with(kScheme)) {
    return Error{Code::kInvalid, fmt::format("\"{}\" is not of the form s3://bucket/key", text)};
  }
  const std::string_view rest = text.substr(kScheme.size());
  const auto parts = Cut(rest, "/");
  S3Url url{std::string(parts ? parts->first : rest), std::string(parts ? parts->second : "")};
  if (url.bucket.empty()) {
    return Error{Code::kInvalid, fmt::format("\"{}\" names no bucket", text)};
  }
  return url;
}

S3Client::S3Client(S3Options options) : session_(std::make_unique<S3Session>(std::move(options))) {}
S3Client::~S3Client() = default;

Status S3Client::CreateBucket(const std::string& bucket, const std::stop_token& stop) {
  S3Call call{.method = "PUT", .bucket = bucket};
  const std::string& region = session_->options().region;
  if (region != "us-east-1") {
    aws::XmlWriter xml("CreateBucketConfiguration", "http://s3.amazonaws.com/doc/2006-03-01/");
    call.body = xml.Add("LocationConstraint", region).Finish();
  }
  const auto reply = session_->Call(call, stop);
  if (!reply) return reply.error();
  return {};
}

Status S3Client::HeadBucket(const std::string& bucket, const std::stop_token& stop) {
  const auto reply = session_->Call({.method = "HEAD", .bucket = bucket}, stop);
  if (!reply) return reply.error();
  return {};
}

Status S3Client::List(const std::string& bucket, const std::string& prefix,
                      const std::function<bool(const ObjectInfo&)>& each,
                      const std::stop_token& stop) {
  return ListPages(
      *session_, {.bucket = bucket, .prefix = prefix},
      [&](S3Page page) -> Result<bool> {
        for (const ObjectInfo& info : page.objects) {
          if (!each(info)) return false;
        }
        return true;
      },
      stop);
}

Result<ObjectInfo> S3Client::Head(const S3Url& url, const std::stop_token& stop) {
  return HeadObject(*session_, {.bucket = url.bucket, .key = url.key}, url.key, stop);
}

Status S3Client::Read(const S3Url& url, const ObjectInfo& info, uint64_t offset, uint64_t size,
                      const std::function<Status(std::string_view)>& sink,
                      const std::stop_token& stop) {
  return ReadObject(*session_, {.bucket = url.bucket, .key = url.key}, info.etag, offset, size,
                    sink, stop);
}

Result<std::string> S3Client::GetAll(const S3Url& url, size_t max_bytes,
                                     const std::stop_token& stop) {
  constexpr int kVersions = 10;  // seen to be replaced while they are read
  for (int version = 1;; ++version) {
    const auto info = Head(url, stop);
    if (!info) return info.error();
    if (info->size > max_bytes) {
      return Error{Code::kTooLarge, fmt::format("{} has {} bytes, more than the {} that are read",
                                                url.ToString(), info->size, max_bytes)};
    }
    std::string all;
    const auto take = [&](std::string_view bytes) -> Status {
      all += bytes;
      return {};
    };
    const auto read = Read(url, *info, 0, info->size, take, stop);
    if (read) return all;
    if (read.error().code != Code::kConflict || version == kVersions) return read.error();
  }
}

Status S3Client::Put(const S3Url& url, std::string_view bytes, const std::stop_token& stop) {
  S3Call call{.method = "PUT", .bucket = url.bucket, .key = url.key};
  call.body = bytes;
  call.headers.Set(aws::ChecksumHeader(hash::Algorithm::kCrc32c),
                   Base64Encode(hash::Digest(hash::Algorithm::kCrc32c, bytes)));
  const auto reply = session_->Call(call, stop);
  if (!reply) return reply.error();
  return CheckStored(call, *reply);
}

Status S3Client::Delete(const S3Url& url, const std::stop_token& stop) {
  const auto reply =
      session_->Call({.method = "DELETE", .bucket = url.bucket, .key = url.key}, stop);
  if (!reply) return reply.error();
  return {};
}

}  // namespace leat::objectstore
