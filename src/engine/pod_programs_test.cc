// stage and upload against a real endpoint, with the key that the engine makes for a job.
#include "engine/pod_programs.h"

#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "base/strings.h"
#include "engine/checkpoint_sync.h"
#include "engine/objects.h"
#include "engine/testing/engine_fixture.h"
#include "io/process.h"

namespace leat::engine {
namespace {

class PodPrograms : public EngineTest {
 protected:
  // Puts the run where the programs look for it, and its key into the environment.
  void Prepare(json::Value request) {
    json::Value run = MakeRun("xgb", request);
    run.Mut("metadata").Set("uid", NewUid());
    auto job = ReadJob(run["spec"]);
    ASSERT_TRUE(job) << job.error().message;
    json::Value secret = MakeKeySecret(run, *job);
    secret.Mut("metadata").Erase("ownerReferences");
    auto made = client().Create(api::gvr::kSecrets, secret);
    ASSERT_TRUE(made) << made.error().message;
    const auto data = [&](const char* key) {
      return *Base64Decode(secret["data"][key].AsString());
    };
    setenv("AWS_ACCESS_KEY_ID", data("accessKeyId").c_str(), 1);
    setenv("AWS_SECRET_ACCESS_KEY", data("secretAccessKey").c_str(), 1);
    setenv("AWS_SESSION_TOKEN", data("sessionToken").c_str(), 1);
    setenv("AWS_REGION", "us-east-1", 1);
    setenv("AWS_ENDPOINT_URL", endpoint().c_str(), 1);
    ASSERT_TRUE(io::WriteFile(options_.run_file, json::Print(run["spec"])));
    ASSERT_TRUE(io::MakeDirs(options_.pod_info));
    ASSERT_TRUE(io::WriteFile(options_.termination_log, ""));
  }
  std::string NewUid() { return "uid-" + std::to_string(++uids_); }
  std::string Ml(const std::string& path) {
    auto text = io::ReadFile(options_.root + "/" + path);
    return text ? *text : "<absent>";
  }
  void WriteMl(const std::string& path, const std::string& text) {
    const std::string full = options_.root + "/" + path;
    ASSERT_TRUE(io::MakeDirs(full.substr(0, full.rfind('/'))));
    ASSERT_TRUE(io::WriteFile(full, text));
  }
  std::string Message() { return *io::ReadFile(options_.termination_log); }
  void Annotate(const std::string& text) {
    ASSERT_TRUE(io::WriteFile(options_.pod_info + "/annotations", text));
  }
  json::Value Report() {
    auto report = json::Parse(Message());
    EXPECT_TRUE(report) << Message();
    return report ? *report : json::Value();
  }
  // Unpacks an archive of S3 and lists it.
  std::string ListArchive(const std::string& url) {
    const std::string bytes = GetObject(url);
    const std::string file = dir_.path() + "/archive.tar.gz";
    EXPECT_TRUE(io::WriteFile(file, bytes));
    auto listed = io::Run({.argv = {"tar", "-tzf", file}}, std::chrono::seconds(10));
    return listed && listed->exit.ok() ? listed->out : "not an archive: " + bytes.substr(0, 100);
  }

  int uids_ = 0;
  PodProgramOptions options_{.run_file = dir_.path() + "/run.json",
                             .host = "algo-1",
                             .root = dir_.path() + "/ml",
                             .pod_info = dir_.path() + "/podinfo",
                             .termination_log = dir_.path() + "/termination-log"};
};

json::Value OneChannel(const std::string& uri) {
  json::Value request = XgboostRequest();
  json::Value channel = request["InputDataConfig"][0];
  channel.Mut("DataSource").Mut("S3DataSource").Set("S3Uri", uri);
  request.Set("InputDataConfig", json::Array({channel}));
  return request;
}

TEST_F(PodPrograms, StageMakesWhatTheAlgorithmExpects) {
  PutObject("s3://data/train/examples", "1,2,3\n");
  PutObject("s3://data/train/sub/more", "4\n");
  PutObject("s3://data/train/", "");  // what a console leaves for a directory
  PutObject("s3://data/validation/v", "9\n");
  Prepare(XgboostRequest());
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_EQ(Ml("input/data/train/examples"), "1,2,3\n");
  EXPECT_EQ(Ml("input/data/train/sub/more"), "4\n");
  EXPECT_EQ(Ml("input/data/validation/v"), "9\n");
  EXPECT_EQ((*json::Parse(Ml("input/config/hyperparameters.json")))["max_depth"].AsString(), "5");
  EXPECT_EQ(Ml("input/config/inputdataconfig.json"),
            R"({"train":{"ContentType":"text/csv","RecordWrapperType":"None",)"
            R"("S3DistributionType":"FullyReplicated","TrainingInputMode":"File"},)"
            R"("validation":{"ContentType":"text/csv","RecordWrapperType":"None",)"
            R"("S3DistributionType":"ShardedByS3Key","TrainingInputMode":"File"}})");
  EXPECT_EQ((*json::Parse(Ml("input/config/resourceconfig.json")))["current_host"].AsString(),
            "algo-1");
  struct stat model {};
  ASSERT_EQ(stat((options_.root + "/model").c_str(), &model), 0);
  EXPECT_EQ(model.st_mode & 0777, 0777u);
}

TEST_F(PodPrograms, StageLeavesAFastFileChannelToItsMount) {
  PutObject("s3://data/train/examples", "1,2,3\n");
  json::Value request = OneChannel("s3://data/train");
  request.Mut("AlgorithmSpecification").Set("TrainingInputMode", "FastFile");
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_TRUE(io::Exists(options_.root + "/input/data/train"));
  EXPECT_FALSE(io::Exists(options_.root + "/input/data/train/examples"));
  EXPECT_NE(Ml("input/config/inputdataconfig.json").find(R"("TrainingInputMode":"FastFile")"),
            std::string::npos);
}

TEST_F(PodPrograms, StageRefusesAFastFileChannelThatShowsNothing) {
  PutObject("s3://data/train/examples", "1,2,3\n");
  json::Value request = OneChannel("s3://data/train/examples");  // an object, no directory
  request.Mut("AlgorithmSpecification").Set("TrainingInputMode", "FastFile");
  Prepare(request);
  EXPECT_EQ(Stage(options_, {}), 1);
  EXPECT_NE(Message().find("no objects were found under s3://data/train/examples/"),
            std::string::npos)
      << Message();
}

TEST_F(PodPrograms, StageGivesEachHostItsShare) {
  for (const char* key : {"a", "b", "c"}) PutObject(std::string("s3://data/train/") + key, key);
  json::Value request = OneChannel("s3://data/train");
  request.Mut("ResourceConfig").Set("InstanceCount", 2);
  request.Mut("InputDataConfig")
      .MutItems()[0]
      .Mut("DataSource")
      .Mut("S3DataSource")
      .Set("S3DataDistributionType", "ShardedByS3Key");
  options_.host = "algo-2";
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_EQ(Ml("input/data/train/a"), "<absent>");
  EXPECT_EQ(Ml("input/data/train/b"), "b");
  EXPECT_EQ(Ml("input/data/train/c"), "<absent>");
}

TEST_F(PodPrograms, StageReadsAManifest) {
  PutObject("s3://data/dir/one", "1");
  PutObject("s3://data/dir/two", "2");
  PutObject("s3://data/manifest", R"([{"prefix": "s3://data/dir/"}, "two"])");
  json::Value request = OneChannel("s3://data/manifest");
  request.Mut("InputDataConfig")
      .MutItems()[0]
      .Mut("DataSource")
      .Mut("S3DataSource")
      .Set("S3DataType", "ManifestFile");
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_EQ(Ml("input/data/train/two"), "2");
  EXPECT_EQ(Ml("input/data/train/one"), "<absent>");
}

TEST_F(PodPrograms, StageUnpacksGzip) {
  const std::string file = dir_.path() + "/plain";
  ASSERT_TRUE(io::WriteFile(file, "hello\n"));
  auto zipped = io::Run({.argv = {"gzip", "-c", file}}, std::chrono::seconds(10));
  ASSERT_TRUE(zipped && zipped->exit.ok());
  PutObject("s3://data/train/x.csv.gz", zipped->out);
  PutObject("s3://data/train/plain.csv", "as it is\n");
  json::Value request = OneChannel("s3://data/train/");
  request.Mut("InputDataConfig").MutItems()[0].Set("CompressionType", "Gzip");
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_EQ(Ml("input/data/train/x.csv"), "hello\n");
  EXPECT_EQ(Ml("input/data/train/plain.csv"), "as it is\n");
  EXPECT_EQ(io::ListDir(options_.root + "/input/data")->size(), 1u);  // nothing left aside
}

TEST_F(PodPrograms, StageSaysWhichInputIsNotThere) {
  Prepare(OneChannel("s3://data/nothing/"));
  EXPECT_EQ(Stage(options_, {}), 1);
  EXPECT_EQ(Message(),
            "ClientError: Data download failed: channel train: no objects were found under "
            "s3://data/nothing/: check the S3Uri of the channel, and that the data has been "
            "uploaded");
  Prepare(OneChannel("s3://no-such-bucket/x"));
  EXPECT_EQ(Stage(options_, {}), 1);
  EXPECT_TRUE(Message().starts_with("ClientError: Data download failed: channel train:"));
  EXPECT_NE(Message().find("no-such-bucket"), std::string::npos) << Message();
}

TEST_F(PodPrograms, StageRefusesKeysThatLeaveTheChannel) {
  PutObject("s3://data/train/..%2F..%2Fevil", "harmless: '%' is a letter like others");
  PutObject("s3://data/train/x/../../../evil", "!");
  Prepare(OneChannel("s3://data/train/"));
  EXPECT_EQ(Stage(options_, {}), 1);
  EXPECT_NE(Message().find("cannot be a file name"), std::string::npos) << Message();
  EXPECT_FALSE(io::Exists(dir_.path() + "/evil"));
}

TEST_F(PodPrograms, StageBringsEarlierCheckpoints) {
  PutObject("s3://data/train/a", "a");
  PutObject("s3://models/ckpt/step-1", "one");
  PutObject("s3://models/ckpt-of-another/step-1", "no");
  json::Value request = OneChannel("s3://data/train/");
  request.Set("CheckpointConfig", *json::Parse(R"({"S3Uri": "s3://models/ckpt"})"));
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  EXPECT_EQ(Ml("checkpoints/step-1"), "one");
  EXPECT_EQ(io::ListDir(options_.root + "/checkpoints")->size(), 1u);
}

TEST_F(PodPrograms, UploadBringsTheModelHome) {
  Prepare(XgboostRequest());
  WriteMl("model/xgboost-model", "bytes");
  Annotate("leat.dev/exit-code=\"0\"\n");
  ASSERT_EQ(Upload(options_, {}), 0) << Message();
  EXPECT_EQ(Report()["model"].AsString(), "s3://models/out/xgb/output/model.tar.gz");
  EXPECT_EQ(ListArchive("s3://models/out/xgb/output/model.tar.gz"), "xgboost-model\n");
  EXPECT_EQ(GetObject("s3://models/out/xgb/output/output.tar.gz"), "<absent>");
}

TEST_F(PodPrograms, UploadWaitsForTheEnd) {
  Prepare(XgboostRequest());
  WriteMl("model/m", "1");
  Annotate("");
  std::jthread upload([&] { EXPECT_EQ(Upload(options_, {}), 0); });
  EXPECT_EQ(Message(), "");
  Annotate("leat.dev/exit-code=\"0\"\n");
  upload.join();
  EXPECT_TRUE(Report().Has("model"));
}

TEST_F(PodPrograms, UploadOfAFailedJobTellsTheFailureAndKeepsItsOutput) {
  Prepare(XgboostRequest());
  WriteMl("model/half", "x");
  WriteMl("output/data/report.txt", "r");
  WriteMl("output/failure", "  bad label at line 3\n");
  Annotate("leat.dev/exit-code=\"1\"\n");
  ASSERT_EQ(Upload(options_, {}), 0) << Message();
  EXPECT_EQ(Message(), R"({"failure":"bad label at line 3"})");
  EXPECT_EQ(ListArchive("s3://models/out/xgb/output/output.tar.gz"), "report.txt\n");
  EXPECT_EQ(GetObject("s3://models/out/xgb/output/model.tar.gz"), "<absent>");
}

TEST_F(PodPrograms, AFailureOfManyCharactersStaysAWholeReport) {
  Prepare(XgboostRequest());
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "\"\xF0\x9F\x98\x80";
  WriteMl("output/failure", text);
  Annotate("leat.dev/exit-code=\"1\"\n");
  ASSERT_EQ(Upload(options_, {}), 0);
  EXPECT_LE(Message().size(), 4096u);
  EXPECT_TRUE(Report()["failure"].AsString().starts_with("\"\xF0\x9F\x98\x80"));
}

TEST_F(PodPrograms, AStoppedJobsModelIsKept) {
  Prepare(XgboostRequest());
  WriteMl("model/m", "x");
  Annotate("leat.dev/exit-code=\"143\"\nleat.dev/stop=\"StopTrainingJob\"\n");
  ASSERT_EQ(Upload(options_, {}), 0);
  EXPECT_TRUE(Report().Has("model"));
}

TEST_F(PodPrograms, AStoppedJobWithoutAModelUploadsNone) {
  Prepare(XgboostRequest());
  Annotate("leat.dev/exit-code=\"143\"\nleat.dev/stop=\"StopTrainingJob\"\n");
  ASSERT_EQ(Upload(options_, {}), 0);
  EXPECT_EQ(Message(), "{}");
}

TEST_F(PodPrograms, OnlyTheFirstHostBringsTheModel) {
  json::Value request = XgboostRequest();
  request.Mut("ResourceConfig").Set("InstanceCount", 2);
  options_.host = "algo-2";
  Prepare(request);
  WriteMl("model/m", "x");
  WriteMl("output/data/mine", "y");
  Annotate("leat.dev/exit-code=\"0\"\n");
  ASSERT_EQ(Upload(options_, {}), 0);
  EXPECT_EQ(Message(), "{}");
  EXPECT_EQ(ListArchive("s3://models/out/xgb/output/algo-2/output.tar.gz"), "mine\n");
}

TEST_F(PodPrograms, UploadSaysWhyItFailed) {
  json::Value request = XgboostRequest();
  request.Mut("OutputDataConfig").Set("S3OutputPath", "s3://no-such-bucket/x");
  Prepare(request);
  WriteMl("model/m", "x");
  Annotate("leat.dev/exit-code=\"0\"\n");
  EXPECT_EQ(Upload(options_, {}), 1);
  EXPECT_TRUE(Report()["error"].AsString().starts_with("ClientError: Uploading the results failed"))
      << Message();
  EXPECT_FALSE(Report().Has("model"));
}

TEST_F(PodPrograms, CheckpointsAreHomeAtTheEnd) {
  json::Value request = XgboostRequest();
  request.Set("CheckpointConfig", *json::Parse(R"({"S3Uri": "s3://models/ckpt"})"));
  Prepare(request);
  WriteMl("checkpoints/sub/step-2", "two");
  Annotate("leat.dev/exit-code=\"1\"\n");
  ASSERT_EQ(Upload(options_, {}), 0) << Message();
  EXPECT_EQ(GetObject("s3://models/ckpt/sub/step-2"), "two");
}

TEST_F(PodPrograms, OnlyChangedCheckpointsAreUploaded) {
  PutObject("s3://models/ckpt/old", "old");
  PutObject("s3://data/train/a", "a");
  json::Value request = OneChannel("s3://data/train/");
  request.Set("CheckpointConfig", *json::Parse(R"({"S3Uri": "s3://models/ckpt"})"));
  Prepare(request);
  ASSERT_EQ(Stage(options_, {}), 0) << Message();
  WriteMl("checkpoints/new", "new");
  auto store = S3(root_);
  CheckpointSync sync(store, options_.root + "/checkpoints", {"models", "ckpt/"});
  ASSERT_TRUE(sync.SkipDownloaded({}));
  // Were it uploaded again, it would be there again.
  ASSERT_TRUE(store.Delete({"models", "ckpt/old"}));
  ASSERT_TRUE(sync.Sync({}));
  EXPECT_EQ(GetObject("s3://models/ckpt/new"), "new");
  EXPECT_EQ(GetObject("s3://models/ckpt/old"), "<absent>");
  WriteMl("checkpoints/old", "changed");
  ASSERT_TRUE(sync.Sync({}));
  EXPECT_EQ(GetObject("s3://models/ckpt/old"), "changed");
}

TEST_F(PodPrograms, UploadWaitsForAStoreThatIsAway) {
  Prepare(XgboostRequest());
  WriteMl("model/m", "1");
  Annotate("leat.dev/exit-code=\"0\"\n");
  CloseEndpoint();
  std::jthread upload([&] { EXPECT_EQ(Upload(options_, {}), 0) << Message(); });
  // Long enough for a first try to fail; were it not, the test would only be weaker.
  real_clock_.SleepFor(std::chrono::milliseconds(300), {});
  EXPECT_EQ(Message(), "");
  OpenEndpoint();
  upload.join();
  EXPECT_TRUE(Report().Has("model"));
  EXPECT_EQ(ListArchive("s3://models/out/xgb/output/model.tar.gz"), "m\n");
}

TEST_F(PodPrograms, TheJobsKeyOpensNothingElse) {
  PutObject("s3://data/secret/x", "x");
  Prepare(XgboostRequest());  // reads train and validation
  json::Value spec = MakeRun("xgb", OneChannel("s3://data/secret/"))["spec"];
  ASSERT_TRUE(io::WriteFile(options_.run_file, json::Print(spec)));
  EXPECT_EQ(Stage(options_, {}), 1);
  EXPECT_TRUE(Message().starts_with("ClientError: Data download failed: channel train:"));
  EXPECT_NE(Message().find("AccessDenied"), std::string::npos) << Message();
}

TEST_F(PodPrograms, UploadEndsWhenToldTo) {
  Prepare(XgboostRequest());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Upload(options_, stop.get_token()), 1);
  EXPECT_TRUE(Report()["stopped"].AsBool());
  EXPECT_TRUE(Report()["error"].AsString().starts_with(
      "InternalServerError: host algo-1 was stopped from outside"));
}

}  // namespace
}  // namespace leat::engine
