#include "awsserver/payload.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/checksum.h"
#include "awsserver/s3_errors.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

AwsError BadDigest(std::string_view what) {
  return {"BadDigest",
          fmt::format("The {} you specified did not match the calculated checksum.", what), 400};
}

AwsError MalformedTrailer() {
  return {"MalformedTrailerError",
          "The request contained trailing data that was not well-formed or did not conform to our "
          "published schema.",
          400};
}

AwsError ReadFailed(const Error& error) {
  switch (error.code) {
    case Code::kUnauthorized:
      return {"SignatureDoesNotMatch", error.message, 403};
    case Code::kTimeout:
      return {"RequestTimeout",
              "Your socket connection to the server was not read from or written to within the "
              "timeout period.",
              400};
    case Code::kCancelled:
      return {"ServiceUnavailable", "The server is shutting down.", 503};
    case Code::kInvalid:
    case Code::kForbidden:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kExpired:
    case Code::kTooLarge:
    case Code::kExhausted:
    case Code::kUnavailable:
    case Code::kCorrupt:
    case Code::kUnimplemented:
    case Code::kInternal:
      break;
  }
  return {"IncompleteBody", error.message, 400};
}

}  // namespace

Answer<std::unique_ptr<Payload>> Payload::Open(net::ServerRequest& request, const Caller& caller,
                                               const Limits& limits) {
  std::unique_ptr<Payload> payload(new Payload());
  payload->max_bytes_ = limits.max_bytes;
  payload->source_ = [&request](std::span<char> out) { return request.Read(out); };
  const auto form = aws::ChunkedForm::FromPayloadHash(caller.payload_hash);
  std::optional<uint64_t> size = request.ContentLength();
  if (form) {
    const auto decoded = ParseInt(request.headers.Get("x-amz-decoded-content-length"));
    size = decoded && *decoded >= 0 ? std::optional<uint64_t>(*decoded) : std::nullopt;
  }
  if (!size) {
    return AwsError{"MissingContentLength", "You must provide the Content-Length HTTP header.",
                    411};
  }
  if (*size > limits.max_bytes) return EntityTooLarge(*size, limits.max_bytes);
  payload->expected_size_ = size;
  if (form) {
    payload->chunked_ = std::make_unique<aws::ChunkedReader>(std::move(payload->source_), *form,
                                                             caller.chunk_signing, *size);
  } else if (IsSha256Hex(caller.payload_hash)) {
    payload->expected_sha256_ = caller.payload_hash;
    payload->sha256_hasher_.emplace(hash::Algorithm::kSha256);
  } else if (caller.payload_hash != aws::kUnsignedPayload) {
    return InvalidRequest("The value of x-amz-content-sha256 header is invalid.");
  }
  if (auto read = payload->ReadExpectations(request.headers); !read) return read.error();
  if (!limits.checksum_of_body) return payload;
  if (auto read = payload->ReadChecksumHeaders(request.headers, limits.checksum); !read) {
    return read.error();
  }
  return payload;
}

std::unique_ptr<Payload> Payload::OfStream(aws::ByteSource source, uint64_t max_bytes) {
  std::unique_ptr<Payload> payload(new Payload());
  payload->source_ = std::move(source);
  payload->max_bytes_ = max_bytes;
  return payload;
}

void Payload::Compute(hash::Algorithm algorithm) {
  checksum_algorithm_ = algorithm;
  checksum_hasher_.emplace(algorithm);
}

Answer<void> Payload::ReadExpectations(const net::Headers& headers) {
  if (!headers.Has("Content-MD5")) return {};
  const auto md5 = Base64Decode(headers.Get("Content-MD5"));
  if (!md5 || md5->size() != 16) {
    return AwsError{"InvalidDigest", "The Content-MD5 you specified was invalid.", 400};
  }
  expected_md5_ = *md5;
  return {};
}

Answer<void> Payload::ReadChecksumHeaders(const net::Headers& headers,
                                          std::optional<hash::Algorithm> wanted) {
  checksum_algorithm_ = wanted;
  const std::string_view named = headers.Get("x-amz-sdk-checksum-algorithm");
  if (!named.empty() && !EqualsIgnoreCase(named, "MD5")) {
    checksum_algorithm_ = aws::ChecksumByName(named);
    if (!checksum_algorithm_) return InvalidRequest("Checksum algorithm provided is unsupported.");
  }
  const std::string trailer = Lower(headers.Get("x-amz-trailer"));
  int given = 0;
  for (const hash::Algorithm algorithm : aws::kChecksumAlgorithms) {
    const std::string header = aws::ChecksumHeader(algorithm);
    const bool in_trailer = chunked_ != nullptr && trailer == header;
    if (!headers.Has(header) && !in_trailer) continue;
    ++given;
    checksum_algorithm_ = algorithm;
    expected_checksum_ = headers.Get(header);
    checksum_in_trailer_ = in_trailer;
    const auto raw = Base64Decode(expected_checksum_);
    if (!in_trailer && (!raw || raw->size() != hash::Digest(algorithm, "").size())) {
      return InvalidRequest(fmt::format("Value for {} header is invalid.", header));
    }
  }
  if (given > 1) {
    return InvalidRequest(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are "
        "not allowed.");
  }
  if (checksum_algorithm_) Compute(*checksum_algorithm_);
  return {};
}

Answer<size_t> Payload::Read(std::span<char> out) {
  if (done_) return 0;
  const auto got = chunked_ ? chunked_->Read(out) : source_(out);
  if (!got) return ReadFailed(got.error());
  if (*got == 0) {
    done_ = true;
    if (auto verified = Verify(); !verified) return verified.error();
    return 0;
  }
  size_ += *got;
  if (size_ > max_bytes_) return EntityTooLarge(size_, max_bytes_);
  const std::string_view bytes(out.data(), *got);
  md5_hasher_.Update(bytes);
  if (sha256_hasher_) sha256_hasher_->Update(bytes);
  if (checksum_hasher_) checksum_hasher_->Update(bytes);
  return *got;
}

// A checksum that x-amz-trailer did not announce was not computed, so it cannot be verified.
Answer<void> Payload::CheckTrailers() const {
  if (!chunked_) return {};
  for (const auto& [name, value] : chunked_->trailers().all()) {
    const bool announced =
        checksum_in_trailer_ && name == aws::ChecksumHeader(*checksum_algorithm_);
    if (name.starts_with("x-amz-checksum-") && !announced) return MalformedTrailer();
  }
  return {};
}

Answer<void> Payload::Verify() {
  if (expected_size_ && *expected_size_ != size_) {
    return AwsError{"IncompleteBody",
                    "You did not provide the number of bytes specified by the Content-Length HTTP "
                    "header",
                    400};
  }
  md5_ = md5_hasher_.Finish();
  if (!expected_md5_.empty() && md5_ != expected_md5_) return BadDigest("Content-MD5");
  if (sha256_hasher_) {
    const std::string actual = HexEncode(sha256_hasher_->Finish());
    if (actual != expected_sha256_) {
      return AwsError{
          "XAmzContentSHA256Mismatch",
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
          400,
          {{"ClientComputedContentSHA256", expected_sha256_}, {"S3ComputedContentSHA256", actual}}};
    }
  }
  if (auto announced = CheckTrailers(); !announced) return announced;
  if (!checksum_hasher_) return {};
  checksum_ = Checksum{*checksum_algorithm_, true, Base64Encode(checksum_hasher_->Finish())};
  if (checksum_in_trailer_) {
    expected_checksum_ = chunked_->trailers().Get(aws::ChecksumHeader(*checksum_algorithm_));
    if (expected_checksum_.empty()) return MalformedTrailer();
  }
  if (!expected_checksum_.empty() && expected_checksum_ != checksum_->value) {
    return BadDigest(aws::ChecksumName(*checksum_algorithm_));
  }
  return {};
}

Answer<std::string> Payload::ReadAll() {
  std::string all;
  char buffer[16 << 10];
  while (true) {
    const auto got = Read(buffer);
    if (!got) return got.error();
    if (*got == 0) return all;
    all.append(buffer, *got);
  }
}

}  // namespace leat::awsserver
