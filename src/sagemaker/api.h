// The SageMaker API as the operator calls it: a seam, so that the reconciler is tested without one.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"
#include "sagemaker/operator.h"

namespace leat::sagemaker {

// Where a job is, as its spec says it.
struct Place {
  std::string region;
  std::string endpoint;  // "": the operator's default
  bool operator==(const Place&) const = default;
};

class SageMakerApi {
 public:
  virtual ~SageMakerApi() = default;
  // The URL that calls of a place go to.
  virtual std::string EndpointOf(const Place& place) const = 0;
  // Calls one operation. Errors are those of aws::Call. Thread-safe; blocks.
  virtual Result<json::Value> Call(const Place& place, std::string_view operation,
                                   const json::Value& input, const std::stop_token& stop) = 0;
};

// Over HTTP: at AWS, or at the endpoint that the options or the place name.
std::unique_ptr<SageMakerApi> MakeSageMakerApi(const OperatorOptions& options);

}  // namespace leat::sagemaker
