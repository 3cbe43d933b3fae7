// The seam between the one port and the services behind it. The router (router.h) authenticates the
// caller, reads the body and writes the answer in AWS's shape; a service only answers operations.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "api/object_client.h"
#include "awsserver/log_store.h"
#include "base/clock.h"
#include "json/value.h"

namespace leat::awsserver {

// How AWS refuses a call. `type` is AWS's own name ("ValidationException", "ResourceNotFound");
// JSON services carry it as {"__type", "message"}, S3 and the query protocol as XML.
struct AwsError {
  std::string type;
  std::string message;
  int http_status = 400;
  std::vector<std::pair<std::string, std::string>> details = {};  // more elements, for XML only
};

// A T, or the refusal that the caller shall see:
//   return AwsError{"ValidationException", "1 validation error detected: ..."};
template <class T>
class [[nodiscard]] Answer : public tl::expected<T, AwsError> {
 public:
  using Base = tl::expected<T, AwsError>;
  using Base::Base;
  Answer(AwsError error) : Base(tl::unexpect, std::move(error)) {}
};

// The Leat error of a lower module (store, cluster) as a JSON service shows it: kUnavailable and
// kTimeout ServiceUnavailable 503 (SDKs retry it), kConflict ConflictException, kExhausted
// ResourceLimitExceeded, kInvalid ValidationException, kNotFound ResourceNotFound,
// kForbidden AccessDeniedException, the rest InternalFailure 500.
AwsError ToAwsError(const Error& error);

// What a job's temporary key may touch: entries "bucket/prefix" as in the Secret's policy. An entry
// covers every key of that bucket that starts with the prefix; "bucket" or "bucket/" covers all.
struct KeyPolicy {
  std::vector<std::string> read;
  std::vector<std::string> write;  // may be read too
  bool MayRead(std::string_view bucket, std::string_view key) const;
  bool MayWrite(std::string_view bucket, std::string_view key) const;
  // True if any entry lies in the bucket: it may be asked whether it exists, no more.
  bool Names(std::string_view bucket) const;
};

// Who calls.
struct Principal {
  std::string access_key_id;
  bool is_root = false;  // the account's own key: may do everything
  KeyPolicy policy;      // of a job's key
};

struct CallContext {
  const Principal& principal;
  std::string region;      // as the caller signed it
  std::string request_id;  // also answered as x-amzn-RequestId
  std::stop_token stop;    // the client went away, or the server stops
};

// A service of AWS's JSON 1.1 protocol. Called from many threads at once.
class JsonService {
 public:
  virtual ~JsonService() = default;
  virtual std::string_view name() const = 0;           // "sagemaker", for messages
  virtual std::string_view target_prefix() const = 0;  // of X-Amz-Target: "SageMaker"
  // Answers "CreateTrainingJob" and so on; `input` is an object. Only the account's own key comes
  // this far: job keys were answered AccessDeniedException. An operation that the service does not
  // know: UnknownOperation(operation).
  virtual Answer<json::Value> Handle(std::string_view operation, const json::Value& input,
                                     const CallContext& context) = 0;
};

// UnknownOperationException that names the service and operation.
AwsError UnknownOperation(std::string_view service, std::string_view operation);

// Whether S3 has a bucket of that name; also true when that cannot be told. Thread-safe.
using HasBucket = std::function<bool(const std::string& name)>;

// sagemaker_service.cc, logs_service.cc. The references must outlive the service.
std::unique_ptr<JsonService> MakeSageMakerService(api::ObjectClient& objects, HasBucket has_bucket);
std::unique_ptr<JsonService> MakeLogsService(LogStore& logs, Clock& clock);

}  // namespace leat::awsserver
