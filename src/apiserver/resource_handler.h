// Requests about objects: from HTTP to the verbs and back.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "api/pod_logs.h"
#include "apiserver/log_followers.h"
#include "apiserver/render.h"
#include "apiserver/request.h"
#include "apiserver/watches.h"
#include "net/server.h"

namespace leat::apiserver {

// A whole answer. An empty body was sent already: the request was answered with a stream.
struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  bool streamed = false;
};

// Thread-safe; one call per request.
class ResourceHandler {
 public:
  ResourceHandler(Verbs& verbs, Watches& watches, LogFollowers& followers,
                  const std::atomic<api::PodLogs*>& logs)
      : verbs_(verbs), watches_(watches), followers_(followers), logs_(logs) {}

  // Errors become a metav1.Status at the caller; call.status when set says more.
  Result<Reply> Serve(net::ServerRequest& request, const RequestInfo& info,
                      net::ResponseWriter& writer, Call& call);

 private:
  Result<Reply> Get(const net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> List(const net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> Watch(const net::ServerRequest& request, const Rendering& as,
                      net::ResponseWriter& writer, Call& call);
  Result<Reply> Create(net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> Update(net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> Patch(net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> Delete(net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> DeleteCollection(net::ServerRequest& request, const Rendering& as, Call& call);
  Result<Reply> Bind(net::ServerRequest& request, const Target& pod, Call& call);
  Result<Reply> Log(net::ServerRequest& request, const Target& pod, net::ResponseWriter& writer,
                    Call& call);

  Verbs& verbs_;
  Watches& watches_;
  LogFollowers& followers_;
  const std::atomic<api::PodLogs*>& logs_;
};

}  // namespace leat::apiserver
