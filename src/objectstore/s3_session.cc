#include "objectstore/s3_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/sigv4.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/strings.h"

namespace leat::objectstore {
namespace {

constexpr size_t kMaxReply = 64u << 20;
constexpr std::chrono::milliseconds kFirstPause{200}, kLongestPause{5000};

Code CodeOf(int status, std::string_view code) {
  if (code == "SlowDown" || code == "RequestTimeout" || code == "BadDigest" ||
      code == "IncompleteBody" || code == "InternalError") {
    return Code::kUnavailable;
  }
  if (code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists") {
    return Code::kAlreadyExists;
  }
  switch (status) {
    case 401:
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 409:
    case 412:
      return Code::kConflict;
    case 429:
      return Code::kUnavailable;
    case 501:
      return Code::kUnimplemented;
    case 507:
      return Code::kExhausted;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalid;
  }
}

Error Refusal(const S3Call& call, int status, std::string_view body) {
  std::string code, message;
  if (const auto root = aws::ParseXml(body); root && root->name == "Error") {
    code = root->ChildText("Code");
    message = root->ChildText("Message");
  }
  // HEAD has no body to say more.
  const std::string text = code.empty() ? fmt::format("{} {}", status, net::ReasonPhrase(status))
                                        : fmt::format("{}: {}", code, message);
  return {CodeOf(status, code), fmt::format("{}: {}", call.ToString(), text)};
}

bool WorthRetrying(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kTimeout;
}

}  // namespace

std::string S3Call::ToString() const { return fmt::format("{} s3://{}/{}", method, bucket, key); }

Status Patience::AfterFailure(const Error& error, const std::stop_token& stop) {
  if (stop.stop_requested()) return Error{Code::kCancelled, error.message};
  if (!WorthRetrying(error)) return error;
  RealClock clock;
  const auto now = clock.Monotonic();
  if (!since_) {
    since_ = now;
    pause_ = kFirstPause;
  }
  if (now - *since_ + pause_ > options_.retry_for) return Error{Code::kUnavailable, error.message};
  if (options_.on_retry) options_.on_retry(error.message + "; trying again");
  if (!clock.SleepFor(pause_, stop)) return Error{Code::kCancelled, error.message};
  pause_ = std::min(pause_ * 2, kLongestPause);
  return {};
}

S3Session::S3Session(S3Options options)
    : options_(std::move(options)),
      http_(net::Client::Make({.tls = {.ca_pem = options_.ca_pem}})) {}

Result<std::unique_ptr<net::ClientResponse>> S3Session::Open(const S3Call& call,
                                                             const std::stop_token& stop) {
  auto url = net::Url::Parse(options_.endpoint);
  if (!url) return url.error().Within("S3 endpoint");
  url->path = "/" + call.bucket;
  if (!call.key.empty()) url->path += "/" + PercentEncode(call.key, /*keep_slash=*/true);
  url->query = call.query;
  net::ClientRequest request;
  request.method = call.method;
  request.url = *url;
  request.headers = call.headers;
  request.body = call.body;
  if (call.make_source) {
    request.body_source = call.make_source();
    request.body_size = call.body_size;
  }
  // Bodies carry a checksum of their own, which costs a tenth of what SHA-256 does.
  aws::SignV4(request, {.credentials = options_.credentials,
                        .region = options_.region,
                        .service = "s3",
                        .now = std::chrono::system_clock::now(),
                        .payload_hash = aws::kUnsignedPayload});
  auto response = http_->Send(std::move(request), stop);
  if (!response) return response.error().Within(call.ToString());
  const int status = (*response)->status;
  if (status >= 200 && status < 300) return response;
  const auto body = (*response)->ReadAll(1 << 20);
  return Refusal(call, status, body ? *body : "");
}

Result<S3Reply> S3Session::Call(const S3Call& call, const std::stop_token& stop) {
  Patience patience(options_);
  while (true) {
    auto response = Open(call, stop);
    if (response) {
      auto body = (*response)->ReadAll(kMaxReply);
      if (body) return S3Reply{(*response)->status, (*response)->headers, std::move(*body)};
      response = body.error().Within(call.ToString());
    }
    if (auto again = patience.AfterFailure(response.error(), stop); !again) return again.error();
  }
}

}  // namespace leat::objectstore
