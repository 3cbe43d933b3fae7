#include "engine/job.h"

#include "engine/testing/engine_fixture.h"

namespace leat::engine {
namespace {

Result<Job> Read(const json::Value& request) { return ReadJob(MakeRun("xgb", request)["spec"]); }

std::string Why(const json::Value& request) {
  auto job = Read(request);
  return job ? "accepted" : job.error().message;
}

TEST(Job, ReadsARequest) {
  auto job = Read(XgboostRequest());
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->image, "example.com/xgboost:latest");
  EXPECT_EQ(job->arguments, std::vector<std::string>{"train"});
  EXPECT_EQ(job->hyperparameters.at("max_depth"), "5");
  ASSERT_EQ(job->channels.size(), 2u);
  EXPECT_EQ(job->channels[0].source.ToString(), "s3://data/train/");
  EXPECT_FALSE(job->channels[0].sharded);
  EXPECT_TRUE(job->channels[1].sharded);
  EXPECT_EQ(job->max_runtime, std::chrono::seconds(3600));
  EXPECT_EQ(job->OutputUrl("model.tar.gz").ToString(), "s3://models/out/xgb/output/model.tar.gz");
}

TEST(Job, OutputPathsNeedNoSlashAtTheirEnd) {
  json::Value request = XgboostRequest();
  request.Mut("OutputDataConfig").Set("S3OutputPath", "s3://models/out");
  EXPECT_EQ(Read(request)->OutputUrl("x").key, "out/xgb/output/x");
  request.Mut("OutputDataConfig").Set("S3OutputPath", "s3://models");
  EXPECT_EQ(Read(request)->OutputUrl("x").key, "xgb/output/x");
}

TEST(Job, RunJsonReadsBackAsTheSameJob) {
  const json::Value spec = MakeRun("xgb", XgboostRequest())["spec"];
  auto again = json::Parse(json::Print(spec));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, spec);
}

TEST(Job, SaysWhatItCannotRun) {
  json::Value request = XgboostRequest();
  json::Value& channel = request.Mut("InputDataConfig").MutItems()[0];
  channel.Set("InputMode", "Pipe");
  EXPECT_EQ(Why(request),
            "channel train: input mode Pipe is not supported yet; use File or FastFile");
  channel.Erase("InputMode");
  channel.Mut("DataSource").Mut("S3DataSource").Set("S3DataType", "AugmentedManifestFile");
  EXPECT_NE(Why(request).find("AugmentedManifestFile"), std::string::npos);
  channel.Mut("DataSource").Mut("S3DataSource").Set("S3DataType", "S3Prefix");
  channel.Set("ChannelName", "../../etc");
  EXPECT_NE(Why(request).find("cannot be the name of a channel"), std::string::npos);
  channel.Set("ChannelName", "validation");
  EXPECT_EQ(Why(request), "channel validation is there twice");
  channel.Set("ChannelName", "train");
  request.Set("CheckpointConfig", *json::Parse(R"({"S3Uri": "s3://b/c", "LocalPath": "/etc"})"));
  EXPECT_EQ(Why(request), "CheckpointConfig.LocalPath must be below /opt/ml, not /etc");
  request.Mut("CheckpointConfig").Set("LocalPath", "/opt/ml/../../etc");
  EXPECT_NE(Why(request).find("must be below"), std::string::npos);
}

TEST(Job, AFastFileChannelShowsItsPrefixAsADirectory) {
  json::Value request = XgboostRequest();
  json::Value& channels = request.Mut("InputDataConfig");
  channels.MutItems().pop_back();
  json::Value& channel = channels.MutItems()[0];
  json::Value& s3 = channel.Mut("DataSource").Mut("S3DataSource");
  request.Mut("AlgorithmSpecification").Set("TrainingInputMode", "FastFile");
  for (const auto& [uri, shown] :
       {std::pair("s3://data/train", "s3://data/train/"),
        std::pair("s3://data/train/", "s3://data/train/"), std::pair("s3://data", "s3://data/")}) {
    s3.Set("S3Uri", uri);
    const auto job = Read(request);
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->channels[0].mode, InputMode::kFastFile);
    EXPECT_EQ(MountedPrefix(job->channels[0]).ToString(), shown);
  }
  s3.Set("S3DataDistributionType", "ShardedByS3Key");
  EXPECT_EQ(Why(request),
            "channel train: S3DataDistributionType ShardedByS3Key is not supported yet with "
            "FastFile; use File");
  channel.Set("InputMode", "File");
  EXPECT_EQ(Why(request), "accepted");
}

TEST(Job, LeatsXgboostTrainsOnOneHost) {
  json::Value request = XgboostRequest();
  request.Mut("ResourceConfig").Set("InstanceCount", 2);
  EXPECT_EQ(Why(request), "accepted");
  request.Mut("AlgorithmSpecification").Set("TrainingImage", "leat.dev/xgboost");
  EXPECT_TRUE(Why(request).starts_with("Leat's XGBoost does not do distributed training"));
}

TEST(Job, ReadsS3sOwnAddresses) {
  EXPECT_EQ(ParseDataUrl("https://s3-us-west-2.amazonaws.com/bucket/a/b")->ToString(),
            "s3://bucket/a/b");
  EXPECT_EQ(ParseDataUrl("https://bucket.s3.us-west-2.amazonaws.com/a/b")->ToString(),
            "s3://bucket/a/b");
  EXPECT_EQ(ParseDataUrl("https://bucket.s3-us-west-2.amazonaws.com/a")->ToString(),
            "s3://bucket/a");
  EXPECT_FALSE(ParseDataUrl("ftp://x/y"));
}

}  // namespace
}  // namespace leat::engine
