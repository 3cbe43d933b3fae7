#include "hash/hash.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "hash/crc.h"

namespace leat::hash {
namespace {

constexpr Algorithm kAll[] = {Algorithm::kCrc32, Algorithm::kCrc32c, Algorithm::kCrc64Nvme,
                              Algorithm::kMd5,   Algorithm::kSha1,   Algorithm::kSha256};

std::string Hex(Algorithm algorithm, std::string_view bytes) {
  return HexEncode(Digest(algorithm, bytes));
}

std::string Noise(size_t size) {
  std::string bytes;
  uint32_t x = 1;
  for (size_t i = 0; i < size; ++i)
    bytes += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST(Digest, AnswersTheCheckValuesOfTheCrcs) {
  EXPECT_EQ(Hex(Algorithm::kCrc32, "123456789"), "cbf43926");
  EXPECT_EQ(Hex(Algorithm::kCrc32c, "123456789"), "e3069283");
  EXPECT_EQ(Hex(Algorithm::kCrc64Nvme, "123456789"), "ae8b14860a799888");
}

TEST(Digest, AnswersTheVectorsOfTheRfcs) {
  EXPECT_EQ(Hex(Algorithm::kMd5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Hex(Algorithm::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(Algorithm::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 3720, B.4: 32 zeros, 32 ones, 0..31.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(Crc32c(rising), 0x46DD794Eu);
}

TEST(Digest, AnswersTheKnownValuesOfNothing) {
  EXPECT_EQ(Hex(Algorithm::kCrc32, {}), "00000000");
  EXPECT_EQ(Hex(Algorithm::kCrc32c, {}), "00000000");
  EXPECT_EQ(Hex(Algorithm::kCrc64Nvme, {}), "0000000000000000");
  EXPECT_EQ(Hex(Algorithm::kMd5, {}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Hex(Algorithm::kSha1, {}), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(Hex(Algorithm::kSha256, {}),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The vectors published with the NVM command set: 4 KiB of zeros and of ones.
TEST(Digest, Crc64NvmeAnswersTheVectorsOfItsSpecification) {
  EXPECT_EQ(Hex(Algorithm::kCrc64Nvme, std::string(4096, '\0')), "6482d367eb22b64e");
  EXPECT_EQ(Hex(Algorithm::kCrc64Nvme, std::string(4096, '\xFF')), "c0ddba7302eca3ac");
}

TEST(Hasher, DoesNotCareHowTheBytesAreCut) {
  const std::string bytes = Noise(1000);
  for (const Algorithm algorithm : kAll)
    for (const size_t piece : {1, 3, 7, 8, 9, 64, 999}) {
      Hasher hasher(algorithm);
      hasher.Update({});
      for (size_t at = 0; at < bytes.size(); at += piece)
        hasher.Update(std::string_view(bytes).substr(at, piece));
      EXPECT_EQ(hasher.Finish(), Digest(algorithm, bytes)) << piece;
    }
}

TEST(Hasher, MovesWithItsState) {
  Hasher a(Algorithm::kSha256);
  a.Update("ab");
  Hasher b(std::move(a));
  b.Update("c");
  EXPECT_EQ(b.Finish(), Digest(Algorithm::kSha256, "abc"));
}

// By its definition, a bit at a time.
uint32_t PlainCrc32c(uint32_t before, std::string_view bytes) {
  uint32_t crc = ~before;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
  }
  return ~crc;
}

TEST(Crc32c, IsRightAtEveryAlignmentAndLength) {
  const std::string bytes = Noise(5000);
  for (size_t begin = 0; begin < 65; ++begin)
    for (size_t size = 0; size + begin <= bytes.size(); size += size < 300 ? 13 : 977) {
      const std::string_view piece = std::string_view(bytes).substr(begin, size);
      EXPECT_EQ(Crc32c(piece, 7), PlainCrc32c(7, piece)) << begin << " " << size;
    }
}

TEST(Crc32c, TheSeedIsTheChecksumOfTheBytesBefore) {
  EXPECT_EQ(Crc32c("56789", Crc32c("1234")), Crc32c("123456789"));
}

TEST(Hmac, AnswersTheVectorsOfTheRfcs) {
  const std::string key(20, '\x0B');
  EXPECT_EQ(HexEncode(HmacSha256(key, "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(HmacSha256(std::string(131, '\xAA'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HexEncode(HmacSha1(key, "Hi There")), "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(HexEncode(HmacSha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Hmac, TakesAnEmptyKeyAndMessage) {
  EXPECT_EQ(HexEncode(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_EQ(HmacSha256("", "x"), HmacSha256({}, "x"));
}

TEST(ConstantTimeEquals, ComparesContentsAndLengths) {
  EXPECT_TRUE(ConstantTimeEquals("secret", std::string("secret")));
  EXPECT_FALSE(ConstantTimeEquals("secret", "secreT"));
  EXPECT_FALSE(ConstantTimeEquals("secret", "secrets"));
  EXPECT_FALSE(ConstantTimeEquals("", "x"));
  EXPECT_TRUE(ConstantTimeEquals({}, ""));
}

}  // namespace
}  // namespace leat::hash
