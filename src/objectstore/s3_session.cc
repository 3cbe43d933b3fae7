#include "objectstore/s3_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/xml.h"
#include "base/strings.h"
#include "objectstore/redirect.h"

namespace leat::objectstore {
namespace {

constexpr size_t kMaxReply = 64u << 20;
constexpr size_t kIdleConnections = 64;  // as many as read side by side
constexpr int kMaxRedirects = 5;

// That the store does not take the credentials, whatever they may do: they ended, or were replaced.
bool RefusesCredentials(std::string_view code) {
  constexpr std::string_view kCodes[] = {
      "ExpiredToken",         "ExpiredTokenException", "TokenRefreshRequired",
      "RequestExpired",       "InvalidToken",          "InvalidAccessKeyId",
      "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSecurity",
      "InvalidSecurityToken", "SecurityTokenExpired",  "UnrecognizedClientException"};
  return std::find(std::begin(kCodes), std::end(kCodes), code) != std::end(kCodes);
}

Code CodeOf(int status, std::string_view code) {
  if (code == "SlowDown" || code == "RequestTimeout" || code == "BadDigest" ||
      code == "IncompleteBody" || code == "InternalError") {
    return Code::kUnavailable;
  }
  if (code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists") {
    return Code::kAlreadyExists;
  }
  if (RefusesCredentials(code)) return Code::kUnauthorized;
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
  std::string region;    // the bucket's, where the store tells it
  std::string endpoint;  // likewise; of <Endpoint>
  std::string location;  // of a redirect

  Error ToError(const S3Call& call) const {
    const std::string text = code.empty() ? fmt::format("{} {}", status, net::ReasonPhrase(status))
                                          : fmt::format("{}: {}", code, message);
    return {CodeOf(status, code), fmt::format("{}: {}{}", call.ToString(), text, Hint())};
  }
  bool IsElsewhere() const { return IsRedirect(status) || status == 400; }
  // Without a body 400 and 403 may be any refusal, and so may be this one.
  bool MayBeOldCredentials() const {
    return RefusesCredentials(code) || status == 401 ||
           (code.empty() && (status == 400 || status == 403));
  }

 private:
  // What to do about it, where the store's words do not tell.
  std::string Hint() const {
    if (code == "InvalidObjectState") {
      return "; the object is archived (GLACIER and the like): restore it in the store first";
    }
    if (!IsRedirect(status)) return "";
    std::string where;
    const auto add = [&](std::string_view name, const std::string& value) {
      if (!value.empty())
        where += fmt::format("{}{} \"{}\"", where.empty() ? "" : ", ", name, value);
    };
    add("endpoint", endpoint);
    add("region", region);
    add("location", location);
    if (where.empty()) return "; the store does not name the endpoint, set it with --endpoint";
    return fmt::format("; the store names {}: set --endpoint and AWS_REGION accordingly", where);
  }
};

void ReadError(const aws::XmlNode& root, Refusal& refusal) {
  refusal.code = root.ChildText("Code");
  refusal.message = root.ChildText("Message");
  refusal.endpoint = root.ChildText("Endpoint");
  if (refusal.region.empty()) refusal.region = root.ChildText("Region");
}

Refusal ReadRefusal(net::ClientResponse& response) {
  Refusal refusal{.status = response.status};
  refusal.region = response.headers.Get("x-amz-bucket-region");
  refusal.location = response.headers.Get("Location");
  const auto body = response.ReadAll(1 << 20);
  if (!body) return refusal;
  if (const auto root = aws::ParseXml(*body); root && root->name == "Error") {
    ReadError(*root, refusal);
  }
  return refusal;
}

// What a success brought, held against what the call expects.
Result<S3Reply> ReadReply(const S3Call& call, net::ClientResponse& response) {
  auto body = response.ReadAll(kMaxReply);
  if (!body) return body.error().Within(call.ToString());
  S3Reply reply{response.status, response.headers, {}};
  if (call.answer.empty() && Trim(*body).empty()) return reply;
  auto root = aws::ParseXml(*body);
  if (root && root->name == "Error") {
    Refusal refusal{.status = 500};
    ReadError(*root, refusal);
    return refusal.ToError(call);
  }
  if (call.answer.empty()) return reply;
  if (!root || root->name != call.answer) {
    const std::string what = root ? fmt::format("<{}>", root->name) : root.error().message;
    return Error{Code::kCorrupt,
                 fmt::format("{}: the answer is no {} ({}); is something before the store that "
                             "answers in its place?",
                             call.ToString(), call.answer, what)};
  }
  reply.root = std::move(*root);
  return reply;
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

Status CheckStored(const S3Call& call, const S3Reply& reply) {
  if (!reply.headers.Get("ETag").empty()) return {};
  return Error{Code::kCorrupt,
               fmt::format("{}: the answer {} has no ETag, so it is not known to be stored; is "
                           "something before the store that answers in its place?",
                           call.ToString(), reply.status)};
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

Result<std::unique_ptr<net::ClientResponse>> S3Session::Send(const S3Call& call,
                                                             const net::Url& url,
                                                             const std::string& region,
                                                             const std::stop_token& stop) {
  net::ClientRequest request;
  request.method = call.method;
  request.url = url;
  request.headers = call.headers;
  for (const auto& [name, value] : options_.headers.all()) request.headers.Set(name, value);
  request.body = call.body;
  request.timeout = options_.stall_timeout;
  if (call.make_source) {
    request.body_source = call.make_source();
    request.body_size = call.body_size;
  }
  if (auto is_signed = signer_->Sign(request, region, stop); !is_signed) {
    return is_signed.error().Within(call.ToString());
  }
  auto response = http_->Send(std::move(request), stop);
  if (!response) return response.error().Within(call.ToString());
  return response;
}

Result<std::unique_ptr<net::ClientResponse>> S3Session::Open(const S3Call& call,
                                                             const std::stop_token& stop) {
  bool moved = false, renewed = false;
  int redirects = 0;
  std::optional<net::Url> target;  // of a redirect
  while (true) {
    const Place place = CurrentPlace();
    const auto url =
        target ? Result<net::Url>(*target) : S3RequestUrl(options_, place.endpoint, call);
    if (!url) return url.error();
    auto response = Send(call, *url, place.region, stop);
    if (!response) return response;
    const int status = (*response)->status;
    if (status >= 200 && status < 300) return response;
    const Refusal refusal = ReadRefusal(**response);
    if (!moved && refusal.IsElsewhere() && MoveTo(refusal.region, place)) {
      moved = true;
      target.reset();
    } else if (!renewed && refusal.MayBeOldCredentials()) {
      signer_->Renew();
      renewed = true;
    } else {
      target = Redirected(*url, status, refusal.location, call);
      if (!target || redirects++ == kMaxRedirects) return refusal.ToError(call);
    }
  }
}

// 307 and 308 ask for the same request at another place, and no signature is carried there: the
// request is signed anew, for that host. A bearer token is good at any host, so it stays where it
// is.
std::optional<net::Url> S3Session::Redirected(const net::Url& from, int status,
                                              const std::string& location,
                                              const S3Call& call) const {
  if (status != 307 && status != 308) return std::nullopt;
  auto target = RedirectTarget(from, location);
  if (!target) return std::nullopt;
  const bool same_host = target->host == from.host && target->port == from.port;
  if (!same_host && !signer_->BoundToHost()) return std::nullopt;
  if (target->query.empty()) target->query = call.query;
  return target;
}

Result<S3Reply> S3Session::Call(const S3Call& call, const std::stop_token& stop) {
  Patience patience(retry());
  while (true) {
    auto response = Open(call, stop);
    auto reply = response ? ReadReply(call, **response) : Result<S3Reply>(response.error());
    if (reply && call.check) {
      if (auto good = call.check(*reply); !good) reply = good.error();
    }
    if (reply) return reply;
    if (auto again = patience.AfterFailure(reply.error(), stop); !again) return again.error();
  }
}

}  // namespace leat::objectstore
