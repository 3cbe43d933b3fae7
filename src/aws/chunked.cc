#include "aws/chunked.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "aws/sigv4.h"
#include "base/strings.h"

namespace leat::aws {
namespace {

constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxTrailers = 16 << 10;
constexpr size_t kBufferSize = 8192;

Result<uint64_t> ParseHexSize(std::string_view digits) {
  if (digits.empty() || digits.size() > 12) {
    return Error{Code::kInvalid, "aws-chunked: malformed chunk size"};
  }
  uint64_t size = 0;
  for (const char c : digits) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      size = size << 4 | static_cast<uint64_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      size = size << 4 | static_cast<uint64_t>(lower - 'a' + 10);
    } else {
      return Error{Code::kInvalid, "aws-chunked: malformed chunk size"};
    }
  }
  return size;
}

}  // namespace

std::optional<ChunkedForm> ChunkedForm::FromPayloadHash(std::string_view value) {
  if (value == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return ChunkedForm{.signed_chunks = true};
  if (value == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    return ChunkedForm{.signed_chunks = true, .trailer = true};
  }
  if (value == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return ChunkedForm{.trailer = true};
  return std::nullopt;
}

std::string ChunkSignature(const ChunkSigning& signing, std::string_view previous,
                           std::string_view chunk_hash) {
  return Signature(signing.signing_key,
                   fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", signing.amz_date,
                               signing.scope, previous, kEmptySha256, chunk_hash));
}

ChunkedReader::ChunkedReader(ByteSource source, ChunkedForm form, ChunkSigning signing,
                             uint64_t decoded_length)
    : source_(std::move(source)),
      form_(form),
      signing_(std::move(signing)),
      decoded_length_(decoded_length),
      previous_signature_(signing_.seed_signature) {}

// Reads more into the buffer; false at the end of the source.
Result<bool> ChunkedReader::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t old_size = buffer_.size();
  buffer_.resize(old_size + kBufferSize);
  const auto got = source_(std::span(buffer_.data() + old_size, kBufferSize));
  buffer_.resize(old_size + (got ? *got : 0));
  if (!got) return got.error();
  return *got > 0;
}

// The next line without its end.
Result<std::string> ChunkedReader::Line() {
  while (true) {
    const size_t end = buffer_.find('\n', at_);
    if (end != std::string::npos) {
      std::string line(Trim(std::string_view(buffer_).substr(at_, end - at_)));
      at_ = end + 1;
      return line;
    }
    if (buffer_.size() - at_ > kMaxLine) {
      return Error{Code::kInvalid, "aws-chunked: a chunk header is too long"};
    }
    const auto more = Fill();
    if (!more) return more.error();
    if (!*more) return Error{Code::kInvalid, "aws-chunked: the body ends inside a chunk"};
  }
}

Status ChunkedReader::StartChunk() {
  const auto line = Line();
  if (!line) return line.error();
  const auto cut = Cut(*line, ";");
  const auto size = ParseHexSize(cut ? cut->first : std::string_view(*line));
  if (!size) return size.error();
  if (form_.signed_chunks) {
    const auto pair = cut ? Cut(cut->second, "=") : std::nullopt;
    if (!pair || pair->first != "chunk-signature") {
      return Error{Code::kInvalid, "aws-chunked: a chunk without chunk-signature"};
    }
    chunk_signature_ = pair->second;
    chunk_hash_.emplace(hash::Algorithm::kSha256);
  }
  if (*size > decoded_length_ - total_) {
    return Error{Code::kInvalid, "aws-chunked: more bytes than x-amz-decoded-content-length"};
  }
  chunk_left_ = *size;
  in_chunk_ = true;
  if (*size > 0) return {};
  if (total_ != decoded_length_) {
    return Error{Code::kInvalid, "aws-chunked: fewer bytes than x-amz-decoded-content-length"};
  }
  if (form_.signed_chunks) {
    if (auto checked = CheckChunk(kEmptySha256); !checked) return checked;
  }
  return ReadTrailers();
}

Status ChunkedReader::EndChunk() {
  in_chunk_ = false;
  const auto line = Line();
  if (!line) return line.error();
  if (!line->empty()) {
    return Error{Code::kInvalid, "aws-chunked: a chunk is longer than its size says"};
  }
  if (!form_.signed_chunks) return {};
  return CheckChunk(HexEncode(chunk_hash_->Finish()));
}

Status ChunkedReader::CheckChunk(std::string_view chunk_hash) {
  const std::string expected = ChunkSignature(signing_, previous_signature_, chunk_hash);
  if (!hash::ConstantTimeEquals(expected, chunk_signature_)) {
    return Error{Code::kUnauthorized, "the signature of a chunk does not match its bytes"};
  }
  previous_signature_ = expected;
  return {};
}

Status ChunkedReader::ReadTrailers() {
  done_ = true;
  // Clients differ in how they separate trailers; all of them end with the body.
  while (true) {
    const auto more = Fill();
    if (!more) return more.error();
    if (!*more) break;
    if (buffer_.size() > kMaxTrailers) {
      return Error{Code::kInvalid, "aws-chunked: the trailers are too long"};
    }
  }
  std::string canonical, signature;
  for (const std::string_view raw : Split(std::string_view(buffer_).substr(at_), '\n')) {
    const std::string_view line = Trim(raw);
    if (line.empty()) continue;
    const auto pair = Cut(line, ":");
    if (!pair || !form_.trailer) return Error{Code::kInvalid, "aws-chunked: malformed trailer"};
    const std::string name = Lower(Trim(pair->first));
    const std::string_view value = Trim(pair->second);
    if (name == "x-amz-trailer-signature") {
      signature = value;
      continue;
    }
    trailers_.Add(name, value);
    canonical += fmt::format("{}:{}\n", name, value);
  }
  if (!form_.signed_chunks || !form_.trailer) return {};
  const std::string expected =
      Signature(signing_.signing_key,
                fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", signing_.amz_date,
                            signing_.scope, previous_signature_, Sha256Hex(canonical)));
  if (!hash::ConstantTimeEquals(expected, signature)) {
    return Error{Code::kUnauthorized, "the signature of the trailers does not match"};
  }
  return {};
}

Result<size_t> ChunkedReader::Read(std::span<char> out) {
  while (!done_ && chunk_left_ == 0) {
    if (in_chunk_) {
      if (auto ended = EndChunk(); !ended) return ended.error();
    } else if (auto started = StartChunk(); !started) {
      return started.error();
    }
  }
  if (done_ || out.empty()) return 0;
  size_t n = std::min<uint64_t>(out.size(), chunk_left_);
  if (at_ < buffer_.size()) {
    n = std::min(n, buffer_.size() - at_);
    std::memcpy(out.data(), buffer_.data() + at_, n);
    at_ += n;
  } else {
    const auto got = source_(out.first(n));
    if (!got) return got.error();
    if (*got == 0) return Error{Code::kInvalid, "aws-chunked: the body ends inside a chunk"};
    n = *got;
  }
  if (chunk_hash_) chunk_hash_->Update({out.data(), n});
  chunk_left_ -= n;
  total_ += n;
  return n;
}

}  // namespace leat::aws
