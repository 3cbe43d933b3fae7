// The JSON services over a real cluster, for tests: the embedded API server with the TrainingRun
// type, on a clock that stands still.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "apiserver/apiserver.h"
#include "awsserver/service.h"
#include "base/clock.h"
#include "io/file.h"
#include "json/value.h"
#include "store/store.h"

namespace leat::awsserver {

json::Value Parsed(std::string_view text);

// Calls one service as the account's root, in us-east-1 unless told otherwise.
class ServiceCaller {
 public:
  explicit ServiceCaller(JsonService& service) : service_(service) {}
  Answer<json::Value> Try(std::string_view operation, const json::Value& input);
  // The answer; fails the test on a refusal.
  json::Value Call(std::string_view operation, const json::Value& input);
  // "Type: message" of the refusal; fails the test when there is none.
  std::string Refusal(std::string_view operation, const json::Value& input);
  std::string region = "us-east-1";

 private:
  JsonService& service_;
};

class SageMakerTest : public ::testing::Test {
 protected:
  SageMakerTest();
  // A request that is fine, for that job.
  static json::Value Request(const std::string& name);
  std::string Create(const std::string& name) {
    return sagemaker_.Call("CreateTrainingJob", Request(name))["TrainingJobArn"].Str();
  }
  json::Value Describe(const std::string& name) {
    return sagemaker_.Call("DescribeTrainingJob", json::Object({{"TrainingJobName", name}}));
  }
  json::Value Run(const std::string& object_name);
  // Writes the run's status as the engine would.
  void SetStatus(const std::string& object_name, json::Value status);

  io::TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> cluster_;
  std::unique_ptr<JsonService> service_;
  ServiceCaller sagemaker_;

 private:
  void StartCluster();
  std::unique_ptr<JsonService> MakeService();
};

}  // namespace leat::awsserver
