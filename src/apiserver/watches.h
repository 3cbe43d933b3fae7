// The watches that run over HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apiserver/render.h"
#include "net/outbox.h"

namespace leat::apiserver {

struct WatchRequest {
  Rendering rendering;
  Selection selection;
  // Where to start: after this revision. "" or "0": now, and with every object as ADDED first
  // unless send_initial_events says no.
  std::string resource_version;
  bool bookmarks = false;
  // True: ADDED for all there is, no older than resource_version, then (with bookmarks) the one
  // that says so.
  std::optional<bool> send_initial_events;
  std::chrono::milliseconds timeout{};
};

// Feeds each watch's outbox from the store. A watch costs no thread; one thread for all ends those
// whose time is up and drops those whose reader has gone. Thread-safe.
//
// When a definition is written or removed, the watches of its type end, as upstream: they would go
// on with the versions and schemas of before. Clients come back at the last revision they saw, or
// learn that the type is gone.
class Watches : public WriteObserver {
 public:
  explicit Watches(Verbs& verbs);
  ~Watches() override;  // ends all watches

  // kExpired when the revision is too old (or not of this store): the client must list again.
  // kTimeout when it wants initial events of the future.
  Result<std::shared_ptr<net::Outbox>> Start(const WatchRequest& request, Call& call) EXCLUDES(mu_);
  int64_t running() const EXCLUDES(mu_);

  void OnWritten(const store::Entry& entry) override EXCLUDES(mu_);
  void OnRemoved(const store::Entry& last) override EXCLUDES(mu_);

 private:
  class Feed;
  class LineCache;
  struct Running {
    api::TypePtr type;
    std::string version;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<net::Outbox> outbox;
    std::unique_ptr<store::Subscription> subscription;
  };
  Status Subscribe(const WatchRequest& request, const std::shared_ptr<Feed>& feed, Call& call,
                   std::unique_ptr<store::Subscription>* subscription);
  // Those of custom types that are no longer served as they were.
  void EndStale() EXCLUDES(mu_);
  void Run(const std::stop_token& stop) EXCLUDES(mu_);

  Verbs& verbs_;
  const std::shared_ptr<LineCache> lines_;
  // What the outboxes' callbacks may touch, also when they come late.
  struct Closed {
    Mutex mu;
    CondVar changed;
    std::vector<uint64_t> ids GUARDED_BY(mu);
    bool sooner GUARDED_BY(mu) = false;  // a new watch may end before the one waited for
  };
  const std::shared_ptr<Closed> closed_ = std::make_shared<Closed>();
  mutable Mutex mu_;
  std::map<uint64_t, Running> running_ GUARDED_BY(mu_);
  uint64_t last_id_ GUARDED_BY(mu_) = 0;
  std::jthread thread_;  // last: stops first
};

}  // namespace leat::apiserver
