#include "objectstore/s3_client.h"

#include <fmt/format.h>

#include "aws/checksum.h"
#include "aws/xml.h"
#include "base/strings.h"
#include "objectstore/s3_listing.h"
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

Status S3Client::Get(const S3Url& url, uint64_t offset, uint64_t size, const std::string& if_match,
                     const std::function<Status(std::string_view)>& sink,
                     const std::stop_token& stop) {
  constexpr size_t kBufferSize = 256 << 10;
  const auto buffer = std::make_unique<char[]>(kBufferSize);
  const uint64_t end = size == 0 ? 0 : offset + size;
  std::string etag = if_match;
  Patience patience(session_->retry());
  while (true) {
    S3Call call{.method = "GET", .bucket = url.bucket, .key = url.key};
    if (offset > 0 || end > 0) {
      call.headers.Set("Range", end > 0 ? fmt::format("bytes={}-{}", offset, end - 1)
                                        : fmt::format("bytes={}-", offset));
    }
    if (!etag.empty()) call.headers.Set("If-Match", "\"" + etag + "\"");
    auto response = session_->Open(call, stop);
    if (!response) {
      if (auto again = patience.AfterFailure(response.error(), stop); !again) return again;
      continue;
    }
    if (offset > 0 && (*response)->status != 206) {
      return Error{Code::kUnimplemented, call.ToString() + ": the store does not serve ranges"};
    }
    // What is read after a broken connection must be of the same object.
    if (etag.empty()) etag = UnquotedEtag((*response)->headers.Get("ETag"));
    while (true) {
      const auto got = (*response)->Read({buffer.get(), kBufferSize});
      if (!got) {
        const Error error = got.error().Within(call.ToString());
        if (auto again = patience.AfterFailure(error, stop); !again) return again;
        break;
      }
      if (*got == 0) return {};
      patience.Progressed(*got);
      if (auto taken = sink({buffer.get(), *got}); !taken) return taken;
      offset += *got;
    }
    // Cut off behind its last byte.
    if (end > 0 && offset == end) return {};
  }
}

Result<std::string> S3Client::GetAll(const S3Url& url, size_t max_bytes,
                                     const std::stop_token& stop) {
  std::string all;
  auto got = Get(
      url, 0, 0, "",
      [&](std::string_view bytes) -> Status {
        if (all.size() + bytes.size() > max_bytes) {
          return Error{Code::kTooLarge,
                       fmt::format("{} is larger than {} bytes", url.ToString(), max_bytes)};
        }
        all += bytes;
        return {};
      },
      stop);
  if (!got) return got.error();
  return all;
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
