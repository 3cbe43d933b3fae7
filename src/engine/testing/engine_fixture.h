// What the engine stands between, all real but the node: the API server over a store, and the AWS
// endpoint on a port of 127.0.0.1. Pods' states and logs are written by the test.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/apiserver.h"
#include "awsserver/awsserver.h"
#include "engine/run_reconciler.h"
#include "io/file.h"
#include "net/server.h"
#include "objectstore/s3_client.h"
#include "store/store.h"

namespace leat::engine {

// Logs of algorithm containers, as a node serves them: from `since`, and on until their end.
class WrittenLogs : public api::PodLogs {
 public:
  Status Read(const api::ObjectName& pod, const api::PodLogOptions& options,
              const std::function<bool(std::string_view)>& sink,
              const std::stop_token& stop) override;
  void Write(const std::string& pod, const std::vector<std::string>& lines);
  void HoldOpen(const std::string& pod);  // the container still runs
  void End(const std::string& pod);
  // Cuts the readers that are there off, as a node that goes away does.
  void CutOff();

 private:
  struct Written {
    std::vector<std::string> lines;
    bool open = false;
  };
  Mutex mu_;
  CondVar changed_;
  int cuts_ GUARDED_BY(mu_) = 0;
  std::map<std::string, Written> logs_ GUARDED_BY(mu_);  // by pod
};

// A CreateTrainingJob request as the SageMaker endpoint keeps it, reading s3://data/<channel>/ and
// writing below s3://models/out/.
json::Value XgboostRequest();
json::Value MakeRun(const std::string& name, const json::Value& request);

class EngineTest : public ::testing::Test {
 protected:
  EngineTest();
  ~EngineTest() override;

  api::ObjectClient& client() { return apiserver_->client(); }
  awsserver::LogStore& logs() { return awsserver_->logs(); }
  std::string endpoint() const;
  // The endpoint's port closes; its clients cannot reach it until it is back.
  void CloseEndpoint() { port_.reset(); }
  void OpenEndpoint();
  objectstore::S3Client S3(const aws::Credentials& credentials) const;
  void PutObject(const std::string& url, const std::string& bytes);
  std::string GetObject(const std::string& url);  // "<absent>" when it is not there

  // A node of 2 CPUs and 8 GiB.
  void AddNode();
  json::Value CreateRun(const std::string& name, const json::Value& request);
  json::Value Run(const std::string& name);
  json::Value PodOf(const std::string& name);  // null when gone
  // Sets a pod's status as a node would.
  void SetPodStatus(const std::string& pod, const std::string& status_json);
  // Reconciles the run until `done` holds for it; fails the test after 10 s.
  json::Value ReconcileUntil(RunReconciler& reconciler, const std::string& name,
                             const std::function<bool(const json::Value& run)>& done);

  io::TempDir dir_;
  FakeClock clock_;
  RealClock real_clock_;
  WrittenLogs pod_logs_;
  const aws::Credentials root_{"AKIALEATROOT", "root-secret", ""};

 private:
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> apiserver_;
  std::unique_ptr<awsserver::AwsServer> awsserver_;
  uint16_t port_number_ = 0;  // the same after each opening
  std::unique_ptr<net::Server> port_;
};

}  // namespace leat::engine
