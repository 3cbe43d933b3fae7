// How a watch stays without a thread: the store calls the watch's Feed on its publishing thread for
// every change; the Feed turns it into a line and pushes it to the outbox, which net's event loop
// drains. A reader that falls behind fills its outbox, which then closes; the client comes back
// with the last revision it saw, and the store's history has what it missed.
//
// The line of a change is the same bytes for all watches that want whole objects as they are
// stored, so it is made once and shared (LineCache): 1,000 watchers cost 1,000 pointers.
//
// Initial objects are pushed as one chunk, which an empty outbox takes at any size. Changes that
// arrive before it wait in the Feed.
#include "apiserver/watches.h"

#include <algorithm>
#include <deque>
#include <string>

#include "apiserver/kind_rules.h"
#include "apiserver/watch_events.h"
#include "base/log.h"

namespace leat::apiserver {
namespace {

constexpr size_t kOutboxBytes = 4u << 20;
constexpr size_t kMaxPending = 10'000;  // changes between subscribing and the initial objects

}  // namespace

// The newest line, for the watchers that are told of the same change one after another.
class Watches::LineCache {
 public:
  std::shared_ptr<const std::string> Line(const Rendering& as, std::string_view type,
                                          const store::EntryPtr& entry, WallTime now)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (entry == entry_ && type == type_) return line_;
    auto line = RenderEvent(as, type, *entry, now);
    if (!line) return nullptr;
    entry_ = entry;
    type_ = type;
    line_ = std::make_shared<const std::string>(std::move(*line));
    return line_;
  }

 private:
  Mutex mu_;
  store::EntryPtr entry_ GUARDED_BY(mu_);  // held, so that its address is not used again
  std::string_view type_ GUARDED_BY(mu_);
  std::shared_ptr<const std::string> line_ GUARDED_BY(mu_);
};

class Watches::Feed : public store::Watcher {
 public:
  Feed(const WatchRequest& request, std::shared_ptr<LineCache> lines, Clock& clock)
      : request_(request), lines_(std::move(lines)), clock_(clock) {}

  const std::shared_ptr<net::Outbox>& outbox() const { return outbox_; }

  bool OnChange(const store::Change& change) override EXCLUDES(mu_) {
    auto seen = Seen(request_.selection, change);
    MutexLock lock(mu_);
    if (!seen) return !outbox_->closed();
    if (open_) return Push(*seen);
    if (pending_.size() == kMaxPending) {
      outbox_->Close();
      return false;
    }
    pending_.push_back(std::move(*seen));
    return true;
  }

  bool OnProgress(store::Revision revision) override EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (!request_.bookmarks || !open_) return !outbox_->closed();
    return outbox_->Push(RenderBookmark(request_.rendering, revision, false));
  }

  // Everything there is, then what came meanwhile, then live.
  Status Open(const store::Listing* initial) EXCLUDES(mu_) {
    std::string text;
    if (initial != nullptr) {
      for (const store::EntryPtr& entry : initial->entries) {
        if (!request_.selection.empty() && !request_.selection.Matches(entry->value)) continue;
        auto line = RenderEvent(request_.rendering, "ADDED", *entry, clock_.Now());
        if (!line) return line.error();
        text += *line;
      }
      if (request_.bookmarks && request_.send_initial_events.value_or(false)) {
        text += RenderBookmark(request_.rendering, initial->revision, true);
      }
    }
    MutexLock lock(mu_);
    if (!text.empty()) outbox_->Push(std::move(text));
    for (const WatchedChange& change : pending_) {
      if (!Push(change)) break;
    }
    pending_.clear();
    open_ = true;
    return {};
  }

 private:
  bool Push(const WatchedChange& change) REQUIRES(mu_) {
    const std::string_view type = EventName(change.type);
    if (request_.rendering.AsStored(*change.entry)) {
      auto line = lines_->Line(request_.rendering, type, change.entry, {});
      return line != nullptr && outbox_->Push(std::move(line));
    }
    auto line = RenderEvent(request_.rendering, type, *change.entry, clock_.Now());
    if (line) return outbox_->Push(std::move(*line));
    LogError("watch ended: stored object does not convert",
             {{"object", change.entry->key.name}, {"error", line.error()}});
    outbox_->Close();
    return false;
  }

  const WatchRequest request_;
  const std::shared_ptr<LineCache> lines_;
  Clock& clock_;
  const std::shared_ptr<net::Outbox> outbox_ = std::make_shared<net::Outbox>(kOutboxBytes);
  Mutex mu_;
  bool open_ GUARDED_BY(mu_) = false;
  std::deque<WatchedChange> pending_ GUARDED_BY(mu_);
};

Watches::Watches(Verbs& verbs) : verbs_(verbs), lines_(std::make_shared<LineCache>()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

Watches::~Watches() {
  thread_.request_stop();
  thread_.join();
  std::map<uint64_t, Running> ending;
  {
    MutexLock lock(mu_);
    ending.swap(running_);
  }
  for (auto& [id, watch] : ending) watch.outbox->Close();
}

Status Watches::Subscribe(const WatchRequest& request, const std::shared_ptr<Feed>& feed,
                          Call& call, std::unique_ptr<store::Subscription>* subscription) {
  const Target& target = request.rendering.target;
  store::ListOptions scope{.type = target.StorageName()};
  if (target.type->namespaced && !target.ns.empty()) scope.ns = target.ns;
  const store::Revision current = verbs_.store().CurrentRevision();
  const bool any = request.resource_version.empty() || request.resource_version == "0";
  if (request.send_initial_events.value_or(any)) {
    auto oldest = ParseOldest(request.resource_version, current, call);
    if (!oldest) return oldest.error();
    const store::Listing initial = verbs_.store().ListAndWatch(scope, feed, subscription);
    return feed->Open(&initial);
  }
  auto since = any ? Result<store::Revision>(current) : ParseRevision(request.resource_version);
  if (!since) return since.error();
  if (auto opened = feed->Open(nullptr); !opened) return opened;
  auto watch = verbs_.store().Watch(scope.type, scope.ns, *since, feed);
  if (watch) {
    *subscription = std::move(*watch);
    return {};
  }
  // A revision from the future is one of another store's life: listing again is the cure too.
  return Error{Code::kExpired, "too old resource version: " + request.resource_version + " (" +
                                   std::to_string(current) + ")"};
}

Result<std::shared_ptr<net::Outbox>> Watches::Start(const WatchRequest& request, Call& call) {
  auto feed = std::make_shared<Feed>(request, lines_, verbs_.clock());
  std::unique_ptr<store::Subscription> subscription;
  if (auto done = Subscribe(request, feed, call, &subscription); !done) return done.error();
  uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = ++last_id_;
    const Target& target = request.rendering.target;
    running_[id] = {target.type, target.version->name,
                    std::chrono::steady_clock::now() + request.timeout, feed->outbox(),
                    std::move(subscription)};
  }
  {
    MutexLock lock(closed_->mu);
    closed_->sooner = true;
    closed_->changed.NotifyOne();
  }
  feed->outbox()->OnClosed([closed = closed_, id] {
    MutexLock lock(closed->mu);
    closed->ids.push_back(id);
    closed->changed.NotifyOne();
  });
  return feed->outbox();
}

void Watches::OnWritten(const store::Entry& entry) {
  if (entry.key.type == kCrdStorageName) EndStale();
}

void Watches::OnRemoved(const store::Entry& last) {
  if (last.key.type == kCrdStorageName) EndStale();
}

void Watches::EndStale() {
  std::vector<std::shared_ptr<net::Outbox>> stale;
  {
    MutexLock lock(mu_);
    for (const auto& [id, watch] : running_) {
      const api::Type& type = *watch.type;
      if (type.custom && verbs_.types().Find(type.group, watch.version, type.plural) != watch.type)
        stale.push_back(watch.outbox);
    }
  }
  for (const auto& outbox : stale) outbox->Close();
}

int64_t Watches::running() const {
  MutexLock lock(mu_);
  return static_cast<int64_t>(running_.size());
}

// Subscriptions end here and not where an outbox closes: that may be inside the store's own call.
void Watches::Run(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now() + std::chrono::hours(1);
  while (!stop.stop_requested()) {
    std::vector<uint64_t> ids;
    {
      MutexLock lock(closed_->mu);
      closed_->changed.WaitUntil(closed_->mu, stop, next, [&]() REQUIRES(closed_->mu) {
        return !closed_->ids.empty() || closed_->sooner;
      });
      ids.swap(closed_->ids);
      closed_->sooner = false;
    }
    const auto now = std::chrono::steady_clock::now();
    next = now + std::chrono::hours(1);
    std::vector<Running> ended;
    std::vector<std::shared_ptr<net::Outbox>> expired;
    {
      MutexLock lock(mu_);
      for (uint64_t id : ids) {
        if (auto found = running_.find(id); found != running_.end()) {
          ended.push_back(std::move(found->second));
          running_.erase(found);
        }
      }
      for (auto& [id, watch] : running_) {
        if (watch.deadline <= now) {
          expired.push_back(watch.outbox);
          watch.deadline = std::chrono::steady_clock::time_point::max();
        } else {
          next = std::min(next, watch.deadline);
        }
      }
    }
    // Each comes back through its callback.
    for (const auto& outbox : expired) outbox->Close();
  }
}

}  // namespace leat::apiserver
