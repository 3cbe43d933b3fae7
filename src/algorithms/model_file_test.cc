#include "algorithms/model_file.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "io/process.h"

namespace leat::algorithms {
namespace {

class ModelFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view bytes) {
    const std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(io::WriteFile(path, bytes));
    return path;
  }
  // A file with a model of two columns.
  std::string WriteModel() {
    Dataset data;
    data.blocks.push_back({.rows = 4, .labels = {0, 0, 1, 1}, .values = {0, 1, 0, 2, 1, 1, 1, 2}});
    data.rows = 4;
    data.columns = 2;
    auto matrix = Matrix::FromBins(data, {});
    auto booster = Booster::Create({{"tree_method", "hist"}}, {&*matrix});
    EXPECT_TRUE(booster->Update(0, *matrix));
    return Write("xgboost-model", *booster->Save());
  }
  void Shell(const std::string& command) {
    const auto run =
        io::Run({.argv = {"sh", "-c", command}, .dir = dir_.path()}, std::chrono::seconds(20));
    ASSERT_TRUE(run && run->exit.ok()) << command;
  }

  io::TempDir dir_;
};

TEST_F(ModelFileTest, IsReadFromAFileADirectoryOrATar) {
  const std::string path = WriteModel();
  Shell("tar czf model.tar.gz ./xgboost-model && tar cf model.tar xgboost-model");
  for (const std::string& each :
       {path, dir_.path(), dir_.path() + "/model.tar.gz", dir_.path() + "/model.tar"}) {
    auto model = LoadModelFile(each);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(*model->Columns(), 2u);
  }
}

TEST_F(ModelFileTest, WhatIsNoModelIsNamed) {
  EXPECT_EQ(LoadModelFile(dir_.path() + "/absent").error().code, Code::kNotFound);
  const auto garbage = LoadModelFile(Write("garbage", "this is not a model"));
  ASSERT_FALSE(garbage);
  EXPECT_NE(garbage.error().message.find("/garbage"), std::string::npos);
  for (const std::string& text :
       {std::string("# a text of some length\n") + std::string(4096, 'x'),
        std::string("{\"a\": 1}"), std::string(4096, '\xff'), std::string(4096, '\0')}) {
    const auto loaded = LoadModelFile(Write("text", text));
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
    EXPECT_TRUE(loaded.error().message.ends_with(
        "/text: this is not an XGBoost model, or one that XGBoost 1.7 cannot read"))
        << loaded.error().message;
  }
  const std::string model = WriteModel();
  auto bytes = io::ReadFile(model);
  const auto cut = LoadModelFile(Write("cut", bytes->substr(0, bytes->size() / 2)));
  EXPECT_FALSE(cut);
  Shell("tar czf other.tar.gz garbage");
  const auto other = LoadModelFile(dir_.path() + "/other.tar.gz");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("holds no file named xgboost-model"), std::string::npos);
}

TEST_F(ModelFileTest, ReadsIdxLabelsPlainAndCompressed) {
  const std::string plain = Write("labels", std::string("\0\0\x08\x01\0\0\0\x03\x09\0\x02", 11));
  Shell("gzip -k labels");
  for (const std::string& path : {plain, plain + ".gz"}) {
    const auto labels = ReadIdxLabels(path);
    ASSERT_TRUE(labels) << labels.error().message;
    EXPECT_EQ(*labels, (std::vector<uint8_t>{9, 0, 2}));
  }
}

TEST_F(ModelFileTest, RefusesIdxFilesThatAreCutOrOfAnotherKind) {
  EXPECT_EQ(ReadIdxLabels(dir_.path() + "/absent").error().code, Code::kNotFound);
  EXPECT_FALSE(ReadIdxLabels(Write("empty", "")));
  EXPECT_FALSE(ReadIdxLabels(Write("text", "1\n2\n3\n")));
  EXPECT_FALSE(ReadIdxLabels(Write("images", std::string("\0\0\x08\x03\0\0\0\x01", 8))));
  const auto cut = ReadIdxLabels(Write("cut", std::string("\0\0\x08\x01\0\0\0\x03\x01", 9)));
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message.find("says it has 3 labels and has 1"), std::string::npos);
}

TEST(CountCorrect, TakesClassesProbabilitiesAndTheMostProbableClass) {
  EXPECT_EQ(CountCorrect({1, {3, 1, 2}}, {9, 3, 1, 1}, 1), 2u);
  EXPECT_EQ(CountCorrect({1, {0.4f, 0.5f, 0.6f}}, {0, 0, 1}, 0), 3u);
  EXPECT_EQ(CountCorrect({2, {0.9f, 0.1f, 0.2f, 0.8f}}, {0, 0}, 0), 1u);
}

}  // namespace
}  // namespace leat::algorithms
