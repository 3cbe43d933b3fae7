#include "store/feed.h"

#include <fmt/format.h>

#include <algorithm>

namespace leat::store {

class Feed::Handle : public Subscription {
 public:
  Handle(std::shared_ptr<Feed> feed, std::string type, uint64_t id)
      : feed_(std::move(feed)), type_(std::move(type)), id_(id) {}
  ~Handle() override { feed_->Remove(type_, id_); }

 private:
  std::shared_ptr<Feed> feed_;
  std::string type_;
  uint64_t id_;
};

Feed::Feed(ObjectIndex& objects, size_t capacity)
    : objects_(objects), capacity_(capacity), floor_(objects.revision()) {}

void Feed::Publish(const std::vector<Change>& changes) {
  Ended ended;
  std::vector<Change> forgotten;
  MutexLock lock(mu_);
  objects_.Apply(changes);
  for (const Change& change : changes) {
    Tell(change, ended);
    recent_.push_back(change);
  }
  while (recent_.size() > capacity_) {
    floor_ = recent_.front().entry->revision;
    forgotten.push_back(std::move(recent_.front()));
    recent_.pop_front();
  }
}

void Feed::Tell(const Change& change, Ended& ended) {
  const auto of_type = listeners_.find(change.entry->key.type);
  if (of_type == listeners_.end()) return;
  std::erase_if(of_type->second, [&](Listener& listener) {
    if (listener.ns && *listener.ns != change.entry->key.ns) return false;
    if (listener.watcher->OnChange(change)) return false;
    ended.push_back(std::move(listener.watcher));
    return true;
  });
}

void Feed::Progress() {
  Ended ended;
  MutexLock lock(mu_);
  const Revision revision = objects_.revision();
  for (auto& [type, listeners] : listeners_) {
    std::erase_if(listeners, [&](Listener& listener) {
      if (listener.watcher->OnProgress(revision)) return false;
      ended.push_back(std::move(listener.watcher));
      return true;
    });
  }
}

Result<std::unique_ptr<Subscription>> Feed::Subscribe(Scope scope, Revision since,
                                                      const Older& older,
                                                      std::shared_ptr<Watcher> watcher) {
  Ended ended;
  MutexLock lock(mu_);
  if (const Revision now = objects_.revision(); since > now)
    return Error{Code::kInvalid,
                 fmt::format("cannot watch {} from revision {}: the store is at {}; list again",
                             scope.type, since, now)};
  if (floor_ > std::max(since, older.until))
    return Error{Code::kExpired,
                 fmt::format("the changes of {} since revision {} are no longer kept (memory "
                             "reaches back to {}); list again",
                             scope.type, since, floor_)};
  bool wants_more = true;
  for (const Change& change : older.changes) {
    if (change.entry->revision > floor_ || !wants_more) break;
    wants_more = watcher->OnChange(change);
  }
  const auto after = [](Revision revision, const Change& c) {
    return revision < c.entry->revision;
  };
  auto at = std::upper_bound(recent_.begin(), recent_.end(), since, after);
  for (; at != recent_.end() && wants_more; ++at)
    if (scope.Covers(at->entry->key)) wants_more = watcher->OnChange(*at);
  if (!wants_more) {
    ended.push_back(std::move(watcher));
    return std::make_unique<Handle>(shared_from_this(), scope.type, 0);
  }
  return Add(std::move(scope), std::move(watcher));
}

Listing Feed::ListAndSubscribe(const ListOptions& options, std::shared_ptr<Watcher> watcher,
                               std::unique_ptr<Subscription>* subscription) {
  std::unique_ptr<Subscription> before = std::move(*subscription);  // ended after the lock
  MutexLock lock(mu_);
  *subscription = Add({options.type, options.ns}, std::move(watcher));
  return objects_.List(options);
}

std::unique_ptr<Subscription> Feed::Add(Scope scope, std::shared_ptr<Watcher> watcher) {
  const uint64_t id = ++last_id_;
  listeners_[scope.type].push_back({id, std::move(scope.ns), std::move(watcher)});
  return std::make_unique<Handle>(shared_from_this(), std::move(scope.type), id);
}

void Feed::Remove(const std::string& type, uint64_t id) {
  Ended ended;
  MutexLock lock(mu_);
  const auto of_type = listeners_.find(type);
  if (of_type == listeners_.end()) return;
  std::erase_if(of_type->second, [&](Listener& listener) {
    if (listener.id != id) return false;
    ended.push_back(std::move(listener.watcher));
    return true;
  });
  if (of_type->second.empty()) listeners_.erase(of_type);
}

}  // namespace leat::store
