// kubeconfig files: which cluster, and as whom.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "net/tls.h"

namespace leat::client {

struct ClusterAccess {
  std::string server;  // "https://127.0.0.1:6443"
  std::string token;   // bearer token, or ""
  net::TlsClientOptions tls;
  std::string default_namespace = "default";
};

// Reads the file (`path`, else the first of $KUBECONFIG, else ~/.kube/config) and follows `context`
// (else its current-context). kNotFound says which file was looked for; kInvalid names what is
// wrong. What a user or cluster has beside certificates, token and address (exec, as, proxy-url) is
// refused by name.
Result<ClusterAccess> LoadKubeconfig(const std::string& path = "", const std::string& context = "");

}  // namespace leat::client
