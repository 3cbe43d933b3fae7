#include "engine/objects.h"

#include "awsserver/awsserver.h"
#include "base/strings.h"
#include "engine/testing/engine_fixture.h"

namespace leat::engine {
namespace {

class Objects : public ::testing::Test {
 protected:
  Objects() { run_.Mut("metadata").Set("uid", "2f1e"); }

  json::Value Pod(EngineOptions options = {.aws_endpoint = "http://127.0.0.1:9000"}) {
    auto job = ReadJob(run_["spec"]);
    EXPECT_TRUE(job) << job.error().message;
    return MakePod(run_, *job, "algo-1", resources_, options);
  }
  static json::Value Env(const json::Value& container, const std::string& name) {
    for (const json::Value& variable : container["env"].Items())
      if (variable["name"].AsString() == name) return variable;
    return {};
  }
  static std::string Mounts(const json::Value& container) {
    std::vector<std::string> paths;
    for (const json::Value& mount : container["volumeMounts"].Items())
      paths.push_back(mount["mountPath"].Str());
    return Join(paths, " ");
  }

  json::Value run_ = MakeRun("xgb", XgboostRequest());
  HostResources resources_{.request_milli_cpu = 1990,
                           .limit_milli_cpu = 2000,
                           .request_memory = 1 << 30,
                           .limit_memory = int64_t{2} << 30};
};

TEST_F(Objects, ThePodHasTheContainersOfTheContract) {
  const json::Value spec = Pod()["spec"];
  EXPECT_EQ(json::Print(spec["initContainers"][0]["args"]), R"(["stage","--host","algo-1"])");
  const json::Value& algorithm = spec["containers"][0];
  EXPECT_EQ(algorithm["image"].AsString(), "example.com/xgboost:latest");
  EXPECT_EQ(json::Print(algorithm["args"]), R"(["train"])");
  EXPECT_FALSE(algorithm.Has("command"));
  EXPECT_EQ(json::Print(spec["containers"][1]["args"]), R"(["upload","--host","algo-1"])");
  EXPECT_EQ(spec["restartPolicy"].AsString(), "Never");
  EXPECT_TRUE(spec["shareProcessNamespace"].AsBool());
  EXPECT_FALSE(spec["automountServiceAccountToken"].AsBool(true));
  EXPECT_EQ(json::Print(algorithm["resources"]),
            R"({"limits":{"cpu":"2","memory":"2Gi"},"requests":{"cpu":"1990m","memory":"1Gi"}})");
}

TEST_F(Objects, OnlyOurOwnContainersSeeTheRunAndTheAnnotations) {
  const json::Value spec = Pod()["spec"];
  EXPECT_EQ(Mounts(spec["containers"][0]), "/opt/ml");
  EXPECT_EQ(Mounts(spec["containers"][1]), "/opt/ml /leat/run /leat/podinfo");
  EXPECT_EQ(Mounts(spec["initContainers"][0]), "/opt/ml /leat/run /leat/podinfo");
  EXPECT_EQ(spec["volumes"][0]["emptyDir"]["sizeLimit"].AsString(), "5Gi");
}

TEST_F(Objects, TheAlgorithmFindsItsSurroundings) {
  const json::Value algorithm = Pod()["spec"]["containers"][0];
  EXPECT_EQ(Env(algorithm, "AWS_ENDPOINT_URL")["value"].AsString(), "http://127.0.0.1:9000");
  EXPECT_EQ(Env(algorithm, "SM_CHANNELS")["value"].AsString(), R"(["train","validation"])");
  EXPECT_EQ(Env(algorithm, "SM_CHANNEL_TRAIN")["value"].AsString(), "/opt/ml/input/data/train");
  EXPECT_EQ(Env(algorithm, "SM_HP_MAX_DEPTH")["value"].AsString(), "5");
  EXPECT_EQ(Env(algorithm, "SM_HP_OBJECTIVE")["value"].AsString(), "multi:softmax");
  EXPECT_EQ(Env(algorithm, "LEAT_TRAINING_IMAGE")["value"].AsString(),
            "example.com/xgboost:latest");
  EXPECT_EQ(Env(algorithm, "SM_NUM_CPUS")["value"].AsString(), "2");
  EXPECT_EQ(Env(algorithm, "AWS_ACCESS_KEY_ID")["valueFrom"]["secretKeyRef"]["name"].AsString(),
            awsserver::KeySecretName(AccessKeyId(run_)));
  EXPECT_TRUE(Env(algorithm, "AWS_CA_BUNDLE").IsNull());
}

TEST_F(Objects, ValuesAreNotExpandedAsVariables) {
  const json::Value algorithm = Pod()["spec"]["containers"][0];
  EXPECT_EQ(Env(algorithm, "SM_HP_COST___X_")["value"].AsString(), "$$(HOME)");
}

TEST_F(Objects, AnIsolatedAlgorithmGetsNoKeyButItsHelpersDo) {
  run_.Mut("spec").Mut("job").Set("EnableNetworkIsolation", true);
  const json::Value spec = Pod()["spec"];
  EXPECT_TRUE(Env(spec["containers"][0], "AWS_ACCESS_KEY_ID").IsNull());
  EXPECT_FALSE(Env(spec["containers"][1], "AWS_ACCESS_KEY_ID").IsNull());
  // Nor may it look into the helper that has one.
  EXPECT_EQ(spec["containers"][0]["securityContext"]["capabilities"]["drop"][0].AsString(),
            "AUDIT_WRITE");
  EXPECT_TRUE(spec["containers"][1]["securityContext"].IsNull());
}

TEST_F(Objects, AnOwnAuthorityIsMountedForAll) {
  const EngineOptions options{.aws_endpoint = "https://127.0.0.1:9000", .aws_ca_pem = "PEM"};
  const json::Value spec = Pod(options)["spec"];
  EXPECT_EQ(Env(spec["containers"][0], "AWS_CA_BUNDLE")["value"].AsString(), "/leat/ca/ca.crt");
  EXPECT_EQ(Mounts(spec["containers"][0]), "/opt/ml /leat/ca");
  EXPECT_EQ(*Base64Decode(MakeRunSecret(run_, options)["data"]["ca.crt"].AsString()), "PEM");
}

TEST_F(Objects, AFastFileChannelIsAVolumeOfTheAlgorithmAlone) {
  run_.Mut("spec").Mut("job").Mut("InputDataConfig").MutItems()[0].Set("InputMode", "FastFile");
  const json::Value spec = Pod({.aws_endpoint = "https://e", .aws_ca_pem = "PEM"})["spec"];
  const json::Value& volume = spec["volumes"].Items().back();
  EXPECT_EQ(volume["name"].AsString(), "channel-0");
  EXPECT_EQ(volume["csi"]["driver"].AsString(), "data.leat.dev");
  EXPECT_TRUE(volume["csi"]["readOnly"].AsBool());
  EXPECT_EQ(json::Print(volume["csi"]["volumeAttributes"]),
            R"({"ca":"PEM","endpoint":"https://e","region":"us-east-1",)"
            R"("source":"s3://data/train/"})");
  EXPECT_EQ(volume["csi"]["nodePublishSecretRef"]["name"].AsString(),
            awsserver::KeySecretName(AccessKeyId(run_)));
  EXPECT_EQ(Mounts(spec["containers"][0]), "/opt/ml /opt/ml/input/data/train /leat/ca");
  EXPECT_EQ(Mounts(spec["containers"][1]), "/opt/ml /leat/run /leat/podinfo /leat/ca");
  EXPECT_EQ(Mounts(spec["initContainers"][0]), "/opt/ml /leat/run /leat/podinfo /leat/ca");
}

TEST_F(Objects, GpuTypesAskForGpus) {
  resources_.gpus = 4;
  resources_.devices = {{"nvidia.com/gpu", 4}};
  const json::Value resources = Pod()["spec"]["containers"][0]["resources"];
  EXPECT_EQ(resources["limits"]["nvidia.com/gpu"].AsString(), "4");
  EXPECT_EQ(resources["requests"]["nvidia.com/gpu"].AsString(), "4");
}

TEST_F(Objects, TheKeyMayReadTheInputAndWriteTheOutput) {
  run_.Mut("spec").Mut("job").Set("CheckpointConfig", *json::Parse(R"({"S3Uri": "s3://c/d"})"));
  auto job = ReadJob(run_["spec"]);
  ASSERT_TRUE(job);
  const json::Value secret = MakeKeySecret(run_, *job);
  EXPECT_EQ(secret["type"].AsString(), "leat.dev/aws-key");
  EXPECT_EQ(*Base64Decode(secret["data"]["policy"].AsString()),
            R"({"read":["data/train/","data/validation"],"write":["models/out/xgb/","c/d/"]})");
  EXPECT_EQ(MakeKeySecret(run_, *job)["metadata"]["name"], secret["metadata"]["name"]);
  EXPECT_NE(MakeKeySecret(run_, *job)["data"]["secretAccessKey"],
            secret["data"]["secretAccessKey"]);
}

}  // namespace
}  // namespace leat::engine
