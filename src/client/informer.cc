#include "client/informer.h"

#include <algorithm>
#include <set>

#include "base/log.h"

namespace leat::client {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr nanoseconds kFirstBackOff = milliseconds(100), kLongestBackOff = seconds(30);
// A watch that ends sooner with nothing new would, at once begun anew, make a busy loop.
constexpr nanoseconds kShortest = seconds(1);

}  // namespace

Informer::Informer(api::ObjectClient& client, Clock& clock, api::Gvr type,
                   api::ListOptions selection)
    : client_(client), clock_(clock), type_(std::move(type)), selection_(std::move(selection)) {}

Informer::~Informer() = default;

void Informer::AddHandler(Handler handler) {
  LEAT_CHECK(!thread_.joinable(), "handlers are added before Start");
  handlers_.push_back(std::move(handler));
}

void Informer::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

bool Informer::WaitSynced(const std::stop_token& stop) {
  MutexLock lock(mu_);
  return changed_.Wait(mu_, stop, [this]() NO_THREAD_SAFETY_ANALYSIS { return synced_; });
}

ObjectPtr Informer::Get(const api::ObjectName& name) const {
  MutexLock lock(mu_);
  const auto found = objects_.find(name);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Informer::List() const {
  MutexLock lock(mu_);
  std::vector<ObjectPtr> all;
  all.reserve(objects_.size());
  for (const auto& [name, object] : objects_) all.push_back(object);
  return all;
}

void Informer::Run(const std::stop_token& stop) {
  back_off_ = kFirstBackOff;
  while (!stop.stop_requested()) {
    const Status ended = ListAndFollow(stop);
    if (ended) continue;
    if (stop.stop_requested()) return;
    LogWarning("cannot list or watch; trying again",
               {{"type", type_.resource}, {"error", ended.error()}});
    clock_.SleepFor(back_off_, stop);
    back_off_ = std::min(back_off_ * 2, kLongestBackOff);
  }
}

Status Informer::ListAndFollow(const std::stop_token& stop) {
  auto list = client_.List(type_, selection_);
  if (!list) return list.error();
  Replace(std::move(list->items));
  std::string revision = list->resource_version;
  bool any_lasted = false;
  while (!stop.stop_requested()) {
    const MonoTime begun = clock_.Monotonic();
    const std::string first = revision;
    auto watch = client_.Watch(type_, selection_, revision);
    const Error end = watch ? Follow(**watch, &revision, stop) : watch.error();
    if (stop.stop_requested()) return {};
    const bool lasted = watch && (revision != first || clock_.Monotonic() - begun >= kShortest);
    if (lasted) back_off_ = kFirstBackOff;
    any_lasted |= lasted;
    if (any_lasted && end.code == Code::kExpired) return {};
    if (!lasted || end.code != Code::kUnavailable) return end;
  }
  return {};
}

Error Informer::Follow(api::ObjectWatch& watch, std::string* revision,
                       const std::stop_token& stop) {
  while (true) {
    auto event = watch.Next(seconds(30), stop);
    if (!event && event.error().code == Code::kTimeout) continue;
    if (!event) return event.error();
    *revision = (*event->object)["metadata"]["resourceVersion"].Str();
    if (event->type == api::WatchEventType::kBookmark) continue;
    Apply(api::NameOf(*event->object),
          event->type == api::WatchEventType::kDeleted ? nullptr : event->object);
  }
}

void Informer::Replace(std::vector<json::Value> items) {
  std::set<api::ObjectName> gone;
  {
    MutexLock lock(mu_);
    for (const auto& [name, object] : objects_) gone.insert(name);
  }
  for (json::Value& item : items) {
    const api::ObjectName name = api::NameOf(item);
    gone.erase(name);
    Apply(name, std::make_shared<const json::Value>(std::move(item)));
  }
  for (const api::ObjectName& name : gone) Apply(name, nullptr);
  MutexLock lock(mu_);
  synced_ = true;
  changed_.NotifyAll();
}

void Informer::Apply(const api::ObjectName& name, ObjectPtr after) {
  ObjectPtr before;
  {
    MutexLock lock(mu_);
    const auto found = objects_.find(name);
    if (found != objects_.end()) before = found->second;
    if (after) {
      objects_[name] = after;
    } else if (before) {
      objects_.erase(found);
    }
  }
  if (!before && !after) return;
  if (before && after &&
      (*before)["metadata"]["resourceVersion"] == (*after)["metadata"]["resourceVersion"])
    return;  // seen again by a list
  for (const Handler& handler : handlers_) handler(before, after);
}

}  // namespace leat::client
