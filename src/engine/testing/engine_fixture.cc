#include "engine/testing/engine_fixture.h"

#include <fmt/format.h>

#include "io/testing/source_tree.h"
#include "json/yaml.h"

namespace leat::engine {

Status WrittenLogs::Read(const api::ObjectName& pod, const api::PodLogOptions& options,
                         const std::function<bool(std::string_view)>& sink,
                         const std::stop_token& stop) {
  size_t next = 0;
  mu_.lock();
  const int cuts = cuts_;
  mu_.unlock();
  while (true) {
    std::string line;
    {
      MutexLock lock(mu_);
      Written& log = logs_[pod.name];
      changed_.Wait(mu_, stop,
                    [&] { return next < log.lines.size() || !log.open || cuts_ != cuts; });
      if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
      if (cuts_ != cuts) return Error{Code::kUnavailable, "the node went away"};
      if (next == log.lines.size()) return {};
      line = log.lines[next++];
    }
    const auto time = ParseTime(line.substr(0, line.find(' ')));
    if (options.since && time && *time < *options.since) continue;
    if (!sink(line + "\n")) return {};
  }
}

void WrittenLogs::Write(const std::string& pod, const std::vector<std::string>& lines) {
  MutexLock lock(mu_);
  Written& log = logs_[pod];
  log.lines.insert(log.lines.end(), lines.begin(), lines.end());
  changed_.NotifyAll();
}

void WrittenLogs::HoldOpen(const std::string& pod) {
  MutexLock lock(mu_);
  logs_[pod].open = true;
}

void WrittenLogs::End(const std::string& pod) {
  MutexLock lock(mu_);
  logs_[pod].open = false;
  changed_.NotifyAll();
}

void WrittenLogs::CutOff() {
  MutexLock lock(mu_);
  ++cuts_;
  changed_.NotifyAll();
}

json::Value XgboostRequest() {
  return *json::Parse(R"json({
    "AlgorithmSpecification": {"TrainingImage": "example.com/xgboost:latest",
                               "TrainingInputMode": "File"},
    "HyperParameters": {"max_depth": "5", "objective": "multi:softmax", "cost-$(x)": "$(HOME)"},
    "InputDataConfig": [
      {"ChannelName": "train", "ContentType": "text/csv", "CompressionType": "None",
       "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/",
                                       "S3DataDistributionType": "FullyReplicated"}}},
      {"ChannelName": "validation", "ContentType": "text/csv",
       "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/validation",
                                       "S3DataDistributionType": "ShardedByS3Key"}}}],
    "OutputDataConfig": {"S3OutputPath": "s3://models/out/"},
    "ResourceConfig": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {
  "MaxRuntimeInSeconds" : 3600
}
})json");
}

json::Value MakeRun(const std::string& name, const json::Value& request) {
  return json::Object(
      {{"apiVersion", "leat.dev/v1alpha1"},
       {"kind", "TrainingRun"},
       {"metadata", json::Object({{"name", name}, {"namespace", awsserver::kEngineNamespace}})},
       {"spec", json::Object({{"region", "us-east-1"},
                              {"trainingJobName", name},
                              {"trainingJobArn",
                               "arn:aws:sagemaker:us-east-1:000000000000:"
                               "training-job/" +
                                   name},
                              {"job", request}})}});
}

EngineTest::EngineTest() {
  auto store = store::Store::Open({.path = dir_.path() + "/objects.db"}, clock_);
  auto server = apiserver::ApiServer::Start({.access = {.bearer_token = "token"}}, **store, clock_);
  store_ = std::move(*store);
  apiserver_ = std::move(*server);
  apiserver_->SetPodLogs(&pod_logs_);

  auto text = io::ReadFile(io::FindInTree("crds/trainingruns.yaml"));
  if (!text) ADD_FAILURE() << text.error().message;
  auto crd = json::ParseYaml(text ? *text : "");
  auto made = client().Create(api::gvr::kCustomResourceDefinitions, crd->front());
  if (!made) ADD_FAILURE() << made.error().message;
  auto ns = client().Create(
      api::gvr::kNamespaces,
      json::Object({{"metadata", json::Object({{"name", awsserver::kEngineNamespace}})}}));
  if (!ns) ADD_FAILURE() << ns.error().message;

  auto aws = awsserver::AwsServer::Open({.data_dir = dir_.path() + "/aws", .root = root_}, client(),
                                        real_clock_);
  awsserver_ = std::move(*aws);
  OpenEndpoint();
  for (const char* bucket : {"data", "models"})
    if (auto bucket_made = S3(root_).CreateBucket(bucket); !bucket_made)
      ADD_FAILURE() << bucket_made.error().message;
}

EngineTest::~EngineTest() {
  port_.reset();
  awsserver_.reset();
  apiserver_.reset();
}

void EngineTest::OpenEndpoint() {
  auto port = net::Server::Start({.port = port_number_, .body_first = awsserver::BodyFirst},
                                 awsserver_->HttpHandler());
  if (!port) {
    ADD_FAILURE() << port.error().message;
    return;
  }
  port_ = std::move(*port);
  port_number_ = port_->port();
}

std::string EngineTest::endpoint() const {
  return fmt::format("http://127.0.0.1:{}", port_number_);
}

objectstore::S3Client EngineTest::S3(const aws::Credentials& credentials) const {
  return objectstore::S3Client(
      {.endpoint = endpoint(), .credentials = credentials, .retry_for = std::chrono::seconds(0)});
}

void EngineTest::PutObject(const std::string& url, const std::string& bytes) {
  auto put = S3(root_).Put(*objectstore::S3Url::Parse(url), bytes);
  ASSERT_TRUE(put) << put.error().message;
}

std::string EngineTest::GetObject(const std::string& url) {
  auto got = S3(root_).GetAll(*objectstore::S3Url::Parse(url), 64 << 20);
  if (!got && got.error().code == Code::kNotFound) return "<absent>";
  EXPECT_TRUE(got) << got.error().message;
  return got ? *got : "";
}

void EngineTest::AddNode() {
  auto made = client().Create(api::gvr::kNodes, *json::Parse(R"({"apiVersion": "v1", "kind": "Node",
      "metadata": {"name": "n"},
      "status": {"allocatable": {"cpu": "2", "memory": "8Gi"}}})"));
  ASSERT_TRUE(made) << made.error().message;
  json::Value node = *made;
  node.Set("status", *json::Parse(R"({"allocatable": {"cpu": "2", "memory": "8Gi"}})"));
  auto updated = client().UpdateStatus(api::gvr::kNodes, node);
  ASSERT_TRUE(updated) << updated.error().message;
}

json::Value EngineTest::CreateRun(const std::string& name, const json::Value& request) {
  auto made = client().Create(api::gvr::kTrainingRuns, MakeRun(name, request));
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : json::Value();
}

json::Value EngineTest::Run(const std::string& name) {
  auto run = client().Get(api::gvr::kTrainingRuns, {awsserver::kEngineNamespace, name});
  return run ? *run : json::Value();
}

json::Value EngineTest::PodOf(const std::string& name) {
  auto pod = client().Get(api::gvr::kPods, {awsserver::kEngineNamespace, name});
  return pod ? *pod : json::Value();
}

void EngineTest::SetPodStatus(const std::string& pod, const std::string& status_json) {
  json::Value object = PodOf(pod);
  ASSERT_FALSE(object.IsNull()) << pod;
  auto status = json::Parse(status_json);
  ASSERT_TRUE(status) << status.error().message;
  object.Set("status", *status);
  auto updated = client().UpdateStatus(api::gvr::kPods, object);
  ASSERT_TRUE(updated) << updated.error().message;
}

json::Value EngineTest::ReconcileUntil(RunReconciler& reconciler, const std::string& name,
                                       const std::function<bool(const json::Value& run)>& done) {
  const MonoTime deadline = real_clock_.Monotonic() + std::chrono::seconds(10);
  std::string error;
  do {
    auto outcome = reconciler.Reconcile({awsserver::kEngineNamespace, name}, {});
    if (!outcome) error = outcome.error().message;
    json::Value run = Run(name);
    if (done(run)) return run;
    real_clock_.SleepFor(std::chrono::milliseconds(10), {});
  } while (real_clock_.Monotonic() < deadline);
  ADD_FAILURE() << "the run did not get there: " << json::PrintPretty(Run(name)) << error;
  return {};
}

}  // namespace leat::engine
