#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "aws/checksum.h"
#include "aws/xml.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "io/file.h"
#include "objectstore/s3_client.h"
#include "objectstore/s3_session.h"
#include "objectstore/workers.h"

namespace leat::objectstore {
namespace {

constexpr uint64_t kSinglePut = 64_MiB;
constexpr uint64_t kPart = 16_MiB;
constexpr uint64_t kLargePart = 64_MiB;
constexpr int kSmallParts = 1024;  // then parts of a stream get larger, so that 10,000 go far
constexpr uint64_t kMaxParts = 10'000;
constexpr int kThreads = 3;
constexpr size_t kBufferSize = 1_MiB;
constexpr hash::Algorithm kChecksum = hash::Algorithm::kCrc32c;

// Reads file bytes [offset, offset + size) from its start; for one attempt.
std::function<Result<size_t>(std::span<char>)> FileSource(int fd, uint64_t offset, uint64_t size) {
  return [fd, offset, left = size](std::span<char> out) mutable -> Result<size_t> {
    const size_t want = std::min<uint64_t>(out.size(), left);
    if (want == 0) return 0;
    const ssize_t got = ::pread(fd, out.data(), want, static_cast<off_t>(offset));
    if (got < 0) return io::ErrnoError(errno, "read the file to upload");
    if (got == 0) return Error{Code::kConflict, "the file to upload became shorter"};
    offset += static_cast<uint64_t>(got);
    left -= static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
  };
}

std::function<Result<size_t>(std::span<char>)> MemorySource(
    std::shared_ptr<const std::string> bytes) {
  return [bytes = std::move(bytes), at = size_t{0}](std::span<char> out) mutable -> Result<size_t> {
    const size_t n = std::min(out.size(), bytes->size() - at);
    std::memcpy(out.data(), bytes->data() + at, n);
    at += n;
    return n;
  };
}

Result<std::string> FileChecksum(int fd, uint64_t offset, uint64_t size) {
  hash::Hasher hasher(kChecksum);
  const auto source = FileSource(fd, offset, size);
  const auto buffer = std::make_unique<char[]>(kBufferSize);
  while (true) {
    const auto got = source({buffer.get(), kBufferSize});
    if (!got) return got.error();
    if (*got == 0) return Base64Encode(hasher.Finish());
    hasher.Update({buffer.get(), *got});
  }
}

// One multipart upload. Parts may be sent from several threads.
class Multipart {
 public:
  Multipart(S3Session& session, const S3Url& url) : session_(session), url_(url) {}

  Status Start(const std::stop_token& stop) {
    S3Call call{.method = "POST", .bucket = url_.bucket, .key = url_.key, .query = "uploads="};
    call.answer = "InitiateMultipartUploadResult";
    call.headers.Set("x-amz-checksum-algorithm", aws::ChecksumName(kChecksum));
    const auto reply = session_.Call(call, stop);
    if (!reply) return reply.error();
    id_ = reply->root.ChildText("UploadId");
    if (id_.empty())
      return Error{Code::kInternal, call.ToString() + ": the answer has no UploadId"};
    return {};
  }

  // `call` has a body or its source.
  Status SendPart(int number, S3Call call, const std::string& checksum,
                  const std::stop_token& stop) {
    call.method = "PUT";
    call.bucket = url_.bucket;
    call.key = url_.key;
    call.query = fmt::format("partNumber={}&uploadId={}", number, PercentEncode(id_));
    call.headers.Set(aws::ChecksumHeader(kChecksum), checksum);
    const auto reply = session_.Call(call, stop);
    if (!reply) return reply.error();
    if (auto stored = CheckStored(call, *reply); !stored) return stored;
    MutexLock lock(mu_);
    parts_[number] = {std::string(reply->headers.Get("ETag")), checksum};
    return {};
  }

  Status Complete(const std::stop_token& stop) {
    aws::XmlWriter xml("CompleteMultipartUpload", "http://s3.amazonaws.com/doc/2006-03-01/");
    {
      MutexLock lock(mu_);
      for (const auto& [number, part] : parts_) {
        xml.Open("Part").Add(aws::ChecksumElement(kChecksum), part.checksum);
        xml.Add("ETag", part.etag).Add("PartNumber", std::to_string(number)).Close();
      }
    }
    const auto reply = session_.Call({.method = "POST",
                                      .bucket = url_.bucket,
                                      .key = url_.key,
                                      .query = "uploadId=" + PercentEncode(id_),
                                      .headers = {},
                                      .body = xml.Finish(),
                                      .make_source = {},
                                      .answer = "CompleteMultipartUploadResult"},
                                     stop);
    if (!reply) return reply.error();
    return {};
  }

  // Gives the parts' space back; best effort, also when the caller was told to stop.
  void Abort() {
    const auto response = session_.Open({.method = "DELETE",
                                         .bucket = url_.bucket,
                                         .key = url_.key,
                                         .query = "uploadId=" + PercentEncode(id_)},
                                        {});
    (void)response;
  }

 private:
  struct Part {
    std::string etag;
    std::string checksum;
  };
  S3Session& session_;
  const S3Url url_;
  std::string id_;
  Mutex mu_;
  std::map<int, Part> parts_ GUARDED_BY(mu_);
};

// Reads until the buffer is full or the source ends.
Result<std::string> ReadPart(const std::function<Result<size_t>(std::span<char>)>& source,
                             uint64_t size) {
  std::string part(size, '\0');
  size_t filled = 0;
  while (filled < part.size()) {
    const auto got = source(std::span(part).subspan(filled));
    if (!got) return got.error();
    if (*got == 0) break;
    filled += *got;
  }
  part.resize(filled);
  return part;
}

// Runs `send` between the start and the end of a multipart upload.
Status RunMultipart(S3Session& session, const S3Url& url, const std::stop_token& stop,
                    const std::function<Status(Multipart&)>& send) {
  Multipart multipart(session, url);
  if (auto started = multipart.Start(stop); !started) return started;
  auto done = send(multipart);
  if (done) done = multipart.Complete(stop);
  if (!done) multipart.Abort();
  return done;
}

}  // namespace

Status S3Client::Upload(const S3Url& url, int fd, uint64_t size,
                        const std::function<void(uint64_t)>& progress,
                        const std::stop_token& stop) {
  const auto source_of = [fd](uint64_t offset, uint64_t length) {
    S3Call call;
    call.make_source = [=] { return FileSource(fd, offset, length); };
    call.body_size = length;
    return call;
  };
  if (size <= kSinglePut) {
    const auto checksum = FileChecksum(fd, 0, size);
    if (!checksum) return checksum.error();
    S3Call call = size > 0 ? source_of(0, size) : S3Call();
    call.method = "PUT";
    call.bucket = url.bucket;
    call.key = url.key;
    call.headers.Set(aws::ChecksumHeader(kChecksum), *checksum);
    const auto reply = session_->Call(call, stop);
    if (!reply) return reply.error();
    if (auto stored = CheckStored(call, *reply); !stored) return stored;
    if (progress) progress(size);
    return {};
  }
  const uint64_t part_size = std::max(kPart, size / (kMaxParts - 1) + 1);
  return RunMultipart(*session_, url, stop, [&](Multipart& multipart) -> Status {
    Workers workers(kThreads, stop);
    int number = 0;
    for (uint64_t offset = 0; offset < size; offset += part_size) {
      const uint64_t length = std::min(part_size, size - offset);
      ++number;
      const bool taken = workers.Submit([&, number, offset, length](const std::stop_token& token) {
        const auto checksum = FileChecksum(fd, offset, length);
        if (!checksum) return Status(checksum.error());
        auto sent = multipart.SendPart(number, source_of(offset, length), *checksum, token);
        if (sent && progress) progress(length);
        return sent;
      });
      if (!taken) break;
    }
    return workers.Finish();
  });
}

Status S3Client::UploadStream(const S3Url& url,
                              const std::function<Result<size_t>(std::span<char>)>& source,
                              const std::function<void(uint64_t)>& progress,
                              const std::stop_token& stop) {
  auto part = ReadPart(source, kPart);
  if (!part) return part.error();
  if (part->size() < kPart) {
    auto put = Put(url, *part, stop);
    if (put && progress) progress(part->size());
    return put;
  }
  return RunMultipart(*session_, url, stop, [&](Multipart& multipart) -> Status {
    Workers workers(kThreads, stop);
    for (int number = 1; !part->empty(); ++number) {
      const auto bytes = std::make_shared<const std::string>(std::move(*part));
      const bool taken = workers.Submit([&, number, bytes](const std::stop_token& token) {
        S3Call call;
        call.make_source = [bytes] { return MemorySource(bytes); };
        call.body_size = bytes->size();
        auto sent = multipart.SendPart(number, std::move(call),
                                       Base64Encode(hash::Digest(kChecksum, *bytes)), token);
        if (sent && progress) progress(bytes->size());
        return sent;
      });
      if (!taken) break;
      part = ReadPart(source, number < kSmallParts ? kPart : kLargePart);
      if (!part) return part.error();
    }
    return workers.Finish();
  });
}

}  // namespace leat::objectstore
