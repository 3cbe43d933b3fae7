// What TLS connections share: certificates, trust and settings. TLS 1.2 and 1.3.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "io/fd.h"
#include "net/tls.h"
#include "net/transport.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace leat::net {

// Thread-safe once made. Connections may outlive it.
class TlsContext {
 public:
  // kInvalid for unusable PEM text.
  static Result<std::unique_ptr<TlsContext>> ForServer(const TlsServerOptions& options);
  static Result<std::unique_ptr<TlsContext>> ForClient(const TlsClientOptions& options);

  // A transport that accepts a client's handshake.
  Result<std::unique_ptr<Transport>> Accept(io::UniqueFd fd) const;
  // A transport that starts a handshake and expects the certificate of `host`, a name or an
  // address (unless told not to verify).
  Result<std::unique_ptr<Transport>> Connect(io::UniqueFd fd, const std::string& host) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  using ContextPtr = std::unique_ptr<ssl_ctx_st, Free>;
  explicit TlsContext(ContextPtr context) : context_(std::move(context)) {}
  static Result<ContextPtr> MakeForServer(const TlsServerOptions& options, const KeyPair& identity);
  // Takes up a renewed identity.
  void Renew() const REQUIRES(mu_);

  bool verify_ = true;
  TlsServerOptions options_;
  mutable Mutex mu_;
  mutable ContextPtr context_ GUARDED_BY(mu_);
  mutable std::string certificate_pem_ GUARDED_BY(mu_);  // that the context shows
};

}  // namespace leat::net
