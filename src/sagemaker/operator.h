// The SageMaker operator.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "api/object_client.h"
#include "aws/credentials.h"
#include "base/clock.h"

namespace leat::sagemaker {

struct OperatorOptions {
  // Where spec.sageMakerEndpoint is not given; "" = AWS's own endpoint of spec.region.
  std::string default_endpoint;
  std::string ca_pem;  // trust anchors for https endpoints; "" = the system's
  aws::Credentials credentials;
  std::chrono::milliseconds poll{5000};  // how often a running job is asked about
};

class Operator {
 public:
  // Runs its controllers from here to destruction. The CRDs must be installed.
  static std::unique_ptr<Operator> Start(OperatorOptions options, api::ObjectClient& client,
                                         Clock& clock);
  virtual ~Operator() = default;
};

}  // namespace leat::sagemaker
