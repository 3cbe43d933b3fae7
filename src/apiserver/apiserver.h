// The embedded Kubernetes API server.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "api/object_client.h"
#include "api/pod_logs.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/server.h"
#include "store/store.h"

namespace leat::apiserver {

// Credentials that the server accepts. Who is of group system:masters may do all; any other known
// user may read discovery only.
struct Access {
  std::string bearer_token;  // in `Authorization: Bearer`: "admin" of system:masters; "" for none
  // For the net::Server, which verifies client certificates; here they arrive verified: the common
  // name is the user, the organizations are the groups.
  std::string client_ca_pem;
};

struct Options {
  Access access;
  // Types (api::Type::StorageName) and their retention: events are deleted after an hour.
  std::chrono::seconds event_ttl{3600};
};

// For net::ServerOptions::ahead of the port: /healthz, /livez, /readyz.
bool IsHealthCheck(const net::ServerRequest& head);

// Everything that the API promises, without a socket: made once, outlives its clients.
class ApiServer {
 public:
  // Reads the CRDs in the store into the type table, makes the standard namespaces (default,
  // kube-system, kube-public, kube-node-lease) and starts its own controllers (garbage collection,
  // namespace deletion, default service accounts, event expiry, CRD status).
  static Result<std::unique_ptr<ApiServer>> Start(Options options, store::Store& store,
                                                  Clock& clock);
  virtual ~ApiServer() = default;  // stops them; every client must be gone

  // The HTTP face: give it to a net::Server. Open without credentials: /healthz, /livez, /readyz,
  // /version; all else 401 without them, 403 for a known user without rights.
  virtual net::Handler HttpHandler() = 0;
  // The in-process face, with all rights. Valid while this lives.
  virtual api::ObjectClient& client() = 0;
  // Who answers pods/log; none set: 503. Set before serving. Borrowed.
  virtual void SetPodLogs(api::PodLogs* logs) = 0;
  // Text that /metrics answers with beside the server's own: a callback for the other parts.
  virtual void AddMetrics(std::function<std::string()> render) = 0;
};

}  // namespace leat::apiserver
