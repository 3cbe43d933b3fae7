#include "datanode/load_order.h"

#include <gtest/gtest.h>

#include <atomic>

#include "io/file.h"

namespace leat::datanode {
namespace {

class LoadOrderTest : public testing::Test {
 protected:
  LoadOrderTest() {
    ManifestBuilder builder("s3://b/", nullptr);
    builder.Add({.key = "train/a.rec", .size = 100});
    builder.Add({.key = "train/b c.rec", .size = 200});
    builder.Add({.key = "train/b 1 2", .size = 5});
    builder.Add({.key = "train/b#1", .size = 7});
    EXPECT_TRUE(builder.Write(dir_.path() + "/manifest", 0));
    manifest_ = *Manifest::Open(dir_.path() + "/manifest");
  }

  Result<std::vector<FilePart>> Read(const std::string& order, std::string_view top = "train") {
    EXPECT_TRUE(io::WriteFileAtomic(path_, order));
    return ReadOrder(*manifest_, *manifest_->FindPath(top), path_, records_, stop_.get_token());
  }
  std::string Name(const FilePart& part) const { return manifest_->PathOf(part.index); }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/order";
  std::shared_ptr<const Manifest> manifest_;
  // Ten records of 10 bytes in each file.
  std::atomic<int> looked_up_ = 0;
  FindRecords records_ = [this](uint32_t, uint64_t) -> Result<std::vector<Extent>> {
    ++looked_up_;
    std::vector<Extent> records;
    for (uint64_t n = 0; n < 10; ++n) records.push_back({.offset = 10 * n, .length = 10});
    return records;
  };
  std::stop_source stop_;
};

TEST_F(LoadOrderTest, PathsAreWholeFilesInTheOrderGiven) {
  const auto parts = Read("b c.rec\n\na.rec\nb c.rec");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ(Name((*parts)[0]), "train/b c.rec");
  EXPECT_EQ((*parts)[0].length, 200u);
  EXPECT_EQ(Name((*parts)[1]), "train/a.rec");
  EXPECT_EQ((*parts)[1].length, 100u);
  EXPECT_EQ(Name((*parts)[2]), "train/b c.rec");
}

TEST_F(LoadOrderTest, ALineEndsWithTheFileToo) {
  const auto parts = Read("a.rec");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 1u);
  EXPECT_EQ(Name(parts->at(0)), "train/a.rec");
}

TEST_F(LoadOrderTest, ALineWithoutAnEndIsRefused) {
  const auto parts = Read("a.rec\n" + std::string(1 << 20, 'x'));
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, Code::kInvalid);
  EXPECT_EQ(parts.error().message, path_ + " line 2: is longer than a path and two numbers");
  EXPECT_FALSE(ReadOrder(*manifest_, 0, "/dev/zero", records_, stop_.get_token()));
}

TEST_F(LoadOrderTest, ThePathsAreRelativeToTheDirectory) {
  const auto parts = Read("train/a.rec\n", "");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(Name(parts->at(0)), "train/a.rec");
}

TEST_F(LoadOrderTest, LinesOfFindAndOfWindowsAreRead) {
  const auto parts = Read("./a.rec\r\n\r\n././b c.rec 50 20\r\n./a.rec#3\r\n./a.rec\r");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 4u);
  EXPECT_EQ(Name((*parts)[0]), "train/a.rec");
  EXPECT_EQ(Name((*parts)[1]), "train/b c.rec");
  EXPECT_EQ((*parts)[1].length, 20u);
  EXPECT_EQ((*parts)[2].offset, 30u);
  EXPECT_EQ(Name((*parts)[3]), "train/a.rec");
}

TEST_F(LoadOrderTest, OffsetAndLengthNameAPartWithinTheFile) {
  const auto parts = Read("b c.rec 50 20\na.rec\t90\t\t20\na.rec 200 1\n");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ(Name((*parts)[0]), "train/b c.rec");
  EXPECT_EQ((*parts)[0].offset, 50u);
  EXPECT_EQ((*parts)[0].length, 20u);
  EXPECT_EQ((*parts)[1].offset, 90u);
  EXPECT_EQ((*parts)[1].length, 10u);
  EXPECT_EQ((*parts)[2].length, 0u);
}

TEST_F(LoadOrderTest, ANameThatLooksLikeAPartIsTheName) {
  const auto parts = Read("b 1 2\n");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(Name(parts->at(0)), "train/b 1 2");
  EXPECT_EQ(parts->at(0).length, 5u);
}

TEST_F(LoadOrderTest, RecordsAreNamedByTheirNumbers) {
  const auto parts = Read("a.rec#9\nb c.rec#0-2\na.rec\na.rec#3-3\n");
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 4u);
  EXPECT_EQ(Name((*parts)[0]), "train/a.rec");
  EXPECT_EQ((*parts)[0].offset, 90u);
  EXPECT_EQ((*parts)[0].length, 10u);
  EXPECT_EQ(Name((*parts)[1]), "train/b c.rec");
  EXPECT_EQ((*parts)[1].offset, 0u);
  EXPECT_EQ((*parts)[1].length, 30u);
  EXPECT_EQ((*parts)[2].length, 100u);
  EXPECT_EQ((*parts)[3].offset, 30u);
  EXPECT_EQ((*parts)[3].length, 10u);
  EXPECT_EQ(looked_up_, 2) << "once for each file";
}

TEST_F(LoadOrderTest, ANameThatLooksLikeARecordIsTheName) {
  const auto parts = Read("b#1\n");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(Name(parts->at(0)), "train/b#1");
  EXPECT_EQ(parts->at(0).length, 7u);
  EXPECT_EQ(looked_up_, 0);
}

TEST_F(LoadOrderTest, ALineWhoseRecordsAreNotThereIsToldOf) {
  for (const char* wrong : {"a.rec#10", "b c.rec#5-10", "a.rec#x", "a.rec#", "a.rec#5-",
                            "a.rec#5-4", "a.rec#-1", "none#1", "a.rec#1 5"}) {
    const auto parts = Read("a.rec#0\n" + std::string(wrong) + "\n");
    ASSERT_FALSE(parts) << wrong;
    EXPECT_EQ(parts.error().code, Code::kNotFound);
    EXPECT_NE(parts.error().message.find("order line 2: "), std::string::npos)
        << parts.error().message;
  }
}

TEST_F(LoadOrderTest, AFileWhoseRecordsCannotBeFoundIsToldOfWithTheFirstLineThatNamesIt) {
  records_ = [](uint32_t, uint64_t) -> Result<std::vector<Extent>> {
    return Error{Code::kInvalid, "a.idx line 7: is nonsense"};
  };
  const auto parts = Read("b 1 2\na.rec#1\na.rec#0\n");
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, Code::kInvalid);
  EXPECT_EQ(parts.error().message, path_ + " line 2: a.idx line 7: is nonsense");
}

TEST_F(LoadOrderTest, AStopEndsTheLookingUp) {
  stop_.request_stop();
  EXPECT_EQ(Read("a.rec#1\n").error().code, Code::kCancelled);
}

TEST_F(LoadOrderTest, ALineThatNamesNoFileIsToldOf) {
  for (const char* wrong : {"a.rec\nnone.rec\n", "a.rec\na.rec 1\n", "a.rec\na.rec -1 5\n"}) {
    const auto parts = Read(wrong);
    ASSERT_FALSE(parts) << wrong;
    EXPECT_EQ(parts.error().code, Code::kNotFound);
    EXPECT_NE(parts.error().message.find("line 2"), std::string::npos) << parts.error().message;
  }
  EXPECT_EQ(Read("train\n", "").error().code, Code::kNotFound);  // a directory
}

TEST_F(LoadOrderTest, AnOrderOfAFileOrFromNowhereIsRefused) {
  EXPECT_EQ(Read("a.rec\n", "train/a.rec").error().code, Code::kInvalid);
  const auto parts = ReadOrder(*manifest_, 0, dir_.path() + "/absent", records_, stop_.get_token());
  ASSERT_FALSE(parts);
  EXPECT_NE(parts.error().message.find("/absent"), std::string::npos);
}

}  // namespace
}  // namespace leat::datanode
