#include "datanode/load_order.h"

#include <gtest/gtest.h>

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
    EXPECT_TRUE(builder.Write(dir_.path() + "/manifest", 0));
    manifest_ = *Manifest::Open(dir_.path() + "/manifest");
  }

  Result<std::vector<FilePart>> Read(const std::string& order, std::string_view top = "train") {
    EXPECT_TRUE(io::WriteFileAtomic(path_, order));
    return ReadOrder(*manifest_, *manifest_->FindPath(top), path_);
  }
  std::string Name(const FilePart& part) const { return manifest_->PathOf(part.index); }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/order";
  std::shared_ptr<const Manifest> manifest_;
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

TEST_F(LoadOrderTest, ThePathsAreRelativeToTheDirectory) {
  const auto parts = Read("train/a.rec\n", "");
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(Name(parts->at(0)), "train/a.rec");
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
  const auto parts = ReadOrder(*manifest_, 0, dir_.path() + "/absent");
  ASSERT_FALSE(parts);
  EXPECT_NE(parts.error().message.find("/absent"), std::string::npos);
}

}  // namespace
}  // namespace leat::datanode
