#include "algorithms/training_input.h"

#include <gtest/gtest.h>

#include "io/file.h"

namespace leat::algorithms {
namespace {

class TrainingInputTest : public testing::Test {
 protected:
  TrainingInputTest() {
    EXPECT_TRUE(io::MakeDirs(dir_.path() + "/input/config"));
    Config("hyperparameters", R"({"num_round": "3"})");
    Config("inputdataconfig", R"({"train": {"ContentType": "text/csv"}})");
    Config("resourceconfig", R"({"current_host": "algo-1", "hosts": ["algo-1"]})");
  }
  void Config(const std::string& name, std::string_view json) {
    EXPECT_TRUE(io::WriteFile(dir_.path() + "/input/config/" + name + ".json", json));
  }
  Result<TrainingInput> Read() { return ReadTrainingInput(dir_.path(), 2); }
  std::string Refusal() {
    const auto input = Read();
    return input ? "" : input.error().message;
  }

  io::TempDir dir_;
};

TEST_F(TrainingInputTest, ReadsTheThreeConfigFiles) {
  Config("inputdataconfig",
         R"({"train": {"ContentType": "text/csv; label_size=1", "TrainingInputMode": "File",
                       "S3DistributionType": "ShardedByS3Key", "RecordWrapperType": "None"},
             "validation": {"TrainingInputMode": "FastFile"}})");
  const auto input = Read();
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->hyperparameters.num_round, 3);
  EXPECT_EQ(input->hyperparameters.threads, 2);
  EXPECT_EQ(input->train.dir, dir_.path() + "/input/data/train");
  EXPECT_EQ(input->train.format, TextFormat::kCsv);
  EXPECT_EQ(input->train.distribution, "ShardedByS3Key");
  ASSERT_TRUE(input->validation);
  EXPECT_EQ(input->validation->format, TextFormat::kLibsvm);
  EXPECT_EQ(input->validation->distribution, "FullyReplicated");
}

TEST_F(TrainingInputTest, MoreThanOneHostIsRefused) {
  Config("resourceconfig", R"({"hosts": ["algo-1", "algo-2"]})");
  EXPECT_EQ(Refusal(),
            "This job runs on 2 hosts, and distributed XGBoost training comes in a later version; "
            "set instanceCount to 1");
}

TEST_F(TrainingInputTest, ChannelsAreTrainAndValidation) {
  Config("inputdataconfig", R"({"validation": {}})");
  EXPECT_EQ(Refusal(), "Missing required channel: train");
  Config("inputdataconfig", R"({"train": {}, "test": {}})");
  EXPECT_NE(Refusal().find("Extraneous channel found: test"), std::string::npos);
}

TEST_F(TrainingInputTest, PipeModeAndRecordIoAreRefused) {
  Config("inputdataconfig", R"({"train": {"TrainingInputMode": "Pipe"}})");
  EXPECT_EQ(Refusal(), "Channel train: input mode Pipe is not supported; use File");
  Config("inputdataconfig", R"({"train": {"RecordWrapperType": "RecordIO"}})");
  EXPECT_NE(Refusal().find("record wrapper RecordIO"), std::string::npos);
}

TEST_F(TrainingInputTest, BrokenJsonIsNamedByItsFile) {
  Config("hyperparameters", "{");
  EXPECT_NE(Refusal().find("/input/config/hyperparameters.json"), std::string::npos);
  Config("hyperparameters", "[]");
  EXPECT_NE(Refusal().find("is not a JSON object"), std::string::npos);
}

TEST_F(TrainingInputTest, WeightsNeedCsv) {
  Config("hyperparameters", R"({"num_round": "3", "csv_weights": "1"})");
  Config("inputdataconfig", R"({"train": {}})");
  EXPECT_NE(Refusal().find("csv_weights"), std::string::npos);
}

TEST(ContentType, SupportsCsvAndLibsvm) {
  EXPECT_EQ(*ParseContentType(""), TextFormat::kLibsvm);
  EXPECT_EQ(*ParseContentType("text/libsvm"), TextFormat::kLibsvm);
  EXPECT_EQ(*ParseContentType("text/x-libsvm"), TextFormat::kLibsvm);
  EXPECT_EQ(*ParseContentType("text/csv"), TextFormat::kCsv);
  EXPECT_EQ(*ParseContentType("csv"), TextFormat::kCsv);
  EXPECT_EQ(*ParseContentType("libsvm"), TextFormat::kLibsvm);
  EXPECT_EQ(*ParseContentType("Text/CSV; label_size=1; charset=utf-8"), TextFormat::kCsv);
}

TEST(ContentType, NamesWhatItDoesNotSupport) {
  for (const char* type : {"application/x-parquet", "application/x-recordio-protobuf", "tsv"}) {
    const auto format = ParseContentType(type);
    ASSERT_FALSE(format);
    EXPECT_NE(format.error().message.find(type), std::string::npos);
    EXPECT_NE(format.error().message.find("text/csv"), std::string::npos);
  }
  EXPECT_NE(ParseContentType("text/csv;label_size=0").error().message.find("label_size=0"),
            std::string::npos);
}

}  // namespace
}  // namespace leat::algorithms
