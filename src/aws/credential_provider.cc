#include "aws/credential_provider.h"

#include <fmt/format.h>

#include "aws/credential_sources.h"
#include "base/log.h"

namespace leat::aws {
namespace {

constexpr std::chrono::minutes kRefreshBefore{5};
constexpr std::chrono::seconds kTryAgainAfter{30}, kNoSoonerAfterInvalid{5};

bool IsPast(const std::optional<MonoTime>& then, std::chrono::seconds wait) {
  return !then || std::chrono::steady_clock::now() - *then >= wait;
}

Result<TimedCredentials> Timed(Result<Credentials> found) {
  if (!found) return found.error();
  return TimedCredentials{std::move(*found), std::nullopt};
}

Result<TimedCredentials> Search(const Environment& environment, const std::stop_token& stop) {
  std::string looked;
  const auto missing = [&](const Result<TimedCredentials>& found) {
    if (found || found.error().code != Code::kNotFound) return false;
    looked += (looked.empty() ? "" : "; ") + found.error().message;
    return true;
  };
  auto found = Timed(CredentialsFromVariables(environment));
  if (missing(found)) found = FromWebIdentity(environment, stop);
  if (missing(found)) found = Timed(CredentialsFromFile(environment));
  if (missing(found)) found = FromContainer(environment, stop);
  if (missing(found)) found = FromInstance(environment, stop);
  if (!missing(found)) return found;
  return Error{Code::kUnauthorized, "no AWS credentials: " + looked};
}

}  // namespace

CredentialProvider::CredentialProvider(Environment environment)
    : environment_(std::move(environment)) {}

Result<Credentials> CredentialProvider::Get(const std::stop_token& stop) {
  {
    MutexLock lock(mu_);
    while (true) {
      const auto now = std::chrono::system_clock::now();
      const bool ends = current_ && current_->expires;
      const bool dead = !current_ || (ends && *current_->expires <= now);
      const bool due =
          ends && *current_->expires - now <= kRefreshBefore && IsPast(fetched_at_, kTryAgainAfter);
      const bool refused = invalid_ && IsPast(renewed_at_, kNoSoonerAfterInvalid);
      if (!dead && (fetching_ || (!due && !refused))) return current_->credentials;
      if (!fetching_) break;
      const bool ready =
          changed_.Wait(mu_, stop, [this]() NO_THREAD_SAFETY_ANALYSIS { return !fetching_; });
      if (!ready) return Error{Code::kCancelled, "stopped while waiting for AWS credentials"};
    }
    fetching_ = true;
    if (invalid_) renewed_at_ = std::chrono::steady_clock::now();
  }
  return Keep(Search(environment_, stop));
}

Result<Credentials> CredentialProvider::Keep(Result<TimedCredentials> fetched) {
  MutexLock lock(mu_);
  fetching_ = false;
  fetched_at_ = std::chrono::steady_clock::now();
  changed_.NotifyAll();
  if (fetched) {
    invalid_ = false;
    current_ = std::move(*fetched);
    return current_->credentials;
  }
  const bool usable =
      current_ && (!current_->expires || *current_->expires > std::chrono::system_clock::now());
  if (!usable) return fetched.error();
  LogWarning("AWS credentials could not be renewed; the old ones are used on",
             {{"error", fetched.error()}});
  return current_->credentials;
}

void CredentialProvider::Invalidate() {
  MutexLock lock(mu_);
  invalid_ = true;
}

}  // namespace leat::aws
