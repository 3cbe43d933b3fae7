// The body of an S3 upload: taken out of its aws-chunked framing, hashed while it streams by, and
// held against everything the client said about it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/chunked.h"
#include "awsserver/authenticator.h"
#include "awsserver/object_index.h"
#include "awsserver/service.h"
#include "hash/hash.h"
#include "net/server.h"

namespace leat::awsserver {

// One user. Bytes count only once Read has returned 0.
class Payload {
 public:
  struct Limits {
    uint64_t max_bytes;
    // The algorithm a multipart upload was started with: parts get it though they do not ask.
    std::optional<hash::Algorithm> checksum = {};
    // Whether x-amz-checksum- headers speak of this body (or of what it describes).
    bool checksum_of_body = true;
  };
  // Looks at the head only: MissingContentLength, EntityTooLarge, InvalidDigest, InvalidRequest.
  static Answer<std::unique_ptr<Payload>> Open(net::ServerRequest& request, const Caller& caller,
                                               const Limits& limits);
  // A plain stream of unknown length that nothing was said about (the file of a POST form).
  static std::unique_ptr<Payload> OfStream(aws::ByteSource source, uint64_t max_bytes);

  // Has a checksum computed that nobody sent. Before the first Read.
  void Compute(hash::Algorithm algorithm);

  // The next bytes; 0 at the end, when all is well. BadDigest, XAmzContentSHA256Mismatch,
  // SignatureDoesNotMatch (a signed chunk), IncompleteBody, RequestTimeout, EntityTooLarge,
  // MalformedTrailerError (a checksum that was not announced, or an announced one that is missing).
  Answer<size_t> Read(std::span<char> out);
  // The whole body, for requests that carry XML.
  Answer<std::string> ReadAll();

  // After the end.
  uint64_t size() const { return size_; }
  const std::string& md5() const { return md5_; }  // 16 bytes
  const std::optional<Checksum>& checksum() const { return checksum_; }

 private:
  Payload() = default;
  Answer<void> ReadExpectations(const net::Headers& headers);
  Answer<void> ReadChecksumHeaders(const net::Headers& headers,
                                   std::optional<hash::Algorithm> wanted);
  Answer<void> CheckTrailers() const;
  Answer<void> Verify();

  aws::ByteSource source_;
  std::unique_ptr<aws::ChunkedReader> chunked_;
  std::optional<uint64_t> expected_size_;
  uint64_t max_bytes_ = 0;
  uint64_t size_ = 0;
  bool done_ = false;

  hash::Hasher md5_hasher_{hash::Algorithm::kMd5};
  std::string md5_;
  std::string expected_md5_;  // 16 bytes, or ""
  std::optional<hash::Hasher> sha256_hasher_;
  std::string expected_sha256_;  // hex
  std::optional<hash::Algorithm> checksum_algorithm_;
  std::optional<hash::Hasher> checksum_hasher_;
  std::string expected_checksum_;  // Base64; "" when it comes in the trailer, or never
  bool checksum_in_trailer_ = false;
  std::optional<Checksum> checksum_;
};

}  // namespace leat::awsserver
