#include "algorithms/dataset.h"

#include <gtest/gtest.h>

#include "io/file.h"

namespace leat::algorithms {
namespace {

class DatasetTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view text) {
    const std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(io::MakeDirs(path.substr(0, path.rfind('/'))));
    EXPECT_TRUE(io::WriteFile(path, text));
    return path;
  }
  static ReadOptions SmallChunks(int threads) { return {.threads = threads, .chunk_bytes = 64}; }

  io::TempDir dir_;
};

std::vector<float> AllValues(const Dataset& data) {
  std::vector<float> all;
  for (const RowBlock& block : data.blocks)
    all.insert(all.end(), block.values.begin(), block.values.end());
  return all;
}

TEST_F(DatasetTest, KeepsTheOrderOfTheRowsHoweverManyThreadsRead) {
  std::string text;
  std::vector<float> wanted;
  for (int row = 0; row < 1000; ++row) {
    text += "0," + std::to_string(row) + "," + std::to_string(row * 2) + "\n";
    wanted.push_back(static_cast<float>(row));
    wanted.push_back(static_cast<float>(row * 2));
  }
  const std::string path = Write("rows", text);
  for (const int threads : {1, 2, 7}) {
    const auto data = ReadDataset({path}, SmallChunks(threads));
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->rows, 1000u);
    EXPECT_EQ(data->columns, 2u);
    EXPECT_EQ(data->entries, 2000u);
    EXPECT_EQ(AllValues(*data), wanted);
  }
}

TEST_F(DatasetTest, ALineLongerThanAChunkIsOneRow) {
  std::string text = "1";
  for (int i = 0; i < 5000; ++i) text += ",0.25";
  const auto data = ReadDataset({Write("one", text)}, SmallChunks(2));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->rows, 1u);
  EXPECT_EQ(data->columns, 5000u);
}

TEST_F(DatasetTest, ReadsFilesOneAfterTheOtherAlsoWithoutALastNewline) {
  const auto data =
      ReadDataset({Write("a", "1,1\n1,2"), Write("b", "\n\n"), Write("c", "1,3")}, SmallChunks(2));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(AllValues(*data), (std::vector<float>{1, 2, 3}));
}

TEST_F(DatasetTest, NamesTheFirstWrongRowWhicheverThreadFindsIt) {
  std::string text;
  for (int row = 1; row <= 500; ++row) text += row == 123 || row == 400 ? "1\n" : "1,2,3,4,5,6\n";
  const std::string good = Write("a", "1,2,3,4,5,6\n");
  const std::string path = Write("b", text);
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto data = ReadDataset({good, path}, SmallChunks(4));
    ASSERT_FALSE(data);
    EXPECT_EQ(data.error().message,
              path + " line 123: the row has 1 field and the first row has 6");
  }
}

TEST_F(DatasetTest, FilesWithDifferentColumnsAreRefused) {
  const std::string second = Write("b", "1,2\n");
  const auto data = ReadDataset({Write("a", "1,2,3\n"), second}, SmallChunks(1));
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().message, second + " line 1: the row has 2 fields and the first row has 3");
}

TEST_F(DatasetTest, NoRowAtAllIsAnError) {
  const auto data = ReadDataset({Write("a", "\n \n")}, SmallChunks(2));
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().message, "there is not a single row in the data");
  EXPECT_FALSE(ReadDataset({}, SmallChunks(2)));
}

TEST_F(DatasetTest, CompressedDataIsToldApart) {
  const auto data = ReadDataset({Write("a.gz", "\x1f\x8b\x08garbage")}, SmallChunks(2));
  ASSERT_FALSE(data);
  EXPECT_NE(data.error().message.find("compressionType to Gzip"), std::string::npos);
}

TEST_F(DatasetTest, AFileThatVanishedIsNamed) {
  const auto data = ReadDataset({Write("a", "1,2\n"), dir_.path() + "/gone"}, SmallChunks(2));
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, Code::kNotFound);
  EXPECT_NE(data.error().message.find("/gone"), std::string::npos);
}

TEST_F(DatasetTest, LibsvmTakesTheWidestRowsColumns) {
  const auto data = ReadDataset({Write("a", "1 0:1\n0 7:1\n1 2:1\n")},
                                {.format = TextFormat::kLibsvm, .threads = 2, .chunk_bytes = 64});
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->sparse);
  EXPECT_EQ(data->columns, 8u);
}

TEST_F(DatasetTest, FindsFilesInAllDirectoriesSortedAndLeavesEmptyOnesOut) {
  const std::string b = Write("in/b", "1");
  const std::string nested = Write("in/a/z", "22");
  Write("in/_SUCCESS", "");
  const auto files = FindDataFiles(dir_.path() + "/in");
  ASSERT_TRUE(files);
  EXPECT_EQ(files->paths, (std::vector<std::string>{nested, b}));
  EXPECT_EQ(files->bytes, 3u);
  EXPECT_EQ(FindDataFiles(dir_.path() + "/absent").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace leat::algorithms
