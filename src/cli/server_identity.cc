#include "cli/server_identity.h"

#include <utility>

#include "base/log.h"

namespace leat::cli {
namespace {

using std::chrono::hours;

constexpr hours kLifetime{24 * 365};
constexpr hours kRenewAfter = kLifetime * 2 / 3;
constexpr std::chrono::minutes kSkew{5};  // certificates are valid from a little before their issue

net::CertificateRequest RequestFor(const std::string& host, WallTime now) {
  net::CertificateRequest request{.common_name = "leat",
                                  .dns_names = {"localhost", "kubernetes", "kubernetes.default"},
                                  .ip_addresses = {"127.0.0.1", "::1"},
                                  .lifetime = kLifetime,
                                  .now = now};
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos ||
                          host.find(':') != std::string::npos;
  (is_address ? request.ip_addresses : request.dns_names).push_back(host);
  return request;
}

}  // namespace

ServerIdentity::ServerIdentity(net::KeyPair authority, const std::string& host, Clock& clock)
    : authority_(std::move(authority)), host_(host), clock_(clock) {}

Result<net::KeyPair> ServerIdentity::Current() {
  const WallTime now = clock_.Now();
  MutexLock lock(mu_);
  // A clock that was set back, too, makes the certificate one that is not valid yet.
  const bool is_fresh = now < renew_at_ && now >= renew_at_ - kRenewAfter - kSkew;
  if (is_fresh) return current_;
  auto issued = net::IssueCertificate(authority_, RequestFor(host_, now));
  if (!issued && current_.certificate_pem.empty()) return issued;
  if (!issued) {
    LogWarning("cannot renew the server's certificate", {{"error", issued.error()}});
    return current_;
  }
  current_ = std::move(*issued);
  renew_at_ = now + kRenewAfter;
  return current_;
}

}  // namespace leat::cli
