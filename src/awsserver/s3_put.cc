#include "awsserver/s3_conditions.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/bytes.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kBufferSize = 1_MiB;
constexpr size_t kMaxKey = 1024;

// Refuses before the body is read what would be refused after it.
Answer<void> CheckEarly(const S3Stores& stores, const S3Call& call,
                        const Precondition& precondition) {
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  if (!precondition.absent && !precondition.if_etag) return {};
  const auto old = stores.index.Find(call.bucket, call.key);
  if (!old && old.error().code != Code::kNotFound) return StorageError(old.error(), "find object");
  if (precondition.absent && old) return PreconditionFailed("If-None-Match");
  if (!precondition.if_etag) return {};
  if (!old) return NoSuchKey(call.key);
  if (*precondition.if_etag != "*" && *precondition.if_etag != old->etag) {
    return PreconditionFailed("If-Match");
  }
  return {};
}

// Reads until the buffer is full or the body ends: the network gives far smaller pieces than the
// disk likes.
Answer<size_t> Fill(Payload& payload, std::span<char> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = payload.Read(buffer.subspan(filled));
    if (!got) return got.error();
    if (*got == 0) break;
    filled += *got;
  }
  return filled;
}

// Takes the rest of a body that is of no more use: a client that is cut off while it sends does not
// read why.
void Drain(Payload& payload, std::span<char> buffer) {
  while (true) {
    const auto got = payload.Read(buffer);
    if (!got || *got == 0) return;
  }
}

}  // namespace

Answer<void> CheckKey(const std::string& key) {
  if (!IsUtf8(key)) return AwsError{"InvalidURI", "Couldn't parse the specified URI.", 400};
  if (key.size() > kMaxKey) {
    return AwsError{
        "KeyTooLongError",
        "Your key is too long",
        400,
        {{"Size", std::to_string(key.size())}, {"MaxSizeAllowed", std::to_string(kMaxKey)}}};
  }
  return {};
}

Answer<void> RequireBucket(const S3Stores& stores, const std::string& bucket) {
  const auto found = stores.index.FindBucket(bucket);
  if (found) return {};
  if (found.error().code == Code::kNotFound) return NoSuchBucket(bucket);
  return StorageError(found.error(), "find bucket");
}

Answer<ReceivedBody> Receive(const S3Stores& stores, Payload& payload) {
  auto writer = stores.blobs.Create();
  if (!writer) return StorageError(writer.error(), "receive object");
  const auto buffer = std::make_unique<char[]>(kBufferSize);
  size_t filled = 0;
  do {
    const auto got = Fill(payload, {buffer.get(), kBufferSize});
    if (!got) return got.error();
    filled = *got;
    if (auto written = writer->Append({buffer.get(), filled}); !written) {
      Drain(payload, {buffer.get(), kBufferSize});
      return StorageError(written.error(), "receive object");
    }
  } while (filled == kBufferSize);
  const auto blob = writer->Keep();
  if (!blob) return StorageError(blob.error(), "receive object");
  return ReceivedBody{
      .piece = {*blob, payload.size()}, .md5 = payload.md5(), .checksum = payload.checksum()};
}

void SettleBlob(const S3Stores& stores, const std::string& blob, const Result<FreedBlobs>& named) {
  if (named) {
    stores.blobs.Settle(blob);
    return stores.blobs.Remove(*named);
  }
  const Code why = named.error().code;
  // After any other failure the row may be there in spite of it; the next start looks.
  if (why == Code::kConflict || why == Code::kNotFound || why == Code::kExhausted) {
    stores.blobs.Remove({blob});
  }
}

AwsError WriteRefused(const Error& error, const std::string& bucket, const std::string& key) {
  if (error.code == Code::kConflict) return PreconditionFailed(error.message);
  if (error.code == Code::kNotFound) {
    return error.message.starts_with("no bucket") ? NoSuchBucket(bucket) : NoSuchKey(key);
  }
  return StorageError(error, "write object");
}

Answer<void> StoreReceived(const S3Stores& stores, const std::string& bucket,
                           const std::string& key, const ReceivedBody& body, Fields headers,
                           const Precondition& precondition) {
  const ObjectRecord object{.key = key,
                            .size = body.piece.size,
                            .etag = HexEncode(body.md5),
                            .modified_ms = stores.NowMs(),
                            .headers = std::move(headers),
                            .checksum = body.checksum,
                            .parts = 0,
                            .pieces = {body.piece}};
  const auto freed = stores.index.Put(bucket, object, precondition);
  SettleBlob(stores, body.piece.blob, freed);
  if (!freed) return WriteRefused(freed.error(), bucket, key);
  return {};
}

Answer<void> PutObject(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  if (auto valid = CheckKey(call.key); !valid) return valid;
  auto headers = HeadersToKeep(call.request.headers);
  if (!headers) return headers.error();
  const auto precondition = WriteCondition(call.request.headers);
  if (!precondition) return precondition.error();
  auto payload = Payload::Open(call.request, call.caller, {.max_bytes = kMaxPut});
  if (!payload) return payload.error();
  if (auto fine = CheckEarly(stores, call, *precondition); !fine) return fine;
  const auto body = Receive(stores, **payload);
  if (!body) return body.error();
  if (auto stored =
          StoreReceived(stores, call.bucket, call.key, *body, std::move(*headers), *precondition);
      !stored) {
    return stored;
  }
  call.response.headers.Set("ETag", Quoted(HexEncode(body->md5)));
  if (body->checksum) AddChecksumHeaders(*body->checksum, call.response.headers);
  call.response.Send(200, "");
  return {};
}

Answer<int64_t> NumberParameter(const net::Query& query, const char* name, int64_t fallback,
                                int64_t min, int64_t max) {
  if (!query.Has(name) || query.Get(name).empty()) return fallback;
  const auto number = ParseInt(query.Get(name));
  if (!number || *number < min || *number > max) {
    return InvalidArgument(std::string("Argument ") + name + " must be an integer between " +
                               std::to_string(min) + " and " + std::to_string(max),
                           name, query.Get(name));
  }
  return *number;
}

Answer<int> PartNumber(const net::Query& query) {
  const auto number = NumberParameter(query, "partNumber", 0, 1, kMaxParts);
  if (!number) return number.error();
  if (*number == 0) return InvalidArgument("This operation needs a partNumber", "partNumber", "");
  return static_cast<int>(*number);
}

void SendXml(net::ResponseWriter& response, std::string document) {
  response.headers.Set("Content-Type", "application/xml");
  response.Send(200, std::move(document));
}

std::string ListText(std::string_view text, bool url_encoded) {
  return url_encoded ? PercentEncode(text, /*keep_slash=*/true) : std::string(text);
}

}  // namespace leat::awsserver
