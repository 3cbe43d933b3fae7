#include "awsserver/router.h"

#include <fmt/format.h>

#include "aws/xml.h"
#include "awsserver/awsserver.h"
#include "awsserver/form_reader.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "hash/hash.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxBody = 1 << 20;
// PutLogEvents takes 1 MiB of text in 10,000 events. JSON may write two bytes of it as six
// (\u00e9), and has some sixty more round an event.
constexpr size_t kMaxLogEventsBody = (3 << 20) + 10'000 * 64;
// Enough for the fields of a form that come before its file.
constexpr size_t kFormFirst = 64 << 10;

size_t MaxBody(const net::ServerRequest& request) {
  return request.headers.Get("X-Amz-Target").ends_with(".PutLogEvents") ? kMaxLogEventsBody
                                                                        : kMaxBody;
}

struct Authenticated {
  Caller caller;
  std::string body;
};

// Services other than S3 sign their body's hash, often without sending it, so the body is needed to
// know the caller. BodyFirst has had it taken in.
Answer<Authenticated> Authenticate(Authenticator& authenticator, net::ServerRequest& request) {
  std::string body;
  auto caller = authenticator.CheckService(request, [&]() -> Answer<std::string> {
    auto read = request.ReadAll(MaxBody(request));
    if (!read && read.error().code == Code::kTooLarge) {
      return AwsError{"RequestEntityTooLargeException", read.error().message, 413};
    }
    if (!read) return AwsError{"RequestAbortedException", read.error().message, 400};
    body = std::move(*read);
    return HexEncode(hash::Digest(hash::Algorithm::kSha256, body));
  });
  if (!caller) return caller.error();
  return Authenticated{std::move(*caller), std::move(body)};
}

bool IsQueryProtocol(const net::ServerRequest& request) {
  if (request.path != "/") return false;
  if (request.query.Has("Action")) return true;
  return request.method == "POST" &&
         request.headers.Get("Content-Type").starts_with("application/x-www-form-urlencoded");
}

bool IsInvocation(const net::ServerRequest& request) {
  const auto parts = Split(request.path, '/');
  return parts.size() >= 4 && parts[0].empty() && parts[1] == "endpoints" &&
         parts[3].starts_with("invocations");
}

bool IsForm(const net::ServerRequest& request) {
  return request.method == "POST" &&
         !FormReader::Boundary(request.headers.Get("Content-Type")).empty();
}

void SendJson(const Answer<json::Value>& answer, const std::string& request_id,
              net::ResponseWriter& response) {
  response.headers.Set("Content-Type", "application/x-amz-json-1.1");
  response.headers.Set("x-amzn-RequestId", request_id);
  if (answer) return response.Send(200, json::Print(*answer));
  const AwsError& error = answer.error();
  response.headers.Set("x-amzn-ErrorType", error.type);
  response.Send(error.http_status,
                json::Print(json::Object({{"__type", error.type}, {"message", error.message}})));
}

void SendQuery(const Answer<std::string>& answer, const std::string& request_id,
               net::ResponseWriter& response) {
  response.headers.Set("Content-Type", "text/xml");
  response.headers.Set("x-amzn-RequestId", request_id);
  if (answer) return response.Send(200, *answer);
  const AwsError& error = answer.error();
  aws::XmlWriter xml("ErrorResponse");
  xml.Open("Error").Add("Type", error.http_status >= 500 ? "Receiver" : "Sender");
  xml.Add("Code", error.type).Add("Message", error.message).Close();
  xml.Add("RequestId", request_id);
  response.Send(error.http_status, xml.Finish());
}

std::string CallerIdentity(const Principal& principal, const std::string& request_id) {
  const std::string arn = principal.is_root
                              ? fmt::format("arn:aws:iam::{}:root", kAccountId)
                              : fmt::format("arn:aws:sts::{}:assumed-role/leat-job/{}", kAccountId,
                                            principal.access_key_id);
  aws::XmlWriter xml("GetCallerIdentityResponse", "https://sts.amazonaws.com/doc/2011-06-15/");
  xml.Open("GetCallerIdentityResult").Add("Arn", arn);
  xml.Add("UserId", principal.is_root ? kAccountId : principal.access_key_id);
  xml.Add("Account", kAccountId).Close();
  xml.Open("ResponseMetadata").Add("RequestId", request_id).Close();
  return xml.Finish();
}

}  // namespace

size_t BodyFirst(const net::ServerRequest& head) {
  const bool is_service = head.headers.Has("X-Amz-Target") || IsQueryProtocol(head);
  if (!is_service) {
    const std::string service = ClaimedService(head);
    if (service.empty() || service == "s3") return IsForm(head) ? kFormFirst : 0;
  }
  const size_t max = MaxBody(head);
  // One that says that it is too large is refused at once.
  if (head.ContentLength().value_or(0) > max) return 0;
  return max + 1;
}

Answer<json::Value> Router::CallJson(net::ServerRequest& request, const std::string& request_id) {
  auto authenticated = Authenticate(authenticator_, request);
  if (!authenticated) return ToJsonAuthError(authenticated.error());
  const auto& [caller, body] = *authenticated;
  const std::string_view target = request.headers.Get("X-Amz-Target");
  const size_t dot = target.rfind('.');
  const std::string_view prefix = target.substr(0, dot);
  const std::string_view operation =
      dot == std::string_view::npos ? std::string_view() : target.substr(dot + 1);
  for (JsonService* service : services_) {
    if (service->target_prefix() != prefix) continue;
    if (!caller.principal.is_root) {
      return AwsError{"AccessDeniedException",
                      fmt::format("User: {} is not authorized to perform: {}:{}",
                                  caller.principal.access_key_id, service->name(), operation),
                      400};
    }
    auto input = json::Parse(body.empty() ? std::string_view("{}") : std::string_view(body));
    if (!input || !input->IsObject()) {
      return AwsError{"SerializationException",
                      input ? "the request is not a JSON object" : input.error().message, 400};
    }
    return service->Handle(operation, *input,
                           {.principal = caller.principal,
                            .region = caller.region,
                            .request_id = request_id,
                            .stop = request.stop()});
  }
  return UnknownOperation(prefix, operation);
}

Answer<std::string> Router::CallQuery(net::ServerRequest& request, const std::string& request_id) {
  const auto authenticated = Authenticate(authenticator_, request);
  if (!authenticated) {
    AwsError error = authenticated.error();
    // The names that the query protocol has for these.
    if (error.type == "InvalidAccessKeyId" || error.type == "InvalidToken") {
      error.type = "InvalidClientTokenId";
      error.message = "The security token included in the request is invalid.";
      error.http_status = 403;
    }
    return error;
  }
  const net::Query form = net::Query::Parse(authenticated->body);
  const std::string action(request.query.Has("Action") ? request.query.Get("Action")
                                                       : form.Get("Action"));
  const std::string service = ClaimedService(request);
  if (service == "sts" && action == "GetCallerIdentity") {
    return CallerIdentity(authenticated->caller.principal, request_id);
  }
  return UnknownOperation(service, action);
}

Answer<json::Value> Router::RefuseOther(net::ServerRequest& request, const std::string& service) {
  const auto authenticated = Authenticate(authenticator_, request);
  if (!authenticated) return ToJsonAuthError(authenticated.error());
  if (service == "sagemaker" && IsInvocation(request)) {
    return AwsError{"ValidationError",
                    fmt::format("Endpoint {} of account {} not found.",
                                PercentDecode(Split(request.path, '/')[2]), kAccountId),
                    400};
  }
  return UnknownOperation(service, request.method + " " + request.path);
}

void Router::Handle(net::ServerRequest& request, net::ResponseWriter& response) {
  const std::string request_id = NewUuid();
  if (request.headers.Has("X-Amz-Target")) {
    return SendJson(CallJson(request, request_id), request_id, response);
  }
  if (IsQueryProtocol(request)) {
    return SendQuery(CallQuery(request, request_id), request_id, response);
  }
  const std::string service = ClaimedService(request);
  if (service.empty() || service == "s3") return s3_.Handle(request, response, request_id);
  SendJson(RefuseOther(request, service), request_id, response);
}

}  // namespace leat::awsserver
