#include "aws/json_client.h"

#include <fmt/format.h>

#include "aws/sigv4.h"
#include "base/strings.h"
#include "json/value.h"

namespace leat::aws {
namespace {

constexpr size_t kMaxAnswer = 32u << 20;

// "com.amazonaws.sagemaker#ResourceNotFound" and "ResourceNotFound:http://..." are
// ResourceNotFound.
std::string BareType(std::string_view type) {
  if (const auto cut = Cut(type, "#")) type = cut->second;
  if (const auto cut = Cut(type, ":")) type = cut->first;
  return std::string(type);
}

bool IsForbidden(std::string_view type) {
  for (const std::string_view prefix :
       {"AccessDenied", "UnrecognizedClient", "InvalidSignature", "MissingAuthenticationToken",
        "IncompleteSignature", "InvalidClientTokenId", "InvalidAccessKeyId", "ExpiredToken",
        "SignatureDoesNotMatch", "RequestExpired", "OptInRequired", "NotAuthorized"}) {
    if (type.starts_with(prefix)) return true;
  }
  return false;
}

Code CodeOf(const ServiceError& e) {
  if (e.type.starts_with("ResourceNotFound")) return Code::kNotFound;
  // SageMaker has no error of its own for a job that does not exist.
  if (e.type == "ValidationException" && (e.message.find("Could not find") != std::string::npos ||
                                          e.message.find("not found") != std::string::npos)) {
    return Code::kNotFound;
  }
  if (e.type == "ResourceInUse" || e.type == "ResourceAlreadyExistsException") {
    return Code::kAlreadyExists;
  }
  if (e.type.starts_with("ResourceLimitExceeded") || e.type.starts_with("LimitExceeded")) {
    return Code::kExhausted;
  }
  if (e.type == "ConflictException" || e.type == "OperationAbortedException") {
    return Code::kConflict;
  }
  if (IsForbidden(e.type)) return Code::kForbidden;
  if (e.type.starts_with("Throttling") || e.type == "TooManyRequestsException" ||
      e.http_status == 429 || e.http_status >= 500) {
    return Code::kUnavailable;
  }
  if (e.type == "UnknownOperationException") return Code::kUnimplemented;
  return Code::kInvalid;
}

ServiceError ParseError(int status, const net::Headers& headers, std::string_view body) {
  ServiceError e{.http_status = status, .type = {}, .message = {}};
  if (const auto parsed = json::Parse(body)) {
    e.type = BareType((*parsed)["__type"].AsString());
    e.message = (*parsed)["message"].AsString((*parsed)["Message"].AsString());
  }
  if (e.type.empty()) e.type = BareType(headers.Get("x-amzn-ErrorType"));
  if (e.message.empty()) e.message = fmt::format("the service answered HTTP {}", status);
  return e;
}

}  // namespace

Result<json::Value> Call(net::Client& http, const JsonService& service, std::string_view operation,
                         const json::Value& input, const std::stop_token& stop,
                         ServiceError* error) {
  auto url = net::Url::Parse(service.endpoint);
  if (!url) return url.error().Within(service.signing_name + " endpoint");
  net::ClientRequest request;
  request.method = "POST";
  request.url = *url;
  request.body = json::Print(input);
  request.headers.Set("Content-Type", "application/x-amz-json-1.1");
  request.headers.Set("X-Amz-Target", fmt::format("{}.{}", service.target_prefix, operation));
  const std::string hash = Sha256Hex(request.body);
  SignV4(request, {.credentials = service.credentials,
                   .region = service.region,
                   .service = service.signing_name,
                   .now = std::chrono::system_clock::now(),
                   .payload_hash = hash});
  auto response = http.Send(std::move(request), stop);
  if (!response) {
    return response.error().Within(fmt::format("{} at {}", operation, service.endpoint));
  }
  const auto body = (*response)->ReadAll(kMaxAnswer);
  if (!body) return body.error().Within(fmt::format("{} at {}", operation, service.endpoint));
  if ((*response)->status >= 300) {
    ServiceError refused = ParseError((*response)->status, (*response)->headers, *body);
    if (error != nullptr) *error = refused;
    return Error{CodeOf(refused), refused.message};
  }
  if (body->empty()) return json::Object();
  auto parsed = json::Parse(*body, kMaxAnswer);
  if (!parsed) return parsed.error().Within(fmt::format("the answer to {}", operation));
  return parsed;
}

}  // namespace leat::aws
