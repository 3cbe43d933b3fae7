// Logs that are followed over HTTP.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <thread>

#include "api/pod_logs.h"
#include "base/mutex.h"
#include "net/outbox.h"

namespace leat::apiserver {

// PodLogs::Read blocks as long as a container runs, which would hold one of the server's few
// handler threads; so each follower has a thread of its own that fills an outbox, and waits while
// its reader is slow. Thread-safe.
class LogFollowers {
 public:
  static constexpr size_t kMaxFollowers = 128;

  ~LogFollowers();  // ends all

  // kExhausted when too many follow already. `logs` must outlive this.
  Result<std::shared_ptr<net::Outbox>> Follow(api::PodLogs& logs, const api::ObjectName& pod,
                                              const api::PodLogOptions& options) EXCLUDES(mu_);

 private:
  class Window;
  struct Finished {
    Mutex mu;
    std::vector<uint64_t> ids GUARDED_BY(mu);
  };
  void JoinFinished() REQUIRES(mu_);

  Mutex mu_;
  uint64_t last_id_ GUARDED_BY(mu_) = 0;
  Finished finished_;
  std::map<uint64_t, std::jthread> threads_ GUARDED_BY(mu_);  // last: end before finished_
};

}  // namespace leat::apiserver
