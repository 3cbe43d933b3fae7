#include "aws/credential_sources.h"

#include <fmt/format.h>

#include "aws/ca_bundle.h"
#include "aws/xml.h"
#include "base/strings.h"
#include "io/file.h"
#include "json/value.h"
#include "net/client.h"

namespace leat::aws {
namespace {

constexpr size_t kMaxAnswer = 1 << 20;

std::string Get(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

// One request; the body of a 200. kUnauthorized when the place refuses.
Result<std::string> Ask(net::Client& http, net::ClientRequest request, const std::string& whom,
                        const std::stop_token& stop) {
  auto response = http.Send(std::move(request), stop);
  if (!response) return response.error().Within(whom);
  auto body = (*response)->ReadAll(kMaxAnswer);
  if (!body) return body.error().Within(whom);
  const int status = (*response)->status;
  if (status == 200) return body;
  const Code code = status == 429 || status >= 500 ? Code::kUnavailable
                    : status == 404                ? Code::kNotFound
                                                   : Code::kUnauthorized;
  return Error{code, fmt::format("{}: {} {}", whom, status, net::ReasonPhrase(status))};
}

Result<TimedCredentials> Complete(Credentials credentials, std::string_view expiration,
                                  const std::string& whom) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return Error{Code::kUnauthorized, whom + ": the answer holds no keys"};
  }
  if (expiration.empty()) return TimedCredentials{std::move(credentials), std::nullopt};
  const auto expires = ParseTime(expiration);
  if (!expires) return expires.error().Within(whom + ": Expiration");
  return TimedCredentials{std::move(credentials), *expires};
}

// What containers and instances answer.
Result<TimedCredentials> FromJson(const std::string& text, const std::string& whom) {
  const auto answer = json::Parse(text);
  if (!answer) return answer.error().Within(whom);
  return Complete({(*answer)["AccessKeyId"].Str(), (*answer)["SecretAccessKey"].Str(),
                   (*answer)["Token"].Str()},
                  (*answer)["Expiration"].AsString(), whom);
}

// Credentials travel in clear over http: only to this machine and the addresses that the container
// services of AWS have.
bool MayBeAsked(const net::Url& url) {
  if (url.scheme == "https") return true;
  return url.host == "localhost" || url.host.starts_with("127.") || url.host == "::1" ||
         url.host == "169.254.170.2" || url.host == "169.254.170.23" || url.host == "fd00:ec2::23";
}

Result<std::string> ContainerToken(const Environment& environment) {
  const std::string path = Get(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (path.empty()) return Get(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const auto text = io::ReadFile(path, 64 << 10);
  if (!text) {
    return Error{Code::kUnauthorized,
                 "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + text.error().message};
  }
  return std::string(Trim(*text));
}

}  // namespace

Result<TimedCredentials> FromWebIdentity(const Environment& environment,
                                         const std::stop_token& stop) {
  const std::string path = Get(environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = Get(environment, "AWS_ROLE_ARN");
  if (path.empty() || role.empty()) {
    return Error{Code::kNotFound, "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set"};
  }
  const auto token = io::ReadFile(path, 64 << 10);
  if (!token) {
    return Error{Code::kUnauthorized, "AWS_WEB_IDENTITY_TOKEN_FILE: " + token.error().message};
  }
  const std::string session = environment("AWS_ROLE_SESSION_NAME").value_or("leat");
  const std::string endpoint = FindEndpoint("sts", FindRegion(environment), environment);
  const std::string whom = fmt::format("AssumeRoleWithWebIdentity of {} at {}", role, endpoint);
  const auto url = net::Url::Parse(endpoint);
  if (!url) return url.error().Within(whom);
  net::ClientRequest request;
  request.method = "POST";
  request.url = *url;
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  request.body = fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}"
      "&WebIdentityToken={}",
      PercentEncode(role), PercentEncode(session), PercentEncode(Trim(*token)));
  const auto http = net::Client::Make({.tls = {.ca_pem = FindCaBundle(environment)}});
  const auto body = Ask(*http, std::move(request), whom, stop);
  if (!body) {
    // The place is set up: that STS has no such page must not let the search go on.
    if (body.error().code == Code::kNotFound) {
      return Error{Code::kUnauthorized, body.error().message};
    }
    return body.error();
  }
  const auto root = ParseXml(*body);
  if (!root) return root.error().Within(whom);
  const XmlNode* result = root->Child("AssumeRoleWithWebIdentityResult");
  const XmlNode* found = result != nullptr ? result->Child("Credentials") : nullptr;
  if (found == nullptr) return Error{Code::kUnauthorized, whom + ": the answer holds no keys"};
  return Complete({std::string(found->ChildText("AccessKeyId")),
                   std::string(found->ChildText("SecretAccessKey")),
                   std::string(found->ChildText("SessionToken"))},
                  found->ChildText("Expiration"), whom);
}

Result<TimedCredentials> FromContainer(const Environment& environment,
                                       const std::stop_token& stop) {
  const std::string relative = Get(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = relative.empty() ? Get(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                            : "http://169.254.170.2" + relative;
  if (full.empty()) {
    return Error{Code::kNotFound, "no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI"};
  }
  const std::string whom = "container credentials at " + full;
  const auto url = net::Url::Parse(full);
  if (!url) return url.error().Within(whom);
  if (!MayBeAsked(*url)) {
    return Error{Code::kUnauthorized, whom + ": without TLS only a local address may be asked"};
  }
  const auto token = ContainerToken(environment);
  if (!token) return token.error();
  net::ClientRequest request;
  request.url = *url;
  request.timeout = std::chrono::seconds(5);
  if (!token->empty()) request.headers.Set("Authorization", *token);
  const auto http = net::Client::Make({.connect_timeout = std::chrono::seconds(2)});
  const auto body = Ask(*http, std::move(request), whom, stop);
  if (!body) {
    if (body.error().code == Code::kNotFound) {
      return Error{Code::kUnauthorized, body.error().message};
    }
    return body.error();
  }
  return FromJson(*body, whom);
}

Result<TimedCredentials> FromInstance(const Environment& environment, const std::stop_token& stop) {
  if (Lower(Get(environment, "AWS_EC2_METADATA_DISABLED")) == "true") {
    return Error{Code::kNotFound, "AWS_EC2_METADATA_DISABLED is set"};
  }
  std::string endpoint = Get(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) endpoint = "http://169.254.169.254";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const std::string whom = "instance metadata at " + endpoint;
  const auto http = net::Client::Make({.connect_timeout = std::chrono::seconds(1)});
  std::string token;
  const auto ask = [&](const std::string& method, const std::string& path) -> Result<std::string> {
    const auto url = net::Url::Parse(endpoint + path);
    if (!url) return url.error().Within(whom);
    net::ClientRequest request;
    request.method = method;
    request.url = *url;
    request.timeout = std::chrono::seconds(2);
    if (token.empty()) {
      request.headers.Set("X-aws-ec2-metadata-token-ttl-seconds", "21600");
    } else {
      request.headers.Set("X-aws-ec2-metadata-token", token);
    }
    return Ask(*http, std::move(request), whom, stop);
  };
  auto session = ask("PUT", "/latest/api/token");
  if (!session) {
    // Most machines are no EC2 instances.
    if (session.error().code == Code::kCancelled) return session.error();
    return Error{Code::kNotFound, session.error().message};
  }
  token = Trim(*session);
  constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";
  const auto roles = ask("GET", kRoles);
  if (!roles) return roles.error();
  const std::string role(Trim(Split(*roles, '\n')[0]));
  if (role.empty()) return Error{Code::kNotFound, whom + ": the instance has no role"};
  const auto body = ask("GET", kRoles + PercentEncode(role));
  if (!body) return body.error();
  return FromJson(*body, whom + ", role " + role);
}

}  // namespace leat::aws
