// AWS services that speak JSON 1.1 with X-Amz-Target: SageMaker, CloudWatch Logs.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "base/result.h"
#include "json/value.h"
#include "net/client.h"

namespace leat::aws {

// What the service said when it refused. `type` is AWS's own name ("ValidationException",
// "ResourceNotFound", "ThrottlingException", ...).
struct ServiceError {
  int http_status = 0;
  std::string type;
  std::string message;
};

struct JsonService {
  std::string endpoint;  // "http://127.0.0.1:9000"
  std::string region;
  std::string signing_name;   // "sagemaker", "logs"
  std::string target_prefix;  // "SageMaker", "Logs_20140328"
  Credentials credentials;
};

// Calls one operation. An answer of 4xx/5xx is an Error whose code is: ValidationException ->
// kInvalid; ResourceNotFound* and SageMaker's "Could not find" validation -> kNotFound;
// ResourceInUse
// -> kAlreadyExists; AccessDenied*, UnrecognizedClient*, InvalidSignature*, ... -> kForbidden;
// Throttling* and 5xx -> kUnavailable; ResourceLimitExceeded -> kExhausted. The message is AWS's.
// `error`, when given, receives the parts.
Result<json::Value> Call(net::Client& http, const JsonService& service, std::string_view operation,
                         const json::Value& input, const std::stop_token& stop = {},
                         ServiceError* error = nullptr);

}  // namespace leat::aws
