#include "objectstore/google_credentials.h"

#include <fmt/format.h>

#include <chrono>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "hash/rsa.h"
#include "io/file.h"
#include "json/value.h"

namespace leat::objectstore {
namespace {

constexpr std::chrono::minutes kRefreshBefore{5};
constexpr std::chrono::seconds kRenewEvery{5};
constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_only";
constexpr const char* kGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string private_key;  // PEM
  net::Url token_url;
  std::string token_uri;
};

std::string Base64Url(std::string_view bytes) {
  std::string text = Base64Encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

Result<std::string> MakeJwt(const ServiceAccount& account, WallTime now) {
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  json::Value header = json::Object({{"alg", "RS256"}, {"typ", "JWT"}});
  if (!account.key_id.empty()) header.Set("kid", account.key_id);
  const json::Value claims = json::Object({{"iss", account.email},
                                           {"scope", kScope},
                                           {"aud", account.token_uri},
                                           {"iat", int64_t{seconds}},
                                           {"exp", int64_t{seconds} + 3600}});
  const std::string text = Base64Url(json::Print(header)) + "." + Base64Url(json::Print(claims));
  const auto signature = hash::SignRsaSha256(account.private_key, text);
  if (!signature) return signature.error();
  return text + "." + Base64Url(*signature);
}

Result<ServiceAccount> ReadAccount(const std::string& path) {
  const auto text = io::ReadFile(path, 1 << 20);
  if (!text) return Error{Code::kUnauthorized, text.error().message};
  const auto file = json::Parse(*text);
  if (!file) return file.error().Within(path);
  const std::string_view type = (*file)["type"].AsString();
  if (type != "service_account") {
    return Error{Code::kInvalid,
                 fmt::format("{}: the type of these Google credentials is \"{}\"; only "
                             "\"service_account\" is supported",
                             path, type)};
  }
  ServiceAccount account{.email = (*file)["client_email"].Str(),
                         .key_id = (*file)["private_key_id"].Str(),
                         .private_key = (*file)["private_key"].Str(),
                         .token_url = {},
                         .token_uri = (*file)["token_uri"].Str()};
  if (account.token_uri.empty()) account.token_uri = "https://oauth2.googleapis.com/token";
  const auto url = net::Url::Parse(account.token_uri);
  if (!url) return url.error().Within(path + ": token_uri");
  const bool local = url->host == "127.0.0.1" || url->host == "localhost" || url->host == "::1";
  if (url->scheme != "https" && !local) {
    return Error{Code::kInvalid, path + ": token_uri: a token would travel in clear over http"};
  }
  account.token_url = *url;
  const auto jwt = MakeJwt(account, std::chrono::system_clock::now());
  if (!jwt) return jwt.error().Within(path + ": private_key");
  return account;
}

class GoogleSigner : public Signer {
 public:
  GoogleSigner(ServiceAccount account, const std::string& ca_pem)
      : account_(std::move(account)), http_(net::Client::Make({.tls = {.ca_pem = ca_pem}})) {}

  Status Sign(net::ClientRequest& request, const std::string&,
              const std::stop_token& stop) override {
    const auto token = Token(stop);
    if (!token) return token.error();
    request.headers.Set("Authorization", "Bearer " + *token);
    return {};
  }

  // A token that is as good as new is not why the store refused it.
  void Renew() override {
    MutexLock lock(mu_);
    if (std::chrono::system_clock::now() - fetched_ >= kRenewEvery) token_.clear();
  }

  bool BoundToHost() const override { return false; }

 private:
  // Several threads may fetch at once when a token ends; the last one is kept.
  Result<std::string> Token(const std::stop_token& stop) {
    {
      MutexLock lock(mu_);
      if (!token_.empty() && std::chrono::system_clock::now() + kRefreshBefore < expires_) {
        return token_;
      }
    }
    return Fetch(stop);
  }

  Result<std::string> Fetch(const std::stop_token& stop) {
    const std::string what = "token of " + account_.email + " at " + account_.token_uri;
    const WallTime now = std::chrono::system_clock::now();
    const auto jwt = MakeJwt(account_, now);
    if (!jwt) return jwt.error().Within(what);
    net::ClientRequest request{.method = "POST", .url = account_.token_url};
    request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
    request.body = fmt::format("grant_type={}&assertion={}", PercentEncode(kGrant), *jwt);
    auto response = http_->Send(std::move(request), stop);
    if (!response) return response.error().Within(what);
    const auto body = (*response)->ReadAll(1 << 20);
    if (!body) return body.error().Within(what);
    const auto answer = json::Parse(*body);
    const std::string token = answer ? (*answer)["access_token"].Str() : "";
    const int status = (*response)->status;
    if (status != 200 || token.empty()) {
      const std::string why = answer ? (*answer)["error_description"].Str() : "";
      const bool again = status == 429 || status >= 500;
      return Error{again ? Code::kUnavailable : Code::kUnauthorized,
                   fmt::format("{}: {} {} {}", what, status, net::ReasonPhrase(status), why)};
    }
    MutexLock lock(mu_);
    token_ = token;
    fetched_ = std::chrono::system_clock::now();
    expires_ = now + std::chrono::seconds((*answer)["expires_in"].AsInt(3600));
    return token;
  }

  const ServiceAccount account_;
  const std::unique_ptr<net::Client> http_;
  Mutex mu_;
  std::string token_ GUARDED_BY(mu_);
  WallTime fetched_ GUARDED_BY(mu_);
  WallTime expires_ GUARDED_BY(mu_);
};

}  // namespace

Result<std::shared_ptr<Signer>> MakeGoogleSigner(const std::string& path,
                                                 const std::string& ca_pem) {
  auto account = ReadAccount(path);
  if (!account) return account.error().Within("GOOGLE_APPLICATION_CREDENTIALS");
  return std::make_shared<GoogleSigner>(std::move(*account), ca_pem);
}

}  // namespace leat::objectstore
