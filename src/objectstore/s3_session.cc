#include "objectstore/s3_session.h"

#include <fmt/format.h>

#include "aws/xml.h"
#include "base/strings.h"

namespace leat::objectstore {
namespace {

constexpr size_t kMaxReply = 64u << 20;
constexpr size_t kIdleConnections = 64;  // as many as read side by side

bool IsExpiry(std::string_view code) {
  return code == "ExpiredToken" || code == "ExpiredTokenException" ||
         code == "TokenRefreshRequired" || code == "RequestExpired";
}

Code CodeOf(int status, std::string_view code) {
  if (code == "SlowDown" || code == "RequestTimeout" || code == "BadDigest" ||
      code == "IncompleteBody" || code == "InternalError") {
    return Code::kUnavailable;
  }
  if (code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists") {
    return Code::kAlreadyExists;
  }
  if (IsExpiry(code) || code == "InvalidToken" || code == "InvalidAccessKeyId" ||
      code == "SignatureDoesNotMatch" || code == "InvalidSecurity") {
    return Code::kUnauthorized;
  }
  switch (status) {
    case 401:
      return Code::kUnauthorized;
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

// An answer that is no success.
struct Refusal {
  int status = 0;
  std::string code;  // "" for an answer to HEAD, which has no body to say more
  std::string message;
  std::string region;  // the bucket's, where the store tells it

  Error ToError(const S3Call& call) const {
    const std::string text = code.empty() ? fmt::format("{} {}", status, net::ReasonPhrase(status))
                                          : fmt::format("{}: {}", code, message);
    return {CodeOf(status, code), fmt::format("{}: {}", call.ToString(), text)};
  }
  bool IsElsewhere() const { return status == 301 || status == 307 || status == 400; }
  bool MayBeExpired() const {
    return IsExpiry(code) || status == 401 || (code.empty() && status == 400);
  }
};

Refusal ReadRefusal(net::ClientResponse& response) {
  Refusal refusal{.status = response.status};
  refusal.region = response.headers.Get("x-amz-bucket-region");
  const auto body = response.ReadAll(1 << 20);
  if (!body) return refusal;
  if (const auto root = aws::ParseXml(*body); root && root->name == "Error") {
    refusal.code = root->ChildText("Code");
    refusal.message = root->ChildText("Message");
    if (refusal.region.empty()) refusal.region = root->ChildText("Region");
  }
  return refusal;
}

void ReplaceFirst(std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
}

std::shared_ptr<Signer> SignerOf(const S3Options& options) {
  return options.signer ? options.signer : MakeKeySigner(options.credentials);
}

}  // namespace

std::string S3Call::ToString() const {
  return fmt::format("{} {}://{}/{}", method, scheme, bucket, key);
}

Result<net::Url> S3RequestUrl(const S3Options& options, const std::string& endpoint,
                              const S3Call& call) {
  auto url = net::Url::Parse(endpoint);
  if (!url) return url.error().Within("S3 endpoint");
  const bool dotted = call.bucket.find('.') != std::string::npos;
  const bool in_host =
      options.virtual_host && !call.bucket.empty() && !(dotted && url->scheme == "https");
  url->path = "/";
  if (in_host) {
    url->host = call.bucket + "." + url->host;
  } else {
    url->path += call.bucket;
    if (!call.key.empty()) url->path += "/";
  }
  url->path += PercentEncode(call.key, /*keep_slash=*/true);
  url->query = call.query;
  return url;
}

std::string EndpointInRegion(std::string endpoint, const std::string& from, const std::string& to) {
  if (endpoint.find(".amazonaws.com") == std::string::npos) return endpoint;
  ReplaceFirst(endpoint, "." + from + ".", "." + to + ".");
  return endpoint;
}

S3Session::S3Session(S3Options options)
    : options_(std::move(options)),
      signer_(SignerOf(options_)),
      http_(net::Client::Make({.tls = {.ca_pem = options_.ca_pem},
                               .max_idle_per_host = kIdleConnections,
                               .connect_timeout = options_.connect_timeout})),
      place_{options_.endpoint, options_.region} {}

S3Session::Place S3Session::CurrentPlace() {
  MutexLock lock(mu_);
  return place_;
}

bool S3Session::MoveTo(const std::string& region, const Place& tried) {
  if (region.empty() || region == tried.region) return false;
  MutexLock lock(mu_);
  place_ = {EndpointInRegion(tried.endpoint, tried.region, region), region};
  return true;
}

Result<std::unique_ptr<net::ClientResponse>> S3Session::Send(const S3Call& call, const Place& place,
                                                             const std::stop_token& stop) {
  auto url = S3RequestUrl(options_, place.endpoint, call);
  if (!url) return url.error();
  net::ClientRequest request;
  request.method = call.method;
  request.url = *url;
  request.headers = call.headers;
  for (const auto& [name, value] : options_.headers.all()) request.headers.Set(name, value);
  request.body = call.body;
  request.timeout = options_.stall_timeout;
  if (call.make_source) {
    request.body_source = call.make_source();
    request.body_size = call.body_size;
  }
  if (auto is_signed = signer_->Sign(request, place.region, stop); !is_signed) {
    return is_signed.error().Within(call.ToString());
  }
  auto response = http_->Send(std::move(request), stop);
  if (!response) return response.error().Within(call.ToString());
  return response;
}

Result<std::unique_ptr<net::ClientResponse>> S3Session::Open(const S3Call& call,
                                                             const std::stop_token& stop) {
  bool moved = false, renewed = false;
  while (true) {
    const Place place = CurrentPlace();
    auto response = Send(call, place, stop);
    if (!response) return response;
    const int status = (*response)->status;
    if (status >= 200 && status < 300) return response;
    const Refusal refusal = ReadRefusal(**response);
    if (!moved && refusal.IsElsewhere() && MoveTo(refusal.region, place)) {
      moved = true;
    } else if (!renewed && refusal.MayBeExpired()) {
      signer_->Renew();
      renewed = true;
    } else {
      return refusal.ToError(call);
    }
  }
}

Result<S3Reply> S3Session::Call(const S3Call& call, const std::stop_token& stop) {
  Patience patience(retry());
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
