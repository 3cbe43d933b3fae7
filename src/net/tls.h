// TLS identities and the small certificate authority of an embedded cluster.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leat::net {

// A certificate (chain) and its private key, both PEM.
struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

// Who a verified client certificate names: CN is the user, each O a group (Kubernetes x509
// authentication).
struct PeerIdentity {
  std::string common_name;
  std::vector<std::string> organizations;
};

struct TlsServerOptions {
  KeyPair identity;
  // When set, the identity for the next connection, in place of `identity`: so that a certificate
  // can be renewed. Asked by the server's loop, so it must not block; on an error the connection
  // gets what the one before it had.
  std::function<Result<KeyPair>()> current_identity;
  // When set, client certificates are asked for (not required) and verified against it; an
  // unverifiable one ends the handshake.
  std::string client_ca_pem;
};

struct TlsClientOptions {
  std::string ca_pem;               // trust anchors; empty = the system's
  std::optional<KeyPair> identity;  // shown when the server asks
  bool insecure_skip_verify = false;
};

// A new self-signed CA (ECDSA P-256, 10 years).
Result<KeyPair> MakeCertificateAuthority(std::string_view common_name);

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool server = true;  // extended key usage: serverAuth, else clientAuth
  std::chrono::hours lifetime{24 * 365};
  std::optional<WallTime> now;  // when it begins; the system's time if not given
};
Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request);

struct Validity {
  WallTime begin;
  WallTime end;
};
// When the (first) certificate is valid; kInvalid for no certificate.
Result<Validity> CertificateValidity(std::string_view certificate_pem);

}  // namespace leat::net
