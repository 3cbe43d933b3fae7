#include "aws/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "aws/sigv4.h"

namespace leat::aws {
namespace {

const std::string kFirst(65536, 'a');
const std::string kSecond(1024, 'a');

// Amazon's worked example of a signed upload in chunks.
ChunkSigning ExampleSigning() {
  const Scope scope{"20130524", "us-east-1", "s3"};
  return {.signing_key = SigningKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", scope),
          .amz_date = "20130524T000000Z",
          .scope = scope.ToString(),
          .seed_signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
}

std::string ExampleBody() {
  return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
         "\r\n" +
         kFirst +
         "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
         "\r\n" +
         kSecond +
         "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
         "\r\n\r\n";
}

// Gives the text in pieces of at most `step` bytes.
ByteSource Pieces(std::string text, size_t step) {
  return [text = std::move(text), step, at = size_t{0}](std::span<char> out) mutable {
    const size_t n = std::min({step, out.size(), text.size() - at});
    std::memcpy(out.data(), text.data() + at, n);
    at += n;
    return Result<size_t>(n);
  };
}

Result<std::string> ReadAll(ChunkedReader& reader) {
  std::string all;
  char buffer[1000];
  while (true) {
    const auto got = reader.Read(buffer);
    if (!got) return got.error();
    if (*got == 0) return all;
    all.append(buffer, *got);
  }
}

constexpr ChunkedForm kSigned{.signed_chunks = true, .trailer = false};
constexpr ChunkedForm kUnsignedTrailer{.signed_chunks = false, .trailer = true};

TEST(Chunked, AcceptsSignedChunksHoweverTheyArrive) {
  for (const size_t step : {size_t{1} << 20, size_t{4096}, size_t{13}}) {
    ChunkedReader reader(Pieces(ExampleBody(), step), kSigned, ExampleSigning(), 66560);
    const auto all = ReadAll(reader);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_TRUE(*all == kFirst + kSecond);
  }
}

TEST(Chunked, AChangedByteIsRefused) {
  std::string body = ExampleBody();
  body[70'000 - 4000] = 'b';
  ChunkedReader reader(Pieces(body, 4096), kSigned, ExampleSigning(), 66560);
  const auto all = ReadAll(reader);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Code::kUnauthorized);
}

TEST(Chunked, TheLengthMustBeTheDeclaredOne) {
  for (const uint64_t declared : {66559, 66561}) {
    ChunkedReader reader(Pieces(ExampleBody(), 4096), kSigned, ExampleSigning(), declared);
    const auto all = ReadAll(reader);
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().code, Code::kInvalid);
  }
}

TEST(Chunked, ABodyCutShortIsRefused) {
  const std::string body = ExampleBody();
  for (const size_t length :
       {size_t{0}, size_t{5}, size_t{100}, size_t{66000}, body.size() - 100}) {
    ChunkedReader reader(Pieces(body.substr(0, length), 4096), kSigned, ExampleSigning(), 66560);
    EXPECT_FALSE(ReadAll(reader)) << length;
  }
}

TEST(Chunked, TrailersAreHandedOver) {
  ChunkedReader reader(Pieces("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", 7),
                       kUnsignedTrailer, {}, 5);
  const auto all = ReadAll(reader);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, "hello");
  EXPECT_EQ(reader.trailers().Get("x-amz-checksum-crc32"), "NhCmhg==");
}

TEST(Chunked, RefusesNonsense) {
  for (const char* body :
       {"", "\r\n", "x\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "-5\r\n", "fffffffffffffffff\r\n",
        "5;chunk-signature\r\nhello\r\n", "5\r\nhello\r\n0\r\nno colon\r\n\r\n"}) {
    ChunkedReader reader(Pieces(body, 3), kUnsignedTrailer, {}, 5);
    EXPECT_FALSE(ReadAll(reader)) << body;
  }
}

TEST(Chunked, SignedTrailersAreChecked) {
  const ChunkSigning signing = ExampleSigning();
  const std::string chunk = ChunkSignature(
      signing, signing.seed_signature,
      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");  // "hello"
  const std::string last = ChunkSignature(signing, chunk, kEmptySha256);
  const std::string body = "5;chunk-signature=" + chunk + "\r\nhello\r\n0;chunk-signature=" + last +
                           "\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:";
  ChunkedReader forged(Pieces(body + std::string(64, '0') + "\r\n\r\n", 50),
                       {.signed_chunks = true, .trailer = true}, signing, 5);
  const auto all = ReadAll(forged);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Code::kUnauthorized);
}

}  // namespace
}  // namespace leat::aws
