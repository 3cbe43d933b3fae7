// aws-chunked: the framing inside a request body that lets S3 clients sign a stream piece by piece,
// or send a checksum after it.
//
//   10000;chunk-signature=ad80c7...\r\n<65536 bytes>\r\n
//   0;chunk-signature=b6c6ea...\r\n
//   x-amz-checksum-crc32c:sOO8/Q==\r\n
//   x-amz-trailer-signature:...\r\n\r\n
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hash/hash.h"
#include "net/http.h"

namespace leat::aws {

// Reads the next bytes; 0 at the end.
using ByteSource = std::function<Result<size_t>(std::span<char>)>;

// The four forms of x-amz-content-sha256 that mean aws-chunked.
struct ChunkedForm {
  bool signed_chunks = false;
  bool trailer = false;
  // "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "...-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  // nullopt for everything else.
  static std::optional<ChunkedForm> FromPayloadHash(std::string_view value);
};

// What the first chunk's signature builds on: the request's own.
struct ChunkSigning {
  std::string signing_key;
  std::string amz_date;
  std::string scope;           // Scope::ToString
  std::string seed_signature;  // of the request's head
};

// Decodes a body as it is read. Bytes handed out are proven only once Read has returned 0; the
// caller must not let them count before. One user.
class ChunkedReader {
 public:
  // `decoded_length`: x-amz-decoded-content-length; the chunks must add up to it.
  ChunkedReader(ByteSource source, ChunkedForm form, ChunkSigning signing, uint64_t decoded_length);

  // kInvalid: malformed, or not decoded_length bytes; kUnauthorized: a signature does not match.
  Result<size_t> Read(std::span<char> out);
  // The headers after the last chunk; complete once Read has returned 0.
  const net::Headers& trailers() const { return trailers_; }

 private:
  Result<std::string> Line();
  Result<bool> Fill();
  Status StartChunk();
  Status EndChunk();
  Status CheckChunk(std::string_view chunk_hash);
  Status ReadTrailers();

  const ByteSource source_;
  const ChunkedForm form_;
  const ChunkSigning signing_;
  const uint64_t decoded_length_;
  std::string buffer_;
  size_t at_ = 0;  // in buffer_
  uint64_t chunk_left_ = 0;
  bool in_chunk_ = false;
  bool done_ = false;
  uint64_t total_ = 0;
  std::optional<hash::Hasher> chunk_hash_;
  std::string previous_signature_;
  std::string chunk_signature_;
  net::Headers trailers_;
};

// The signature of one chunk, for those who send them.
std::string ChunkSignature(const ChunkSigning& signing, std::string_view previous,
                           std::string_view chunk_hash);

}  // namespace leat::aws
