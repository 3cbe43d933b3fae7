#include "apiserver/event_expiry.h"

#include <algorithm>

#include "base/log.h"

namespace leat::apiserver {
namespace {

// When the event was last written, as far as it says so.
WallTime LastSeen(const json::Value& event) {
  WallTime latest{};
  for (const json::Value* text :
       {&event["lastTimestamp"], &event["eventTime"], &event["metadata"]["creationTimestamp"]}) {
    latest = std::max(latest, ParseTime(text->AsString()).value_or(WallTime{}));
  }
  return latest;
}

}  // namespace

EventExpiry::EventExpiry(Verbs& verbs, std::chrono::seconds ttl) : verbs_(verbs), ttl_(ttl) {}

void EventExpiry::Start() {
  std::vector<Due> stored;
  const WallTime now = verbs_.clock().Now();
  for (const auto& entry : verbs_.store().List({.type = "events"}).entries) {
    // An event from the future (the clock was set back) lives one ttl from now.
    stored.push_back({std::min(LastSeen(entry->value), now) + ttl_, entry->key, entry->revision});
  }
  std::sort(stored.begin(), stored.end(), [](const Due& a, const Due& b) { return a.at < b.at; });
  {
    MutexLock lock(mu_);
    due_.insert(due_.begin(), stored.begin(), stored.end());
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void EventExpiry::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void EventExpiry::OnWritten(const store::Entry& entry) {
  if (entry.key.type != "events") return;
  const WallTime at = verbs_.clock().Now() + ttl_;
  MutexLock lock(mu_);
  due_.push_back({at, entry.key, entry.revision});
}

// All ttls are equal, so an event that arrives during the sleep is due after it.
void EventExpiry::Run(const std::stop_token& stop) {
  while (true) {
    std::chrono::nanoseconds wait = ttl_;
    {
      MutexLock lock(mu_);
      if (!due_.empty()) wait = due_.front().at - verbs_.clock().Now();
    }
    const auto least = std::chrono::milliseconds(100);  // lets a burst expire in one go
    if (!verbs_.clock().SleepFor(std::clamp<std::chrono::nanoseconds>(wait, least, ttl_), stop)) {
      return;
    }
    RemoveExpired(verbs_.clock().Now());
  }
}

void EventExpiry::RemoveExpired(WallTime now) {
  while (true) {
    Due due;
    {
      MutexLock lock(mu_);
      if (due_.empty() || due_.front().at > now) return;
      due = std::move(due_.front());
      due_.pop_front();
    }
    auto entry = verbs_.store().Get(due.key);
    if (!entry || (*entry)->revision != due.revision) continue;
    if (auto removed = verbs_.Remove(**entry); !removed &&
                                               removed.error().code != Code::kConflict &&
                                               removed.error().code != Code::kNotFound) {
      LogWarning("event not expired", {{"event", due.key.name}, {"error", removed.error()}});
    }
  }
}

}  // namespace leat::apiserver
