// The HTTP face of the API server: who asks, for what, and how refusals look.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/auth.h"
#include "apiserver/request_metrics.h"
#include "apiserver/resource_handler.h"

namespace leat::apiserver {

// Thread-safe; runs on net's handler threads.
class HttpFace {
 public:
  HttpFace(Access access, Verbs& verbs, Watches& watches, LogFollowers& followers,
           const std::atomic<api::PodLogs*>& logs);

  void Handle(net::ServerRequest& request, net::ResponseWriter& writer);
  void AddMetrics(std::function<std::string()> render) EXCLUDES(mu_);

 private:
  Result<Reply> Answer(net::ServerRequest& request, RequestInfo& info, net::ResponseWriter& writer,
                       Call& call);
  Result<Reply> Path(const net::ServerRequest& request, const RequestInfo& info, Call& call);
  Result<Reply> OpenApi(std::string_view below);
  Result<Reply> Discovery(const net::ServerRequest& request, const RequestInfo& info);
  std::string Metrics() EXCLUDES(mu_);

  const Authenticator authenticator_;
  Verbs& verbs_;
  Watches& watches_;
  ResourceHandler resources_;
  RequestMetrics metrics_;
  Mutex mu_;
  std::vector<std::function<std::string()>> more_metrics_ GUARDED_BY(mu_);
};

}  // namespace leat::apiserver
