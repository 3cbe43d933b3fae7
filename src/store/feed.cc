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

size_t MemoryOf(const Change& change) { return json::MemoryOf(change.entry->value); }

Feed::Feed(ObjectIndex& objects, size_t capacity, size_t max_bytes)
    : objects_(objects), capacity_(capacity), max_bytes_(max_bytes), floor_(objects.revision()) {}

void Feed::Publish(const std::vector<Change>& changes) {
  Ended ended;
  std::vector<Change> forgotten;
  MutexLock lock(mu_);
  objects_.Apply(changes);
  for (const Change& change : changes) {
    Tell(change, ended);
    recent_.push_back(change);
    recent_bytes_ += MemoryOf(change);
  }
  while (recent_.size() > capacity_ || recent_bytes_ > max_bytes_) {
    recent_bytes_ -= MemoryOf(recent_.front());
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

Status Feed::CheckReach(const Scope& scope, Revision since, const Older& older) const {
  if (const Revision now = objects_.revision(); since > now)
    return Error{Code::kInvalid, fmt::format("there is no revision {} of {} yet: the store is at "
                                             "{}; list again",
                                             since, scope.type, now)};
  if (floor_ > std::max(since, older.until))
    return Error{Code::kExpired,
                 fmt::format("the changes of {} since revision {} are no longer kept (memory "
                             "reaches back to {}); list again",
                             scope.type, since, floor_)};
  return {};
}

bool Feed::EachSince(const Scope& scope, Revision since, const Older& older,
                     const std::function<bool(const Change&)>& see) const {
  for (const Change& change : older.changes) {
    if (change.entry->revision > floor_) break;
    if (!see(change)) return false;
  }
  const auto after = [](Revision revision, const Change& c) {
    return revision < c.entry->revision;
  };
  auto at = std::upper_bound(recent_.begin(), recent_.end(), since, after);
  for (; at != recent_.end(); ++at)
    if (scope.Covers(at->entry->key) && !see(*at)) return false;
  return true;
}

Result<std::unique_ptr<Subscription>> Feed::Subscribe(Scope scope, Revision since,
                                                      const Older& older,
                                                      std::shared_ptr<Watcher> watcher) {
  Ended ended;
  MutexLock lock(mu_);
  if (auto reaches = CheckReach(scope, since, older); !reaches) return reaches.error();
  const bool wants_more = EachSince(
      scope, since, older, [&](const Change& change) { return watcher->OnChange(change); });
  if (!wants_more) {
    ended.push_back(std::move(watcher));
    return std::make_unique<Handle>(shared_from_this(), scope.type, 0);
  }
  return Add(std::move(scope), std::move(watcher));
}

Result<Listing> Feed::ListAt(const ListOptions& options, Revision revision, const Older& older) {
  const Scope scope{options.type, options.ns};
  ListOptions whole = options;
  whole.limit = 0;  // what was deleted since may come before what there is
  Listing listing;
  std::map<Key, EntryPtr> changed;  // as it was at `revision`; null = it was not there
  {
    MutexLock lock(mu_);
    if (auto reaches = CheckReach(scope, revision, older); !reaches) return reaches.error();
    EachSince(scope, revision, older, [&](const Change& change) {
      changed.try_emplace(change.entry->key, change.previous);  // the first change counts
      return true;
    });
    listing = objects_.List(changed.empty() ? options : whole);
  }
  listing.revision = revision;
  if (changed.empty()) return listing;
  auto& entries = listing.entries;
  std::erase_if(entries, [&](const EntryPtr& entry) { return changed.contains(entry->key); });
  const auto kept = static_cast<std::ptrdiff_t>(entries.size());
  for (const auto& [key, entry] : changed)
    if (entry && (options.after.type.empty() || options.after < key)) entries.push_back(entry);
  std::inplace_merge(entries.begin(), entries.begin() + kept, entries.end(),
                     [](const EntryPtr& a, const EntryPtr& b) { return a->key < b->key; });
  if (options.limit > 0 && entries.size() > options.limit) {
    listing.more = true;
    listing.remaining = static_cast<int64_t>(entries.size() - options.limit);
    entries.resize(options.limit);
  }
  return listing;
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
