#include "apiserver/local_watch.h"

#include <deque>

#include "apiserver/local_client.h"
#include "apiserver/watch_events.h"
#include "base/mutex.h"

namespace leat::apiserver {
namespace {

// The store's side. Shared with the reader, because the store may still hold it when that ends.
class Queue : public store::Watcher {
 public:
  explicit Queue(Selection selection) : selection_(std::move(selection)) {}

  bool OnChange(const store::Change& change) override EXCLUDES(mu_) {
    auto seen = Seen(selection_, change);
    if (!seen) return true;
    MutexLock lock(mu_);
    if (live_ == kLocalWatchQueue) {
      overflowed_ = true;
      changed_.NotifyOne();
      return false;
    }
    ++live_;
    changes_.push_back(std::move(*seen));
    changed_.NotifyOne();
    return true;
  }
  bool OnProgress(store::Revision) override { return true; }

  // Ahead of whatever came since the listing was made.
  void Begin(const store::Listing& initial) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    std::deque<WatchedChange> first;
    for (const auto& entry : initial.entries) {
      if (selection_.Matches(entry->value)) first.push_back({api::WatchEventType::kAdded, entry});
    }
    initial_ = first.size();
    changes_.insert(changes_.begin(), first.begin(), first.end());
  }

  Result<WatchedChange> Next(std::chrono::nanoseconds timeout, const std::stop_token& stop)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    const bool ready = changed_.WaitFor(
        mu_, stop, timeout, [&]() REQUIRES(mu_) { return !changes_.empty() || overflowed_; });
    if (stop.stop_requested()) return Error{Code::kCancelled, "watch: stopped"};
    if (!ready) return Error{Code::kTimeout, "watch: no event yet"};
    if (changes_.empty()) {
      return Error{Code::kUnavailable,
                   "watch: the reader fell behind, resume at its last revision"};
    }
    WatchedChange change = std::move(changes_.front());
    changes_.pop_front();
    initial_ > 0 ? --initial_ : --live_;
    return change;
  }

 private:
  const Selection selection_;
  Mutex mu_;
  CondVar changed_;
  std::deque<WatchedChange> changes_ GUARDED_BY(mu_);
  size_t initial_ GUARDED_BY(mu_) = 0;  // how many at the front were there at the start
  size_t live_ GUARDED_BY(mu_) = 0;
  bool overflowed_ GUARDED_BY(mu_) = false;
};

class LocalWatch : public api::ObjectWatch {
 public:
  LocalWatch(Target target, std::shared_ptr<Queue> queue,
             std::unique_ptr<store::Subscription> subscription)
      : target_(std::move(target)),
        queue_(std::move(queue)),
        subscription_(std::move(subscription)) {}

  Result<api::WatchEvent> Next(std::chrono::nanoseconds timeout,
                               const std::stop_token& stop) override {
    auto change = queue_->Next(timeout, stop);
    if (!change) return change.error();
    const store::EntryPtr& entry = change->entry;
    if (entry->value["apiVersion"].AsString() == target_.ApiVersion()) {
      return api::WatchEvent{change->type,
                             std::shared_ptr<const json::Value>(entry, &entry->value)};
    }
    auto value = InVersion(target_, entry->value);
    if (!value) return value.error();
    return api::WatchEvent{change->type, std::make_shared<const json::Value>(std::move(*value))};
  }

 private:
  const Target target_;
  const std::shared_ptr<Queue> queue_;
  const std::unique_ptr<store::Subscription> subscription_;
};

}  // namespace

Result<std::unique_ptr<api::ObjectWatch>> StartLocalWatch(store::Store& store, Target target,
                                                          Selection selection,
                                                          const std::string& resource_version) {
  auto queue = std::make_shared<Queue>(std::move(selection));
  store::ListOptions scope{.type = target.StorageName()};
  if (target.type->namespaced && !target.ns.empty()) scope.ns = target.ns;
  std::unique_ptr<store::Subscription> subscription;
  if (resource_version.empty() || resource_version == "0") {
    queue->Begin(store.ListAndWatch(scope, queue, &subscription));
  } else {
    auto since = ParseRevision(resource_version);
    if (!since) return since.error();
    auto watch = store.Watch(scope.type, scope.ns, *since, queue);
    // A revision from the future is one of another store's life: listing again is the cure too.
    if (!watch) {
      return Error{Code::kExpired, "too old resource version: " + resource_version + " (" +
                                       std::to_string(store.CurrentRevision()) + ")"};
    }
    subscription = std::move(*watch);
  }
  return std::unique_ptr<api::ObjectWatch>(
      std::make_unique<LocalWatch>(std::move(target), std::move(queue), std::move(subscription)));
}

}  // namespace leat::apiserver
