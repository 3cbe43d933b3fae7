#include "datanode/record_index.h"

#include <gtest/gtest.h>

#include <cstring>

#include "hash/hash.h"

namespace leat::datanode {
namespace {

std::string Header(uint64_t length) {
  std::string header(reinterpret_cast<const char*>(&length), sizeof length);
  const uint32_t crc = hash::Crc32c(header);
  const uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8;
  return header.append(reinterpret_cast<const char*>(&masked), sizeof masked);
}

std::string WhatIsWrong(std::string_view index, uint64_t size = 1 << 20) {
  const auto records = ParseRecordIndex(index, "train/a.idx", size);
  if (records) return "nothing";
  EXPECT_EQ(records.error().code, Code::kInvalid);
  return records.error().message;
}

TEST(RecordIndexTest, LinesOfATfRecordIndexAreOffsetAndSize) {
  const auto records = ParseRecordIndex("0 100\n100 16\r\n116\t50", "a.idx", 166);
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ((*records)[1].offset, 100u);
  EXPECT_EQ((*records)[1].length, 16u);
  EXPECT_EQ((*records)[2].offset, 116u);
  EXPECT_EQ((*records)[2].length, 50u);
}

TEST(RecordIndexTest, ASampleIsFromItsFirstHeaderToItsLastByte) {
  for (const char* index : {"v1.2 2\njpg 512 700 0/a.jpg cls 2048 1 0/a.cls\njpg 3072 5 0/b.jpg\n",
                            "v1.1 2\njpg 512 700 cls 2048 1\njpg 3072 5"}) {
    const auto samples = ParseRecordIndex(index, "a.idx", 10240);
    ASSERT_TRUE(samples) << samples.error().message;
    ASSERT_EQ(samples->size(), 2u);
    EXPECT_EQ((*samples)[0].offset, 0u);
    EXPECT_EQ((*samples)[0].length, 2049u);
    EXPECT_EQ((*samples)[1].offset, 2560u);
    EXPECT_EQ((*samples)[1].length, 517u);
  }
}

TEST(RecordIndexTest, AnEmptyIndexHasNoRecords) {
  const auto records = ParseRecordIndex("", "a.idx", 0);
  ASSERT_TRUE(records);
  EXPECT_TRUE(records->empty());
}

TEST(RecordIndexTest, WhatIsWrongIsToldWithItsFileAndLine) {
  for (const char* line : {"100", "100 16 3", "100 -16", "100 15", "x 16", "100 16x",
                           "18446744073709551615 16", "100 99999999999999999999"}) {
    const std::string said = WhatIsWrong("0 100\n" + std::string(line) + "\n");
    EXPECT_TRUE(said.starts_with("train/a.idx line 2: is not OFFSET SIZE")) << line << ": " << said;
  }
  for (const char* line :
       {"jpg", "jpg 512 5", "jpg 512 5 a.jpg cls", "jpg 513 5 a.jpg", "jpg 0 5 a.jpg",
        "jpg 512 18446744073709551615 a.jpg", "jpg 512 a.jpg 5"}) {
    const std::string said = WhatIsWrong("v1.2 2\njpg 512 5 0.jpg\n" + std::string(line) + "\n");
    EXPECT_TRUE(said.starts_with("train/a.idx line 3: is not EXTENSION OFFSET SIZE NAME"))
        << line << ": " << said;
  }
  EXPECT_NE(WhatIsWrong("v3.0 1\n").find("line 1: v3.0 is no version"), std::string::npos);
  EXPECT_NE(WhatIsWrong("v1.2\n").find("line 1: a version is followed"), std::string::npos);
  EXPECT_NE(WhatIsWrong("v1.2 3\njpg 512 5 a.jpg\n").find("line 1: says 3 samples, and 1 follow"),
            std::string::npos);
}

TEST(RecordIndexTest, AnIndexOfAnotherVersionOfTheFileIsToldOf) {
  EXPECT_NE(
      WhatIsWrong("0 50\n50 51\n", 100).find("line 2: ends at byte 101, and the file has 100"),
      std::string::npos);
  EXPECT_NE(WhatIsWrong("v1.2 1\njpg 512 5 a.jpg\n", 516).find("line 2: ends at byte 517"),
            std::string::npos);
}

TEST(RecordIndexTest, AnIndexIsLookedForUnderItsCommonNames) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(IndexPathsOf("d.x/train.v2.tfrecord"),
            (Paths{"d.x/train.v2.tfrecord.idx", "d.x/train.v2.tfrecord.index", "d.x/train.v2.idx",
                   "d.x/train.v2.index", "d.x/train.idx", "d.x/train.index"}));
  EXPECT_EQ(IndexPathsOf("train-00001-of-01024"),
            (Paths{"train-00001-of-01024.idx", "train-00001-of-01024.index"}));
  EXPECT_EQ(IndexPathsOf(".hidden"), (Paths{".hidden.idx", ".hidden.index"}));
  EXPECT_EQ(IndexPathsOf("a.idx"), (Paths{"a.idx.idx", "a.idx.index", "a.index"}));
}

TEST(RecordIndexTest, TheLengthOfARecordIsHeldAgainstItsChecksum) {
  // A known answer, so that the test and the code share no mistake.
  EXPECT_EQ(hash::Crc32c(std::string(8, '\0')), 0x8c28b28au);
  for (const uint64_t length : {uint64_t{0}, uint64_t{1000}, uint64_t{1} << 40}) {
    const auto whole = RecordLength(Header(length));
    ASSERT_TRUE(whole);
    EXPECT_EQ(*whole, length + 16);
  }
  std::string header = Header(1000);
  header[1] ^= 1;
  EXPECT_EQ(RecordLength(header).error().code, Code::kCorrupt);
  EXPECT_EQ(RecordLength(std::string(12, '\0')).error().code, Code::kCorrupt);
  EXPECT_EQ(RecordLength(Header(UINT64_MAX)).error().code, Code::kCorrupt);
  EXPECT_EQ(RecordLength(Header(5).substr(0, 11)).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace leat::datanode
