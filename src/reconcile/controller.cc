#include "reconcile/controller.h"

#include "base/log.h"

namespace leat::reconcile {

std::function<std::vector<api::ObjectName>(const json::Value&)> OwnerOfKind(std::string kind) {
  return [kind = std::move(kind)](const json::Value& object) -> std::vector<api::ObjectName> {
    for (const json::Value& owner : object["metadata"]["ownerReferences"].Items())
      if (owner["controller"].AsBool() && owner["kind"].AsString() == kind)
        return {{object["metadata"]["namespace"].Str(), owner["name"].Str()}};
    return {};
  };
}

Controller::Controller(api::ObjectClient& client, Clock& clock, ControllerOptions options,
                       Reconciler& reconciler)
    : name_(std::move(options.name)), reconciler_(reconciler), queue_(clock) {
  for (Source& source : options.sources) {
    auto informer =
        std::make_unique<client::Informer>(client, clock, source.type, source.selection);
    informer->AddHandler([this, keys_of = std::move(source.keys_of)](
                             const client::ObjectPtr& before, const client::ObjectPtr& after) {
      // Both sides: an object may have moved from one owner to another.
      for (const client::ObjectPtr& object : {before, after}) {
        if (!object) continue;
        if (!keys_of)
          queue_.Add(api::NameOf(*object));
        else
          for (const api::ObjectName& key : keys_of(*object)) queue_.Add(key);
      }
    });
    informers_.push_back(std::move(informer));
  }
  for (auto& informer : informers_) informer->Start();
  for (int i = 0; i < options.workers; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
}

Controller::~Controller() {
  for (std::jthread& worker : workers_) worker.request_stop();
  workers_.clear();
  informers_.clear();
}

void Controller::Work(const std::stop_token& stop) {
  while (const auto key = queue_.Take(stop)) {
    const Result<Outcome> outcome = reconciler_.Reconcile(*key, stop);
    if (!outcome) {
      const Code code = outcome.error().code;
      // Someone else wrote first: the watch brings the newer object, and that is no trouble.
      if (code != Code::kConflict && code != Code::kCancelled)
        LogWarning("reconcile failed; trying again",
                   {{"controller", name_}, {"key", key->ToString()}, {"error", outcome.error()}});
      queue_.AddBackingOff(*key);
    } else {
      queue_.Forget(*key);
      if (outcome->again_after) queue_.AddAfter(*key, *outcome->again_after);
    }
    queue_.Done(*key);
  }
}

}  // namespace leat::reconcile
