#include "apiserver/apiserver.h"

#include <atomic>

#include "apiserver/crd_controller.h"
#include "apiserver/event_expiry.h"
#include "apiserver/garbage_collector.h"
#include "apiserver/http_face.h"
#include "apiserver/local_client.h"
#include "apiserver/namespace_controller.h"
#include "apiserver/service_accounts.h"

namespace leat::apiserver {
namespace {

// Only wires: every part gets the parts it works with.
class EmbeddedServer : public ApiServer {
 public:
  EmbeddedServer(Options options, store::Store& store, Clock& clock)
      : verbs_(store, types_, clock),
        garbage_(verbs_),
        crds_(verbs_, types_, garbage_),
        namespaces_(verbs_),
        accounts_(verbs_),
        events_(verbs_, options.event_ttl),
        watches_(verbs_),
        http_(std::move(options.access), verbs_, watches_, followers_, logs_),
        client_(verbs_, logs_) {}

  // The controllers call into each other through the verbs, so all stop before the first one goes.
  ~EmbeddedServer() override {
    events_.Stop();
    garbage_.Stop();
    accounts_.Stop();
    namespaces_.Stop();
    crds_.Stop();
  }

  Status Begin() {
    verbs_.AddObserver(&crds_);
    verbs_.AddObserver(&namespaces_);
    verbs_.AddObserver(&accounts_);
    verbs_.AddObserver(&garbage_);
    verbs_.AddObserver(&events_);
    verbs_.AddObserver(&watches_);  // after the type table has changed
    // What all rely on comes before the first controller acts: the type table, and with it the
    // owners of all objects.
    crds_.Load();
    garbage_.Index();
    crds_.Start();
    if (auto started = namespaces_.Start(); !started) return started;
    if (auto started = accounts_.Start(); !started) return started;
    garbage_.Start();
    events_.Start();
    return {};
  }

  net::Handler HttpHandler() override {
    return [this](net::ServerRequest& request, net::ResponseWriter& writer) {
      http_.Handle(request, writer);
    };
  }
  api::ObjectClient& client() override { return client_; }
  void SetPodLogs(api::PodLogs* logs) override { logs_ = logs; }
  void AddMetrics(std::function<std::string()> render) override {
    http_.AddMetrics(std::move(render));
  }

 private:
  api::TypeTable types_;
  std::atomic<api::PodLogs*> logs_ = nullptr;
  Verbs verbs_;
  GarbageCollector garbage_;
  CrdController crds_;
  NamespaceController namespaces_;
  ServiceAccounts accounts_;
  EventExpiry events_;
  Watches watches_;
  LogFollowers followers_;
  HttpFace http_;
  LocalClient client_;
};

}  // namespace

bool IsHealthCheck(const net::ServerRequest& head) { return IsHealthPath(head.path); }

Result<std::unique_ptr<ApiServer>> ApiServer::Start(Options options, store::Store& store,
                                                    Clock& clock) {
  auto server = std::make_unique<EmbeddedServer>(std::move(options), store, clock);
  if (auto begun = server->Begin(); !begun) return begun.error().Within("start the API server");
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace leat::apiserver
